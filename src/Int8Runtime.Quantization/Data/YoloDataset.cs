// Images with YOLO label files: one line `class centre-x centre-y width height` per object, relative to the image.
using System.Globalization;

namespace Int8Runtime.Quantization;

/// <summary>
/// Images in a folder <c>images</c> (or below it) with label files in the folder <c>labels</c> beside it, as the YOLO family of
/// detectors uses them. An image without a label file shows no object.
/// </summary>
public sealed class YoloDataset : ImageFileDataset
{
    private readonly string _labels;

    private YoloDataset(string images, string labels, IReadOnlyList<string> files, Preprocessing preprocessing)
        : base(images, images, files, preprocessing) => _labels = labels;

    /// <summary>The folder of the labels that belongs to a folder of images, or null where there is none.</summary>
    /// <param name="images">A folder named <c>images</c> or inside one.</param>
    public static string? LabelFolderOf(string images)
    {
        string[] parts = Path.GetFullPath(images).TrimEnd(Path.DirectorySeparatorChar).Split(Path.DirectorySeparatorChar);
        int at = Array.LastIndexOf(parts, "images");
        if (at < 0)
            return null;
        parts[at] = "labels";
        string labels = string.Join(Path.DirectorySeparatorChar, parts);
        return Directory.Exists(labels) ? labels : null;
    }

    /// <summary>Lists the images of a folder; no image is read yet.</summary>
    /// <param name="images">A folder named <c>images</c> or inside one, with the labels in the folder <c>labels</c> beside it.</param>
    /// <param name="preprocessing">What to do with each image.</param>
    /// <exception cref="DataFileException">There are no images or no labels.</exception>
    public static YoloDataset Open(string images, Preprocessing preprocessing)
    {
        string labels = LabelFolderOf(images)
            ?? throw new DataFileException(images, "there is no folder 'labels' beside the folder 'images'",
            "put label files with lines `class cx cy w h` there");
        string[] files = [.. UserFiles.In(images).Where(ImageCodec.HasImageExtension).Select(f => Path.GetFileName(f))
            .Order(StringComparer.Ordinal)];
        return files.Length > 0
            ? new YoloDataset(images, labels, files, preprocessing)
            : throw new DataFileException(images, "there are no images in this folder", "put PNG, JPEG, PPM or PGM files there");
    }

    /// <summary>The objects, in pixels of the model's input: a list of <see cref="LabelledBox"/>.</summary>
    /// <inheritdoc/>
    public override object Annotation(int index)
    {
        string file = Path.Combine(_labels, Path.ChangeExtension(SampleName(index), ".txt"));
        if (!File.Exists(file))
            return Array.Empty<LabelledBox>();
        (int width, int height, ImagePlacement placement) = Geometry(index);
        var boxes = new List<LabelledBox>();
        int number = 0;
        foreach (string line in UserFiles.Lines(file))
        {
            number++;
            if (line.Trim().Length > 0)
                boxes.Add(Parse(file, line, number, width, height, placement));
        }

        return boxes;
    }

    private static LabelledBox Parse(string file, string line, int number, int width, int height, ImagePlacement placement)
    {
        string[] parts = line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        var values = new float[5];
        bool valid = parts.Length == values.Length;
        for (int i = 0; valid && i < values.Length; i++)
            valid = float.TryParse(parts[i], NumberStyles.Float, CultureInfo.InvariantCulture, out values[i]) && float.IsFinite(values[i]);
        if (!valid || values[0] < 0 || values[0] != MathF.Floor(values[0]))
        {
            throw new DataFileException(file, $"'{line.Trim()}' is not of the form `class cx cy w h`",
                "write a class index and four numbers relative to the image's size", number);
        }

        (float x, float y, float w, float h) = (values[1] * width, values[2] * height, values[3] * width, values[4] * height);
        return new LabelledBox(new Box(x - (w / 2), y - (h / 2), x + (w / 2), y + (h / 2)).Place(placement), (int)values[0]);
    }
}
