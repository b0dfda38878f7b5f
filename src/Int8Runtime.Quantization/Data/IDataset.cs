// A set of samples that calibration and evaluation read; implementations may be read from many threads at once.
namespace Int8Runtime.Quantization;

/// <summary>
/// Samples of one shape, each loaded on demand into the caller's memory, with class labels where they are known.
/// Implementations are thread-safe and give the same order on every machine.
/// </summary>
public interface IDataset
{
    /// <summary>What the set is called in messages: usually its path.</summary>
    string Name { get; }

    /// <summary>Number of samples, at least 1.</summary>
    int Count { get; }

    /// <summary>The dimensions of one sample without the batch dimension, for example [3, 224, 224].</summary>
    Shape SampleShape { get; }

    /// <summary>The name of a sample for messages, for example its file name.</summary>
    /// <param name="index">0 to <see cref="Count"/> − 1.</param>
    string SampleName(int index);

    /// <summary>The class index of a sample, or null when it has none.</summary>
    /// <param name="index">0 to <see cref="Count"/> − 1.</param>
    int? Label(int index);

    /// <summary>Loads and preprocesses one sample.</summary>
    /// <param name="index">0 to <see cref="Count"/> − 1.</param>
    /// <param name="destination">As many elements as <see cref="SampleShape"/> has.</param>
    /// <exception cref="DataFileException">The sample cannot be read.</exception>
    void Load(int index, Span<float> destination);
}

/// <summary>What every data set can do.</summary>
public static class DatasetExtensions
{
    /// <summary>Number of elements of one sample.</summary>
    /// <param name="dataset">The set.</param>
    public static int SampleLength(this IDataset dataset) => checked((int)dataset.SampleShape.ElementCount);

    /// <summary>
    /// A subset of at most <paramref name="count"/> samples spread evenly over the set: one from each of
    /// <paramref name="count"/> equal stretches. Which one varies pseudo-randomly (but never between runs), because a
    /// constant stride would meet one class only where classes take turns.
    /// </summary>
    /// <param name="dataset">The set.</param>
    /// <param name="count">Samples wanted, at least 1; the set itself is returned when it has no more.</param>
    public static IDataset Subset(this IDataset dataset, int count)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        if (count >= dataset.Count)
        {
            return dataset;
        }

        var indices = new int[count];
        for (int i = 0; i < count; i++)
        {
            int start = (int)((long)i * dataset.Count / count), end = (int)((long)(i + 1) * dataset.Count / count);
            indices[i] = start + (int)(Mix((ulong)i) % (ulong)(end - start));
        }

        return new SubsetDataset(dataset, indices);
    }

    // The finalizer of SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014).
    private static ulong Mix(ulong value)
    {
        value = (value + 1) * 0x9E3779B97F4A7C15;
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
        return value ^ (value >> 31);
    }

    private sealed class SubsetDataset(IDataset whole, int[] indices) : IDataset
    {
        public string Name => whole.Name;

        public int Count => indices.Length;

        public Shape SampleShape => whole.SampleShape;

        public string SampleName(int index) => whole.SampleName(indices[index]);

        public int? Label(int index) => whole.Label(indices[index]);

        public void Load(int index, Span<float> destination) => whole.Load(indices[index], destination);
    }
}
