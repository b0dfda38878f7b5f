// A set of samples that calibration and evaluation read; implementations may be read from many threads at once.
using Int8Runtime.Diagnostics;

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

    /// <summary>
    /// Names of the model's inputs that a sample feeds by <see cref="Load(int, string, TensorMemory)"/>; empty where it feeds the
    /// only input of a model, whatever its name, by <see cref="Load(int, Span{float})"/>.
    /// </summary>
    IReadOnlyList<string> InputNames => [];

    /// <summary>The dimensions of one sample for an input, without the batch dimension.</summary>
    /// <param name="input">One of <see cref="InputNames"/>.</param>
    Shape ShapeOf(string input) => SampleShape;

    /// <summary>The name of a sample for messages, for example its file name.</summary>
    /// <param name="index">0 to <see cref="Count"/> − 1.</param>
    string SampleName(int index);

    /// <summary>The class index of a sample, or null when it has none.</summary>
    /// <param name="index">0 to <see cref="Count"/> − 1.</param>
    int? Label(int index);

    /// <summary>
    /// What is known about a sample besides its class, or null. Detection metrics expect a list of <see cref="LabelledBox"/>,
    /// segmentation metrics a <see cref="NpyArray"/> with a class for each pixel; a data set and a metric of the user's own may
    /// agree on anything else.
    /// </summary>
    /// <param name="index">0 to <see cref="Count"/> − 1.</param>
    /// <exception cref="DataFileException">The annotation cannot be read.</exception>
    object? Annotation(int index) => null;

    /// <summary>Loads and preprocesses one sample.</summary>
    /// <param name="index">0 to <see cref="Count"/> − 1.</param>
    /// <param name="destination">As many elements as <see cref="SampleShape"/> has.</param>
    /// <exception cref="DataFileException">The sample cannot be read.</exception>
    void Load(int index, Span<float> destination);

    /// <summary>Loads one sample's part for an input of any type.</summary>
    /// <param name="index">0 to <see cref="Count"/> − 1.</param>
    /// <param name="input">One of <see cref="InputNames"/>.</param>
    /// <param name="destination">The input with a batch of 1.</param>
    /// <exception cref="DataFileException">The sample cannot be read or does not fit the type.</exception>
    void Load(int index, string input, TensorMemory destination)
    {
        ArgumentNullException.ThrowIfNull(destination);
        Load(index, destination.AsSpan<float>());
    }
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
        return count >= dataset.Count ? dataset : new SubsetDataset(dataset, SubsetIndices(dataset.Count, count));
    }

    /// <summary>The samples that <see cref="Subset"/> leaves out, in order; null when it leaves none.</summary>
    /// <param name="dataset">The set.</param>
    /// <param name="count">The number of samples given to <see cref="Subset"/>, at least 1.</param>
    public static IDataset? Remainder(this IDataset dataset, int count)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        return count >= dataset.Count
            ? null
            : new SubsetDataset(dataset, [.. Enumerable.Range(0, dataset.Count).Except(SubsetIndices(dataset.Count, count))]);
    }

    private static int[] SubsetIndices(int total, int count)
    {
        var indices = new int[count];
        for (int i = 0; i < count; i++)
        {
            int start = (int)((long)i * total / count), end = (int)((long)(i + 1) * total / count);
            indices[i] = start + (int)(SplitMix64.At((ulong)i) % (ulong)(end - start));
        }

        return indices;
    }

    private sealed class SubsetDataset(IDataset whole, int[] indices) : IDataset
    {
        public string Name => whole.Name;

        public int Count => indices.Length;

        public Shape SampleShape => whole.SampleShape;

        public string SampleName(int index) => whole.SampleName(indices[index]);

        public int? Label(int index) => whole.Label(indices[index]);

        public object? Annotation(int index) => whole.Annotation(indices[index]);

        public IReadOnlyList<string> InputNames => whole.InputNames;

        public Shape ShapeOf(string input) => whole.ShapeOf(input);

        public void Load(int index, Span<float> destination) => whole.Load(indices[index], destination);

        public void Load(int index, string input, TensorMemory destination) => whole.Load(indices[index], input, destination);
    }
}
