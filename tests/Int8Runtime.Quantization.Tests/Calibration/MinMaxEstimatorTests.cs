// Streaming range estimation.
using FsCheck;
using FsCheck.Fluent;
using Int8Runtime.TestKit;

namespace Int8Runtime.Quantization.Tests.Calibration;

public sealed class MinMaxEstimatorTests
{
    private static Gen<float[]> Values => Gen.OneOf(
        Gen.Choose(-100_000, 100_000).Select(i => i / 100f),
        Gen.Elements(float.NaN, float.PositiveInfinity, float.NegativeInfinity, 0f, -0f, 1e-42f)).ArrayOf();

    [Fact]
    public void Streaming_and_merging_give_the_range_of_everything() => Properties.Check(Values.Zip(Values), pair =>
    {
        var parts = new[] { new MinMaxEstimator(), new MinMaxEstimator() };
        parts[0].Observe(pair.Item1);
        parts[1].Observe(pair.Item2);
        parts[0].Merge(parts[1]);

        var stream = new MinMaxEstimator();
        stream.Observe(pair.Item1);
        stream.Observe(pair.Item2);
        Assert.Equal(stream.Range, parts[0].Range);
        Assert.Equal(stream.NonFiniteCount, parts[0].NonFiniteCount);

        float[] all = [.. pair.Item1, .. pair.Item2];
        float[] finite = [.. all.Where(float.IsFinite)];
        Assert.Equal(all.Length - finite.Length, stream.NonFiniteCount);
        Assert.Equal(finite.Length == 0, stream.Range.IsEmpty);
        if (finite.Length > 0)
            Assert.Equal((finite.Min(), finite.Max()), (stream.Range.Minimum, stream.Range.Maximum));
    }, count: 300);

    [Fact]
    public void Nothing_was_seen_at_first() => Assert.True(new MinMaxEstimator().Range.IsEmpty);

    [Fact]
    public void Estimators_of_different_kinds_do_not_merge() =>
        Assert.Throws<ArgumentException>(() => new MinMaxEstimator().Merge(new OtherEstimator()));

    private sealed class OtherEstimator : IRangeEstimator
    {
        public ValueRange Range => ValueRange.Empty;

        public long NonFiniteCount => 0;

        public void Observe(ReadOnlySpan<float> values)
        {
        }

        public void Merge(IRangeEstimator other)
        {
        }
    }
}
