// Seeded random samples, for timing models without data.
using Int8Runtime.Graph;

namespace Int8Runtime.Quantization;

/// <summary>
/// Samples of independent standard normal values; inputs of integers get 0 and 1, which are valid as masks and as indices of any
/// table with two rows. They say nothing about accuracy; they serve to exercise and time models for which no data is at hand.
/// </summary>
public sealed class SyntheticDataset : IDataset
{
    private readonly int _seed;
    private readonly Dictionary<string, Shape> _shapes = new(StringComparer.Ordinal);

    /// <summary>Creates a set for a model with one input.</summary>
    /// <param name="sampleShape">Shape of one sample.</param>
    /// <param name="count">Number of samples.</param>
    /// <param name="seed">Equal seeds give equal samples.</param>
    public SyntheticDataset(Shape sampleShape, int count, int seed = 1)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        SampleShape = sampleShape;
        Count = count;
        _seed = seed;
    }

    /// <summary>Creates a set for every input of a model.</summary>
    /// <param name="model">The model.</param>
    /// <param name="count">Number of samples.</param>
    /// <param name="seed">Equal seeds give equal samples.</param>
    /// <exception cref="QuantizationException">An input has no batch dimension, or an open extent behind it.</exception>
    public SyntheticDataset(ModelGraph model, int count, int seed = 1)
        : this(ShapeOf(Checked(model).Inputs[0]), count, seed)
    {
        foreach (GraphValue input in model.Inputs)
            _shapes.Add(input.Name, ShapeOf(input));
        InputNames = [.. _shapes.Keys];
    }

    /// <inheritdoc/>
    public string Name => $"synthetic:{Count}";

    /// <inheritdoc/>
    public int Count { get; }

    /// <inheritdoc/>
    public Shape SampleShape { get; }

    /// <inheritdoc/>
    public IReadOnlyList<string> InputNames { get; } = [];

    /// <inheritdoc/>
    public Shape ShapeOf(string input) => _shapes[input];

    /// <inheritdoc/>
    public string SampleName(int index) => $"synthetic sample {index}";

    /// <inheritdoc/>
    public int? Label(int index) => null;

    /// <inheritdoc/>
    public void Load(int index, Span<float> destination) => NormalDistribution.Fill(RandomOf(index), destination);

    /// <inheritdoc/>
    public void Load(int index, string input, TensorMemory destination)
    {
        ArgumentNullException.ThrowIfNull(destination);
        int turn = InputNames.ToList().IndexOf(input);
        var values = new float[destination.Descriptor.ElementCount];
        if (destination.Descriptor.DataType.IsFloatingPoint())
        {
            NormalDistribution.Fill(RandomOf(index + (turn * Count)), values);
        }
        else
        {
            Random random = RandomOf(index + (turn * Count));
            foreach (ref float value in values.AsSpan())
                value = random.Next(2);
        }

        if (!NpyArray.Of(values, ShapeOf(input)).TryCopyTo(destination))
            throw new QuantizationException(
                $"input '{input}' is {destination.Descriptor.DataType}; there are no synthetic samples of that type");
    }

    private static ModelGraph Checked(ModelGraph model)
    {
        ArgumentNullException.ThrowIfNull(model);
        return model.Inputs.Count > 0 ? model : throw new QuantizationException($"model '{model.Name}' has no inputs");
    }

    private static Shape ShapeOf(GraphValue input)
    {
        GraphShape shape = input.Shape ?? throw new QuantizationException($"input '{input.Name}' has no shape; synthetic samples need one");
        if (shape.Rank < 1)
            throw new QuantizationException($"input '{input.Name}' is a scalar; synthetic samples need a batch dimension");
        return Shape.Create([.. Enumerable.Range(1, shape.Rank - 1).Select(d => shape[d].Extent
            ?? throw new QuantizationException($"input '{input.Name}' has the open shape {shape}; synthetic samples need numbers"))]);
    }

    private Random RandomOf(int index) => new((_seed * 1_000_003) ^ index);
}

/// <summary>Normally distributed numbers by the Box–Muller transform.</summary>
internal static class NormalDistribution
{
    /// <summary>Fills a span with numbers of mean 0 and the given standard deviation.</summary>
    public static void Fill(Random random, Span<float> destination, double deviation = 1)
    {
        for (int i = 0; i < destination.Length; i++)
        {
            double radius = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble()));
            destination[i] = (float)(deviation * radius * Math.Cos(2 * Math.PI * random.NextDouble()));
        }
    }
}
