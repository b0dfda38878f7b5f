// Samples that are ready for the model, from NumPy files: inputs.npy, and labels.npy or targets.npy where they are known.
namespace Int8Runtime.Quantization;

/// <summary>
/// A folder with <c>inputs.npy</c>, whose first dimension counts the samples, and optionally <c>labels.npy</c> (one class index
/// for each sample) and <c>targets.npy</c> (an array for each sample, for example the class of each pixel). No preprocessing is
/// done.
/// </summary>
public sealed class NpyDataset : IDataset
{
    /// <summary>The name of the file with the samples.</summary>
    public const string InputsFileName = "inputs.npy";

    private readonly float[] _inputs;
    private readonly int[]? _labels;
    private readonly NpyArray? _targets;

    /// <summary>Reads the files.</summary>
    /// <param name="folder">The folder.</param>
    /// <exception cref="DataFileException">A file cannot be read, or the files have different numbers of samples.</exception>
    public NpyDataset(string folder)
    {
        Name = folder;
        string inputs = Path.Combine(folder, InputsFileName);
        NpyArray array = NpyFile.Load(inputs);
        if (array.Shape.Rank < 2 || array.Length == 0)
            throw new DataFileException(inputs, $"an array of shape {array.Shape} holds no samples", "save an array [samples, ...]");
        Count = array.Shape[0];
        SampleShape = Shape.Create(array.Shape.Span[1..]);
        _inputs = array.ToFloats();
        _labels = LoadBeside(folder, "labels.npy") is { } labels
            ? labels.Type != DataType.Float32 && labels.Length == Count
                ? Array.ConvertAll(labels.ToFloats(), l => (int)l)
                : throw new DataFileException(Path.Combine(folder, "labels.npy"), $"these are not {Count} integers", "save one class index for each sample")
            : null;
        _targets = LoadBeside(folder, "targets.npy");
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public int Count { get; }

    /// <inheritdoc/>
    public Shape SampleShape { get; }

    /// <inheritdoc/>
    public string SampleName(int index) => $"{Name}[{index}]";

    /// <inheritdoc/>
    public int? Label(int index) => _labels?[index];

    /// <summary>The sample's part of <c>targets.npy</c> as <see cref="NpyArray"/>, or null.</summary>
    /// <inheritdoc/>
    public object? Annotation(int index)
    {
        if (_targets is null)
            return null;
        int bytes = _targets.Data.Length / Count;
        return new NpyArray(_targets.Type, Shape.Create(_targets.Shape.Span[1..]), _targets.Data.AsSpan(index * bytes, bytes).ToArray());
    }

    /// <inheritdoc/>
    public void Load(int index, Span<float> destination)
    {
        int length = this.SampleLength();
        _inputs.AsSpan(index * length, length).CopyTo(destination);
    }

    private NpyArray? LoadBeside(string folder, string file)
    {
        string path = Path.Combine(folder, file);
        if (!File.Exists(path))
            return null;
        NpyArray array = NpyFile.Load(path);
        return array.Shape.Rank >= 1 && array.Shape[0] == Count
            ? array
            : throw new DataFileException(path, $"an array of shape {array.Shape} beside {Count} samples", "save one entry for each sample");
    }
}
