// Samples that are ready for the model, from NumPy files: an array for each input, labels and targets where they are known.
using System.IO.Compression;

namespace Int8Runtime.Quantization;

/// <summary>
/// A folder of .npy files, or an .npz file of such arrays, whose first dimensions count the samples: <c>inputs</c> for a model
/// with one input, or an array for each input, named like it (<c>/ \ : * ? " &lt; &gt; |</c> as <c>_</c>). <c>labels</c> holds
/// one class index for each sample, <c>targets</c> anything else that is known, for example the class of each pixel. No
/// preprocessing is done.
/// </summary>
public sealed class NpyDataset : IDataset
{
    /// <summary>The name of the file with the samples of a model with one input.</summary>
    public const string InputsFileName = "inputs.npy";

    private const string Inputs = "inputs", Labels = "labels", Targets = "targets", Extension = ".npy";

    private readonly Dictionary<string, NpyArray> _inputs;
    private readonly float[] _first;
    private readonly int[]? _labels;
    private readonly NpyArray? _targets;

    /// <summary>Reads the files.</summary>
    /// <param name="path">The folder or .npz file.</param>
    /// <exception cref="DataFileException">A file cannot be read, or the arrays have different numbers of samples.</exception>
    public NpyDataset(string path)
    {
        Name = path;
        Dictionary<string, NpyArray> arrays = Directory.Exists(path) ? OpenFolder(path) : OpenArchive(path);
        arrays.Remove(Labels, out NpyArray? labels);
        arrays.Remove(Targets, out _targets);
        if (arrays.Remove(Inputs, out NpyArray? inputs))
            arrays = new() { [Inputs] = inputs };
        else
            InputNames = [.. arrays.Keys.Order(StringComparer.Ordinal)];
        _inputs = arrays;
        if (arrays.Count == 0)
            throw new DataFileException(path, "there is no array of samples",
                $"save {InputsFileName}, or NAME.npy for each input of the model");
        (string firstName, NpyArray first) = InputNames.Count > 0 ? (InputNames[0], arrays[InputNames[0]]) : (Inputs, arrays[Inputs]);
        foreach ((string name, NpyArray array) in arrays)
            if (array.Shape.Rank < (InputNames.Count > 0 ? 1 : 2) || array.Length == 0)
                throw new DataFileException(path, $"the array '{name}' of shape {array.Shape} holds no samples",
                    "save an array [samples, ...]");
        Count = first.Shape[0];
        foreach ((string name, NpyArray array) in arrays.Concat(_targets is null ? [] : [new(Targets, _targets)]))
            if (array.Shape.Rank < 1 || array.Shape[0] != Count)
                throw new DataFileException(path,
                    $"the array '{name}' of shape {array.Shape} stands beside {Count} samples of '{firstName}'",
                    "save one entry for each sample");
        SampleShape = ShapeOf(firstName);
        _first = first.ToFloats();
        if (labels is null)
            return;
        _labels = !labels.Type.IsFloatingPoint() && labels.Length == Count
            ? Array.ConvertAll(labels.ToDoubles(), l => (int)l)
            : throw new DataFileException(path, $"the labels are not {Count} integers", "save one class index for each sample");
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public int Count { get; }

    /// <inheritdoc/>
    public Shape SampleShape { get; }

    /// <inheritdoc/>
    public IReadOnlyList<string> InputNames { get; } = [];

    /// <summary>Whether a folder holds .npy files of samples.</summary>
    public static bool IsNpyFolder(string folder) => UserFiles.In(folder, "*" + Extension)
        .Any(f => Path.GetFileNameWithoutExtension(f) is not (Labels or Targets));

    /// <inheritdoc/>
    public Shape ShapeOf(string input) => Shape.Create(_inputs[input].Shape.Span[1..]);

    /// <inheritdoc/>
    public string SampleName(int index) => $"{Name}[{index}]";

    /// <inheritdoc/>
    public int? Label(int index) => _labels?[index];

    /// <summary>The sample's part of <c>targets</c> as <see cref="NpyArray"/>, or null.</summary>
    /// <inheritdoc/>
    public object? Annotation(int index) => _targets is null ? null : PartOf(_targets, index);

    /// <inheritdoc/>
    public void Load(int index, Span<float> destination)
    {
        int length = this.SampleLength();
        _first.AsSpan(index * length, length).CopyTo(destination);
    }

    /// <inheritdoc/>
    public void Load(int index, string input, TensorMemory destination)
    {
        NpyArray part = PartOf(_inputs[input], index);
        if (!part.TryCopyTo(destination))
        {
            throw new DataFileException(Name,
                $"the array '{input}' holds {part.Type}, which does not fill an input of {destination.Descriptor.DataType}",
                "save it in the input's type");
        }
    }

    private NpyArray PartOf(NpyArray array, int index)
    {
        int bytes = array.Data.Length / Count;
        return new NpyArray(array.Type, Shape.Create(array.Shape.Span[1..]), array.Data.AsSpan(index * bytes, bytes).ToArray());
    }

    private static Dictionary<string, NpyArray> OpenFolder(string folder) => UserFiles.In(folder, "*" + Extension)
        .ToDictionary(f => Path.GetFileNameWithoutExtension(f), NpyFile.Load, StringComparer.Ordinal);

    private static Dictionary<string, NpyArray> OpenArchive(string path)
    {
        try
        {
            var arrays = new Dictionary<string, NpyArray>(StringComparer.Ordinal);
            using ZipArchive archive = ZipFile.OpenRead(path);
            foreach (ZipArchiveEntry entry in archive.Entries.Where(e => e.FullName.EndsWith(Extension, StringComparison.Ordinal)))
            {
                using Stream stream = entry.Open();
                using var content = new MemoryStream();
                stream.CopyTo(content);
                arrays[entry.FullName[..^Extension.Length]] = NpyFile.Parse(content.GetBuffer().AsSpan(0, (int)content.Length));
            }

            return arrays;
        }
        catch (InvalidDataException e)
        {
            throw new DataFileException(path, e.Message, "save it with numpy.savez(file, NAME=array, ...)", inner: e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DataFileException(path, $"cannot read the file ({e.Message})", inner: e);
        }
    }
}
