// Per-channel symmetric weights: error, degenerate channels, and biases that fit into s32.
using FsCheck;
using FsCheck.Fluent;
using Int8Runtime.Graph;
using Int8Runtime.TestKit;

namespace Int8Runtime.Quantization.Tests.Calibration;

public sealed class WeightQuantizationTests
{
    [Fact]
    public void The_error_is_half_a_step_of_the_channel_at_most() => Properties.Check(
        Gen.Choose(1, 5).Zip(Gen.Choose(1, 7)).Zip(Gen.Choose(0, 1)).Zip(Gen.Choose(0, int.MaxValue)), problem =>
        {
            (((int channels, int length), int axis), int seed) = problem;
            var random = new Random(seed);
            Shape shape = axis == 0 ? [channels, length] : [length, channels];
            TensorData weights = TensorData.Allocate(DataType.Float32, shape, out Span<float> values);
            foreach (ref float value in values)
                value = (random.NextSingle() - 0.5f) * MathF.Pow(10, random.Next(-20, 20));
            WeightQuantization quantized = WeightQuantization.PerChannel(weights, axis, 0.1f, []);
            ReadOnlySpan<sbyte> integers = quantized.Values.AsSpan<sbyte>();
            for (int i = 0; i < values.Length; i++)
            {
                int channel = axis == 0 ? i / length : i % channels;
                double scale = quantized.Scales[channel];
                Assert.InRange(integers[i], -127, 127);
                Assert.True(Math.Abs((integers[i] * scale) - values[i]) <= 0.5001 * scale, $"{values[i]} becomes {integers[i]}·{scale}");
            }

            for (int c = 0; c < channels; c++)
                Assert.Equal(127, Enumerable.Range(0, values.Length).Where(i => (axis == 0 ? i / length : i % channels) == c)
                    .Max(i => Math.Abs((int)quantized.Values.AsSpan<sbyte>()[i])));
        }, count: 200);

    [Fact]
    public void No_pair_of_bounded_weights_can_saturate() => Properties.Check(
        Gen.Choose(1, 4).Zip(Gen.Elements(2, 3, 4, 8)).Zip(Gen.Elements(1, 3)).Zip(Gen.Choose(0, int.MaxValue)), problem =>
        {
            (((int outputs, int inputs), int window), int seed) = problem;
            var random = new Random(seed);
            TensorData weights = TensorData.Allocate(DataType.Float32, [outputs, inputs, window, window], out Span<float> values);
            foreach (ref float value in values)
                value = (random.NextSingle() - 0.5f) * MathF.Pow(10, random.Next(0, 3));
            var format = new WeightFormat(8, PerChannel: true, PowerOfTwo: false, BoundsPairs: true);
            WeightPairs pairs = WeightPairs.ForConvolution(new MemoryDescriptor(weights.Shape, DataType.Float32), 1, 1);
            WeightQuantization bounded = WeightQuantization.Create(weights, 0, format, 1, [], pairs);
            Assert.True(pairs.Fit(bounded.Values.AsSpan<sbyte>()));
            WeightQuantization any = WeightQuantization.Create(weights, 0, format, 1, []);
            Assert.True(WeightPairs.Any.Fit(any.Values.AsSpan<sbyte>()));
        }, count: 200);

    [Fact]
    public void Bounded_pairs_cost_less_than_a_bit()
    {
        var random = new Random(5);
        float Normal() => (float)(Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()));
        TensorData weights = TensorData.Create<float>([.. Enumerable.Range(0, 16 * 64).Select(_ => Normal())], [16, 64, 1, 1]);
        WeightPairs pairs = WeightPairs.ForConvolution(new MemoryDescriptor(weights.Shape, DataType.Float32), 1, 1);
        var format = new WeightFormat(8, PerChannel: true, PowerOfTwo: false, BoundsPairs: true);
        double any = Error(weights, WeightQuantization.Create(weights, 0, format, 1, []));
        Assert.InRange(Error(weights, WeightQuantization.Create(weights, 0, format, 1, [], pairs)), 0, 0.6 * any);
    }

    private static double Error(TensorData weights, WeightQuantization quantized)
    {
        int inner = weights.ElementCount / weights.Shape[0];
        return Enumerable.Range(0, weights.ElementCount).Sum(i =>
            Math.Pow(weights.AsSpan<float>()[i] - (quantized.Values.AsSpan<sbyte>()[i] * (double)quantized.Scales[i / inner]), 2));
    }

    [Fact]
    public void Channels_of_zeros_and_denormals_become_zero_with_scale_1()
    {
        TensorData weights = TensorData.Create<float>([0, 0, 1e-40f, -1e-42f, 2, -4], [3, 2]);
        WeightQuantization quantized = WeightQuantization.PerChannel(weights, 0, 0.5f, []);
        Assert.Equal([1, 1, 4f / 127], quantized.Scales);
        Assert.Equal([0, 0, 0, 0, 64, -127], quantized.Values.AsSpan<sbyte>().ToArray());
    }

    [Fact]
    public void Constant_channels_are_exact()
    {
        WeightQuantization quantized = WeightQuantization.PerChannel(TensorData.Create<float>([3, 3, -0.1f, -0.1f], [2, 2]), 0, 1, []);
        Assert.Equal([127, 127, -127, -127], quantized.Values.AsSpan<sbyte>().ToArray());
    }

    [Fact]
    public void A_bias_never_overflows() => Properties.Check(
        Gen.Choose(-38, 10).Zip(Gen.Choose(-10, 37)).Zip(Gen.Choose(-20, 3)), exponents =>
        {
            ((int weight, int bias), int source) = exponents;
            float sourceScale = MathF.Pow(10, source), biasValue = -3 * MathF.Pow(10, bias);
            WeightQuantization quantized = WeightQuantization.PerChannel(
                TensorData.Create<float>([MathF.Pow(10, weight), 0], [1, 2]), 0, sourceScale, [biasValue]);
            (TensorData values, float[] scales) = quantized.QuantizeBias([biasValue], _ => sourceScale);
            int integer = values.AsSpan<int>()[0];
            Assert.InRange(integer, -(1 << 30) - 1024, (1 << 30) + 1024);
            if (float.IsFinite(scales[0]) && scales[0] > 1e-30f)
                Assert.True(Math.Abs((integer * (double)scales[0]) - biasValue) <= Math.Max(0.51 * scales[0], 1e-6 * Math.Abs(biasValue)));
        }, count: 300);

    [Fact]
    public void Weights_that_are_not_finite_are_refused()
    {
        var exception = Assert.Throws<QuantizationException>(() =>
            WeightQuantization.PerChannel(TensorData.Create<float>([1, float.NaN], [2, 1]), 0, 1, []));
        Assert.Contains("channel 1", exception.Message, StringComparison.Ordinal);
    }
}
