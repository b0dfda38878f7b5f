// Integer formats, power-of-two scales and requantization without floating point.
using System.Numerics;
using FsCheck;
using FsCheck.Fluent;
using Int8Runtime.TestKit;

namespace Int8Runtime.Quantization.Tests.Calibration;

public sealed class NumberFormatTests
{
    private static Gen<ValueRange> Ranges => Gen.Choose(-1_000_000, 1_000_000).Select(i => i / 997f).Two()
        .Select(ends => new ValueRange(Math.Min(ends.Item1, ends.Item2), Math.Max(ends.Item1, ends.Item2)));

    [Fact]
    public void Quantizers_of_2_to_8_bits_saturate_at_their_ends()
    {
        for (int bits = 2; bits <= 8; bits++)
        {
            var signed = new IntegerFormat(bits, isSigned: true);
            var unsigned = new IntegerFormat(bits, isSigned: false);
            Assert.Equal((-(1 << (bits - 1)), (1 << (bits - 1)) - 1), (signed.Minimum, signed.Maximum));
            Assert.Equal((0, (1 << bits) - 1), (unsigned.Minimum, unsigned.Maximum));
            Assert.Equal(-signed.Maximum, new IntegerFormat(bits, isSigned: true, isRestricted: true).Minimum);
            foreach (IntegerFormat format in (IntegerFormat[])[signed, unsigned])
            {
                foreach (float huge in (float[])[1e30f, float.PositiveInfinity, float.MaxValue, format.Maximum + 0.51f])
                    Assert.Equal(format.Maximum, format.Quantize(huge, 1));
                foreach (float low in (float[])[-1e30f, float.NegativeInfinity, float.NaN, format.Minimum - 0.51f])
                    Assert.Equal(format.Minimum, format.Quantize(low, 1));
                for (int q = format.Minimum; q <= format.Maximum; q++)
                    Assert.Equal(q, format.Quantize(q * 0.25f, 0.25f));
                Assert.Equal(2, new IntegerFormat(bits, isSigned: false).Quantize(2.5f, 1));   // ties to even
            }
        }

        Assert.Throws<ArgumentOutOfRangeException>(() => new IntegerFormat(1, true));
        Assert.Throws<ArgumentOutOfRangeException>(() => new IntegerFormat(9, true));
    }

    [Fact]
    public void Zero_is_exact_in_both_modes_for_every_width() => Properties.Check(Ranges.Zip(Gen.Choose(2, 8)), problem =>
    {
        (ValueRange range, int bits) = problem;
        foreach (QuantizationParameters p in (QuantizationParameters[])[QuantizationParameters.Asymmetric(range, bits),
            QuantizationParameters.Symmetric(range, bits)])
        {
            var format = new IntegerFormat(bits, p.DataType == DataType.Int8);
            int zero = format.Quantize(0, p.Scale, p.ZeroPoint);
            Assert.Equal(p.ZeroPoint, zero);
            Assert.Equal(0f, p.Scale * (zero - p.ZeroPoint));
            Assert.InRange(p.ZeroPoint, format.Minimum, format.Maximum);
        }
    }, count: 300);

    [Fact]
    public void Asymmetric_errors_are_not_above_symmetric_ones_on_one_sided_data()
    {
        var range = new ValueRange(-0.4f, 7);
        QuantizationParameters asymmetric = QuantizationParameters.Asymmetric(range), symmetric = QuantizationParameters.Symmetric(range);
        double ErrorOf(QuantizationParameters p) => Enumerable.Range(0, 7400).Select(i => -0.4f + (i / 1000f))
            .Sum(v => Math.Pow(v - (p.Scale * (new IntegerFormat(8, p.DataType == DataType.Int8)
                .Quantize(v, p.Scale, p.ZeroPoint) - p.ZeroPoint)), 2));
        Assert.True(ErrorOf(asymmetric) < 0.4 * ErrorOf(symmetric));
    }

    [Fact]
    public void Power_of_two_scales_are_powers_of_two_and_cover_the_range() => Properties.Check(Ranges.Zip(Gen.Choose(2, 8)), problem =>
    {
        (ValueRange range, int bits) = problem;
        foreach (QuantizationParameters exact in (QuantizationParameters[])[QuantizationParameters.Asymmetric(range, bits),
            QuantizationParameters.Symmetric(range, bits)])
        {
            QuantizationParameters p = exact.WithPowerOfTwoScale(range, bits);
            Assert.Equal(p.Scale, MathF.ScaleB(1, MathF.ILogB(p.Scale)));
            Assert.InRange(p.Scale / exact.Scale, 1, 2);
            Assert.InRange(p.ZeroPoint, 0, exact.ZeroPoint);
        }
    }, count: 300);

    [Fact]
    public void Integer_multipliers_are_exact_to_a_wide_reference_and_one_step_from_f32() => Properties.Check(
        Gen.Choose(0, int.MaxValue), seed =>
        {
            var random = new Random(seed);
            double factor = Math.Max(Math.ScaleB(1, -31), Math.Pow(2, -31 * random.NextDouble()) * (1 - 1e-12));
            FixedPointMultiplier m = FixedPointMultiplier.FromReal(Math.Min(factor, 1 - 1e-12));
            Assert.InRange(m.Multiplier, 1 << 30, int.MaxValue);
            Assert.InRange(m.Shift, 0, 31);
            Assert.InRange(m.Value / factor, 1 - 1e-9, 1 + 1e-9);
            var format = new IntegerFormat(8, isSigned: true);
            for (int i = 0; i < 200; i++)
            {
                int sum = i < 4 ? ((int[])[int.MinValue, int.MaxValue, 0, -1])[i]
                    : (int)(random.NextInt64(-(1L << 31), 1L << 31) >> random.Next(31));
                Assert.Equal(Reference(sum, m), m.Apply(sum));
                int f32 = format.Quantize((float)sum * (float)factor, 1, 3);
                Assert.InRange(m.Requantize(sum, 3, format), f32 - 1, f32 + 1);
            }
        }, count: 200);

    [Theory]
    [InlineData(0.0)]
    [InlineData(1.0)]
    [InlineData(-0.5)]
    [InlineData(1e-12)]
    [InlineData(double.NaN)]
    public void Factors_outside_the_form_are_refused(double factor) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => FixedPointMultiplier.FromReal(factor));

    [Fact]
    public void Accumulators_are_as_wide_as_their_sums()
    {
        Assert.Equal(16, Accumulator.Bits(8, 8, 1));         // 255 · 127 = 32385
        Assert.Equal(32, Accumulator.Bits(8, 8, 66_000));    // 255 · 127 · 66000 < 2^31
        Assert.Equal(33, Accumulator.Bits(8, 8, 67_000));
        Assert.Equal(15, Accumulator.Bits(8, 4, 9));         // 255 · 7 · 9 = 16065
    }

    // Two roundings to nearest in integers of any width: the first with ties up, the second with ties away from zero.
    private static int Reference(int value, FixedPointMultiplier m)
    {
        BigInteger high = (((BigInteger)value * m.Multiplier) + (BigInteger.One << 30)) >> 31, divisor = BigInteger.One << m.Shift;
        return (int)(high.Sign * ((BigInteger.Abs(high) + (divisor / 2)) / divisor));
    }
}
