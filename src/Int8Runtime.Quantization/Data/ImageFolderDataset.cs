// A folder of image files, with class indices in labels.txt: one line per image, `file class-index`.
using System.Globalization;

namespace Int8Runtime.Quantization;

/// <summary>
/// Images of a folder, in the order of their names. <c>labels.txt</c> in the folder gives the class indices, one
/// <c>file class-index</c> per line (the file relative to the folder; blank lines and lines that start with # are
/// skipped); the file may be absent where labels are not needed.
/// </summary>
public sealed class ImageFolderDataset : IDataset
{
    /// <summary>The name of the file with the labels.</summary>
    public const string LabelsFileName = "labels.txt";

    private readonly string _folder;
    private readonly string[] _files;
    private readonly int?[] _labels;
    private readonly Preprocessor _preprocessor;
    private readonly Lazy<Shape> _shape;

    /// <summary>Lists a folder; no image is read yet.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="preprocessing">What to do with each image.</param>
    /// <param name="requireLabels">Whether every image must have a label.</param>
    /// <exception cref="DataFileException">
    /// There is no such folder or no image in it, a line of labels.txt is malformed, names a missing file or one that was
    /// named before, or a label is required and missing.
    /// </exception>
    public ImageFolderDataset(string folder, Preprocessing preprocessing, bool requireLabels = false)
    {
        _folder = folder;
        _preprocessor = new Preprocessor(preprocessing);
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

        _files = [.. samples.Keys];
        _labels = [.. samples.Values];
        _shape = new Lazy<Shape>(() => _preprocessor.SampleShape(Read(0)));
    }

    /// <inheritdoc/>
    public string Name => _folder;

    /// <inheritdoc/>
    public int Count => _files.Length;

    /// <inheritdoc/>
    public Shape SampleShape => _shape.Value;

    /// <inheritdoc/>
    public string SampleName(int index) => _files[index];

    /// <inheritdoc/>
    public int? Label(int index) => _labels[index];

    /// <inheritdoc/>
    public void Load(int index, Span<float> destination)
    {
        ImageBuffer image = Read(index);
        Shape shape = _preprocessor.SampleShape(image);
        if (shape != _shape.Value)
        {
            throw new DataFileException(PathOf(index),
                $"the image gives a sample of {string.Join('x', shape)}, the first one of the folder {string.Join('x', _shape.Value)}",
                "make the sizes equal with --resize WIDTHxHEIGHT, or with --resize and --crop");
        }

        _preprocessor.Normalize(image, destination);
    }

    private static SortedDictionary<string, int?> ListImages(string folder)
    {
        var samples = new SortedDictionary<string, int?>(StringComparer.Ordinal);
        foreach (string path in Directory.EnumerateFiles(folder).Where(ImageCodec.HasImageExtension))
        {
            samples.Add(Path.GetFileName(path), null);
        }

        return samples;
    }

    private static void ReadLabels(string labelsFile, string folder, SortedDictionary<string, int?> samples)
    {
        int number = 0;
        foreach (string raw in File.ReadLines(labelsFile))
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

    private string PathOf(int index) => Path.Combine(_folder, _files[index]);

    private ImageBuffer Read(int index)
    {
        ImageBuffer image = ImageCodec.Load(PathOf(index));
        try
        {
            return _preprocessor.Arrange(image);
        }
        catch (InvalidDataException e)
        {
            throw new DataFileException(PathOf(index), e.Message, "choose another --resize or --crop", inner: e);
        }
    }
}
