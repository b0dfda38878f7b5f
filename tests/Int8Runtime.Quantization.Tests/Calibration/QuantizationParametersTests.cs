// Scale and zero point cover the range, keep 0 exact, and stay usable for degenerate ranges.
using FsCheck;
using FsCheck.Fluent;
using Int8Runtime.TestKit;

namespace Int8Runtime.Quantization.Tests.Calibration;

public sealed class QuantizationParametersTests
{
    private static readonly float[] Ends =
        [0, 1, -1, 6, -0.001f, 1e-30f, -1e-38f, float.Epsilon, 1e30f, -1e30f, float.MaxValue, float.MinValue, 255, 0.5f];

    private static Gen<ValueRange> Ranges => Gen.OneOf(
            Gen.Elements(Ends),
            Gen.Choose(-1_000_000, 1_000_000).Select(i => i / 1000f))
        .Two().Select(ends => new ValueRange(Math.Min(ends.Item1, ends.Item2), Math.Max(ends.Item1, ends.Item2)));

    [Fact]
    public void Asymmetric_ranges_are_covered_and_zero_is_exact() => Properties.Check(Ranges, range =>
    {
        QuantizationParameters p = QuantizationParameters.Asymmetric(range);
        Assert.Equal(DataType.UInt8, p.DataType);
        Assert.InRange(p.ZeroPoint, 0, 255);
        Assert.True(float.IsFinite(p.Scale) && p.Scale > 0);
        Covers(p, range);
    }, count: 500);

    [Fact]
    public void Symmetric_ranges_are_covered_with_zero_point_0() => Properties.Check(Ranges, range =>
    {
        QuantizationParameters p = QuantizationParameters.Symmetric(range);
        Assert.Equal(0, p.ZeroPoint);
        Assert.Equal(range.Minimum < 0 ? DataType.Int8 : DataType.UInt8, p.DataType);
        Assert.True(float.IsFinite(p.Scale) && p.Scale > 0);
        Covers(p, range);
    }, count: 500);

    [Fact]
    public void Values_within_the_range_are_half_a_step_off_at_most() => Properties.Check(
        Ranges.Zip(Gen.Choose(0, 1000)), pair =>
        {
            (ValueRange range, int position) = pair;
            if (range.Maximum - (double)range.Minimum is < 1e-20 or > 1e30)
                return;
            double value = range.Minimum + ((range.Maximum - (double)range.Minimum) * position / 1000);
            foreach (QuantizationParameters p in (QuantizationParameters[])[QuantizationParameters.Asymmetric(range),
                QuantizationParameters.Symmetric(range)])
            {
                (int min, int max) = p.DataType.IntegerRange();
                double q = Math.Clamp(Math.Round(value / p.Scale) + p.ZeroPoint, min, max);
                // The zero point is rounded to an integer, which shifts one end by up to half a step.
                double allowed = p.ZeroPoint == 0 ? 0.501 : 1.001;
                Assert.True(Math.Abs(((q - p.ZeroPoint) * p.Scale) - value) <= allowed * p.Scale,
                    $"{value} of {range} becomes {q} with {p}");
            }
        }, count: 500);

    [Fact]
    public void Nothing_seen_and_only_zeros_give_scale_1()
    {
        foreach (ValueRange range in (ValueRange[])[ValueRange.Empty, new(0, 0), new(-float.Epsilon, float.Epsilon)])
        {
            Assert.Equal(1, QuantizationParameters.Asymmetric(range).Scale);
            Assert.Equal(1, QuantizationParameters.Symmetric(range).Scale);
        }
    }

    [Fact]
    public void Known_ranges_have_known_parameters()
    {
        Assert.Equal(new QuantizationParameters(DataType.UInt8, 6f / 255, 0), QuantizationParameters.Asymmetric(new(0, 6)));
        Assert.Equal(new QuantizationParameters(DataType.UInt8, 1, 55), QuantizationParameters.Asymmetric(new(-55, 200)));
        Assert.Equal(new QuantizationParameters(DataType.UInt8, 3f / 255, 255), QuantizationParameters.Asymmetric(new(-3, -2)));
        Assert.Equal(new QuantizationParameters(DataType.Int8, 1f / 127, 0), QuantizationParameters.Symmetric(new(-1, 0.5f)));
        Assert.Equal(new QuantizationParameters(DataType.UInt8, 6f / 255, 0), QuantizationParameters.Symmetric(new(2, 6)));
    }

    // The range of the integers reaches the measured one but for the rounding of the zero point.
    private static void Covers(QuantizationParameters p, ValueRange range)
    {
        if (range.Maximum - (double)range.Minimum < 1e-20)
            return;
        (int min, int max) = p.DataType.IntegerRange();
        double low = (min - p.ZeroPoint) * (double)p.Scale, high = (max - p.ZeroPoint) * (double)p.Scale, slack = 0.5001 * p.Scale;
        Assert.True(low - slack <= range.Minimum && range.Maximum <= high + slack, $"{p} covers [{low}, {high}], not {range}");
    }
}
