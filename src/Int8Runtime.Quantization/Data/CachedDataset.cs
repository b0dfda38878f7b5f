// Keeps preprocessed samples in memory for work that reads them many times.
namespace Int8Runtime.Quantization;

/// <summary>
/// Remembers samples of another set as they were loaded first, as many as fit into a budget. Tuning evaluates the same images
/// again and again, and decoding and resizing a photograph takes longer than an inference.
/// </summary>
public sealed class CachedDataset : IDataset
{
    private readonly IDataset _inner;
    private readonly float[]?[] _samples;
    private readonly int _capacity;
    private int _kept;

    /// <summary>Wraps a set.</summary>
    /// <param name="inner">The set.</param>
    /// <param name="maxBytes">Memory for samples; those that do not fit are loaded every time.</param>
    public CachedDataset(IDataset inner, long maxBytes = 512L << 20)
    {
        ArgumentNullException.ThrowIfNull(inner);
        _inner = inner;
        _samples = new float[inner.Count][];
        _capacity = (int)Math.Min(inner.Count, maxBytes / Math.Max(1, inner.SampleLength() * (long)sizeof(float)));
    }

    /// <inheritdoc/>
    public string Name => _inner.Name;

    /// <inheritdoc/>
    public int Count => _inner.Count;

    /// <inheritdoc/>
    public Shape SampleShape => _inner.SampleShape;

    /// <inheritdoc/>
    public IReadOnlyList<string> InputNames => _inner.InputNames;

    /// <inheritdoc/>
    public Shape ShapeOf(string input) => _inner.ShapeOf(input);

    /// <summary>Samples for inputs by name are not kept: their sets hold them in memory.</summary>
    /// <inheritdoc/>
    public void Load(int index, string input, TensorMemory destination) => _inner.Load(index, input, destination);

    /// <inheritdoc/>
    public object? Annotation(int index) => _inner.Annotation(index);

    /// <inheritdoc/>
    public string SampleName(int index) => _inner.SampleName(index);

    /// <inheritdoc/>
    public int? Label(int index) => _inner.Label(index);

    /// <inheritdoc/>
    public void Load(int index, Span<float> destination)
    {
        if (Volatile.Read(ref _samples[index]) is { } kept)
        {
            kept.CopyTo(destination);
            return;
        }

        _inner.Load(index, destination);

        // Room is taken first, and given back where there is none, or where another thread has kept the sample meanwhile.
        bool hasRoom = Interlocked.Increment(ref _kept) <= _capacity;
        if (!hasRoom || Interlocked.CompareExchange(ref _samples[index], destination[..this.SampleLength()].ToArray(), null) is not null)
            Interlocked.Decrement(ref _kept);
    }
}
