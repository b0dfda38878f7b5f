// Image files with class indices: all of a folder with labels.txt, or those that a list names; lines `file class-index`.
using System.Globalization;

namespace Int8Runtime.Quantization;

/// <summary>
/// Images of a folder, in the order of their names. <c>labels.txt</c> in the folder gives the class indices, one
/// <c>file class-index</c> per line (the file relative to the folder; blank lines and lines that start with # are
/// skipped); the file may be absent where labels are not needed.
/// </summary>
public sealed class ImageFolderDataset : ImageFileDataset
{
    /// <summary>The name of the file with the labels.</summary>
    public const string LabelsFileName = "labels.txt";

    private readonly int?[] _labels;

    /// <summary>Lists a folder; no image is read yet.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="preprocessing">What to do with each image.</param>
    /// <param name="requireLabels">Whether every image must have a label.</param>
    /// <exception cref="DataFileException">
    /// There is no such folder or no image in it, a line of labels.txt is malformed, names a missing file or one that was
    /// named before, or a label is required and missing.
    /// </exception>
    public ImageFolderDataset(string folder, Preprocessing preprocessing, bool requireLabels = false)
        : this(folder, folder, List(folder, requireLabels), preprocessing)
    {
    }

    private ImageFolderDataset(string name, string folder, SortedDictionary<string, int?> samples, Preprocessing preprocessing)
        : base(name, folder, [.. samples.Keys], preprocessing) => _labels = [.. samples.Values];

    /// <summary>
    /// Reads the images that a list names, such as the validation list of ImageNet: lines <c>file class-index</c>, files
    /// relative to the list's folder.
    /// </summary>
    /// <param name="listFile">The list.</param>
    /// <param name="preprocessing">What to do with each image.</param>
    /// <exception cref="DataFileException">The list is missing or empty, or a line is malformed or names a missing file.</exception>
    public static ImageFolderDataset OpenList(string listFile, Preprocessing preprocessing)
    {
        string folder = Path.GetDirectoryName(Path.GetFullPath(listFile))!;
        var samples = new SortedDictionary<string, int?>(StringComparer.Ordinal);
        ReadLabels(listFile, folder, samples);
        return samples.Count > 0
            ? new ImageFolderDataset(listFile, folder, samples, preprocessing)
            : throw new DataFileException(listFile, "the list names no images", "add a line `file class-index` for each image");
    }

    /// <inheritdoc/>
    public override int? Label(int index) => _labels[index];

    private static SortedDictionary<string, int?> List(string folder, bool requireLabels)
    {
        if (!Directory.Exists(folder))
        {
            throw new DataFileException(folder, "there is no such folder", "give the path of a folder with images");
        }

        SortedDictionary<string, int?> samples = ListImages(folder);
        string labelsFile = Path.Combine(folder, LabelsFileName);
        if (File.Exists(labelsFile))
        {
            ReadLabels(labelsFile, folder, samples);
        }
        else if (requireLabels)
        {
            throw new DataFileException(folder, $"there is no {LabelsFileName}, and labels are needed here",
                "add one with a line `file class-index` for each image");
        }

        if (samples.Count == 0)
        {
            throw new DataFileException(folder, "there are no images in this folder", "put PNG, JPEG, PPM or PGM files there");
        }

        if (requireLabels && samples.FirstOrDefault(sample => sample.Value is null).Key is { } unlabelled)
        {
            throw new DataFileException(labelsFile, $"there is no label for the image '{unlabelled}'",
                $"add the line `{unlabelled} class-index` or take the image out of the folder");
        }

        return samples;
    }

    private static SortedDictionary<string, int?> ListImages(string folder)
    {
        var samples = new SortedDictionary<string, int?>(StringComparer.Ordinal);
        foreach (string path in UserFiles.In(folder).Where(ImageCodec.HasImageExtension))
        {
            samples.Add(Path.GetFileName(path), null);
        }

        return samples;
    }

    private static void ReadLabels(string labelsFile, string folder, SortedDictionary<string, int?> samples)
    {
        int number = 0;
        foreach (string raw in UserFiles.Lines(labelsFile))
        {
            number++;
            string line = raw.Trim();
            if (line.Length == 0 || line[0] == '#')
            {
                continue;
            }

            // The name may hold spaces, so the index is what follows the last one.
            int gap = line.LastIndexOfAny([' ', '\t']);
            if (gap < 0
                || !int.TryParse(line.AsSpan(gap + 1), NumberStyles.None, CultureInfo.InvariantCulture, out int label))
            {
                throw new DataFileException(labelsFile, $"'{line}' is not of the form `file class-index`",
                    "write the file's name, a space and a class index from 0 up", number);
            }

            string file = line[..gap].TrimEnd();
            if (!samples.TryGetValue(file, out int? known) && !File.Exists(Path.Combine(folder, file)))
            {
                throw new DataFileException(labelsFile, $"there is no file '{file}' in {folder}",
                    "put the image there or take the line out", number);
            }

            if (known is not null)
            {
                throw new DataFileException(labelsFile, $"the file '{file}' has a label already",
                    "take one of the lines out", number);
            }

            samples[file] = label;
        }
    }
}
