// Sums that give signal to noise and cosine of two tensors, over any number of samples.
namespace Int8Runtime.Quantization.Reporting;

/// <summary>Compares what two models compute for the same tensor.</summary>
internal sealed class SimilarityMeter
{
    private double _xx;
    private double _yy;
    private double _xy;
    private double _noise;

    /// <summary>The result so far.</summary>
    public Similarity Result => new(
        _noise == 0 ? double.PositiveInfinity : 10 * Math.Log10(_xx / _noise), _xx == 0 && _yy == 0 ? 1 : _xy / Math.Sqrt(_xx * _yy));

    /// <summary>Takes in one sample: exact values and those to be judged.</summary>
    public void Add(ReadOnlySpan<float> exact, ReadOnlySpan<float> judged)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(judged.Length, exact.Length);
        for (int i = 0; i < exact.Length; i++)
        {
            double x = exact[i], y = judged[i];
            _xx += x * x;
            _yy += y * y;
            _xy += x * y;
            _noise += (x - y) * (x - y);
        }
    }

    /// <summary>Takes in what another meter has seen.</summary>
    public void Merge(SimilarityMeter other)
    {
        _xx += other._xx;
        _yy += other._yy;
        _xy += other._xy;
        _noise += other._noise;
    }
}
