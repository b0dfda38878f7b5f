// Seeded random samples, for timing models without data.
namespace Int8Runtime.Quantization;

/// <summary>
/// Samples of independent standard normal values. They say nothing about accuracy; they serve to exercise and time models
/// for which no data is at hand.
/// </summary>
public sealed class SyntheticDataset : IDataset
{
    private readonly int _seed;

    /// <summary>Creates a set.</summary>
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

    /// <inheritdoc/>
    public string Name => $"synthetic:{Count}";

    /// <inheritdoc/>
    public int Count { get; }

    /// <inheritdoc/>
    public Shape SampleShape { get; }

    /// <inheritdoc/>
    public string SampleName(int index) => $"synthetic sample {index}";

    /// <inheritdoc/>
    public int? Label(int index) => null;

    /// <inheritdoc/>
    public void Load(int index, Span<float> destination)
    {
        var random = new Random((_seed * 1_000_003) ^ index);
        NormalDistribution.Fill(random, destination);
    }
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
