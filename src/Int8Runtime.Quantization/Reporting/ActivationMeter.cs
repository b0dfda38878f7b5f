// Histogram and clipped share of one quantized activation.
namespace Int8Runtime.Quantization.Reporting;

/// <summary>Counts the f32 values of a tensor relative to the range that the quantizer covers.</summary>
internal sealed class ActivationMeter
{
    private const int Bins = 80;

    private readonly QuantizedActivation _activation;
    private readonly double _start;
    private readonly double _width;
    private readonly long[] _counts = new long[Bins];
    private long _values;
    private long _clipped;

    public ActivationMeter(QuantizedActivation activation)
    {
        _activation = activation;

        // What was seen in calibration and what the integers express, with a margin for what comes new.
        ValueRange range = activation.Observed.Union(activation.Parameters.Range);
        double margin = Math.Max(1e-6, (range.Maximum - (double)range.Minimum) * 0.08);
        _start = range.Minimum - margin;
        _width = (range.Maximum + margin - _start) / Bins;
    }

    /// <summary>The result so far.</summary>
    public ActivationReport Result => new(
        _activation.Name, _activation.Parameters.DataType == DataType.UInt8 ? "u8" : "s8", _activation.Parameters.Scale,
        _activation.Parameters.ZeroPoint,
        _activation.Parameters.Range, _values == 0 ? 0 : _clipped / (double)_values, _values, _start, _width, _counts);

    public ActivationMeter CreateEmpty() => new(_activation);

    /// <summary>Takes in a tensor [batch, channels, …].</summary>
    public void Add(ReadOnlySpan<float> values, int batch = 1)
    {
        IReadOnlyList<float> scales = _activation.ChannelScales;
        int plane = scales.Count == 0 ? values.Length : values.Length / (batch * scales.Count);
        for (int i = 0; plane > 0 && i < values.Length / plane; i++)
            Add(values.Slice(i * plane, plane), scales.Count == 0 ? _activation.Parameters : _activation.Parameters with { Scale = scales[i % scales.Count] });
    }

    private void Add(ReadOnlySpan<float> values, QuantizationParameters parameters)
    {
        float half = parameters.Scale / 2;
        (float low, float high) = (parameters.Range.Minimum - half, parameters.Range.Maximum + half);
        foreach (float value in values)
        {
            if (value < low || value > high)
                _clipped++;
            if (float.IsFinite(value))
                _counts[(int)Math.Clamp((value - _start) / _width, 0, Bins - 1)]++;
        }

        _values += values.Length;
    }

    public void Merge(ActivationMeter other)
    {
        for (int i = 0; i < Bins; i++)
            _counts[i] += other._counts[i];
        _values += other._values;
        _clipped += other._clipped;
    }
}
