// Pooling, resampling, LRN and softmax against examples computed by hand.
using static Int8Runtime.Core.Tests.Reference.Run;

namespace Int8Runtime.Core.Tests.Reference;

public sealed class WindowTests
{
    private static PoolingDescriptor Row(PoolingAlgorithm algorithm, DataType type, int outputs, int pad = 0, int padAfter = 0) => new()
    {
        Algorithm = algorithm, Kernel = [1, 2], Strides = [1, 2], PaddingBefore = [0, pad], PaddingAfter = [0, padAfter],
        Source = new MemoryDescriptor([1, 1, 1, 3], type), Destination = new MemoryDescriptor([1, 1, 1, outputs], type),
    };

    private static T[] Pool<T>(PoolingDescriptor pooling, T[] source, PrimitiveAttributes? attributes = null)
        where T : unmanaged => On<T>(pooling, attributes, pooling.Destination, (ArgumentSlot.Source, source));

    [Fact]
    public void Maximum_ignores_padding() => Assert.Equal<sbyte>(
        [-7, -3], Pool<sbyte>(Row(PoolingAlgorithm.Max, DataType.Int8, 2, pad: 1), [-7, -5, -3]));

    [Fact]
    public void Maximum_never_is_NaN() => Assert.Equal(
        [2f], Pool(Row(PoolingAlgorithm.Max, DataType.Float32, 1), [float.NaN, 2f, 9f]));

    [Fact]
    public void Integer_mean_rounds_to_even() => Assert.Equal<byte>(
        [2, 4], Pool<byte>(Row(PoolingAlgorithm.AverageExcludePadding, DataType.UInt8, 2), [2, 3, 4]));

    [Fact]
    public void Integer_mean_of_stored_values_does_not_depend_on_the_zero_point()
    {
        var attributes = new PrimitiveAttributes { SourceScale = QuantizationScale.PerTensor(0.1f), SourceZeroPoint = 1 };
        Assert.Equal<byte>([2, 4], Pool<byte>(Row(PoolingAlgorithm.AverageExcludePadding, DataType.UInt8, 2), [2, 3, 4], attributes));
    }

    [Fact]
    public void Included_padding_counts_as_the_zero_point()
    {
        var attributes = new PrimitiveAttributes { SourceZeroPoint = 10 };
        Assert.Equal<byte>([15, 35],
            Pool<byte>(Row(PoolingAlgorithm.AverageIncludePadding, DataType.UInt8, 2, pad: 1), [20, 30, 40], attributes));
    }

    [Fact]
    public void Windows_beyond_the_declared_padding_divide_by_less() => Assert.Equal(
        [1.5f, 3f], Pool(Row(PoolingAlgorithm.AverageIncludePadding, DataType.Float32, 2), [1f, 2f, 3f]));

    [Fact]
    public void Declared_padding_divides_by_the_whole_window() => Assert.Equal(
        [1.5f, 1.5f], Pool(Row(PoolingAlgorithm.AverageIncludePadding, DataType.Float32, 2, padAfter: 1), [1f, 2f, 3f]));

    [Fact]
    public void Another_destination_scale_requantizes()
    {
        PoolingDescriptor pooling = Row(PoolingAlgorithm.Max, DataType.UInt8, 1);
        var attributes = new PrimitiveAttributes
        {
            SourceScale = QuantizationScale.PerTensor(0.5f), SourceZeroPoint = 2,
            DestinationScale = QuantizationScale.PerTensor(0.25f), DestinationZeroPoint = 1,
        };
        Assert.Equal<byte>([1 + 12], Pool<byte>(pooling, [3, 8, 0], attributes));
    }

    [Fact]
    public void Pooling_can_dequantize()
    {
        var pooling = Row(PoolingAlgorithm.AverageExcludePadding, DataType.UInt8, 1) with { Destination = F32(1, 1, 1, 1) };
        var attributes = new PrimitiveAttributes { SourceScale = QuantizationScale.PerTensor(0.5f), SourceZeroPoint = 2 };
        Assert.Equal([0.25f], On<float>(pooling, attributes, pooling.Destination, (ArgumentSlot.Source, new byte[] { 2, 3, 0 })));
    }

    private static ResamplingDescriptor Row(ResamplingAlgorithm algorithm, DataType type, int from, int to) => new()
    {
        Algorithm = algorithm, Source = new MemoryDescriptor([1, 1, from], type), Destination = new MemoryDescriptor([1, 1, to], type),
    };

    private static T[] Resample<T>(ResamplingDescriptor resampling, params T[] source)
        where T : unmanaged => On<T>(resampling, null, resampling.Destination, (ArgumentSlot.Source, source));

    [Fact]
    public void Linear_resampling_interpolates_between_element_centres_and_keeps_the_border() => Assert.Equal(
        [1f, 1.5f, 2.5f, 3f], Resample(Row(ResamplingAlgorithm.Linear, DataType.Float32, 2, 4), 1f, 3f));

    [Fact]
    public void Linear_resampling_of_integers_rounds_to_even() => Assert.Equal<byte>(
        [2, 2, 3, 3], Resample<byte>(Row(ResamplingAlgorithm.Linear, DataType.UInt8, 2, 4) with { Coordinates = [new(0, 1, 2, 0)] }, 2, 3));

    [Theory]
    [InlineData(ResamplingRounding.HalfDown, 10f, 10f, 20f, 20f)]
    [InlineData(ResamplingRounding.HalfUp, 10f, 20f, 20f, 30f)]
    [InlineData(ResamplingRounding.Down, 10f, 10f, 20f, 20f)]
    [InlineData(ResamplingRounding.Up, 10f, 20f, 20f, 30f)]
    public void Nearest_resampling_rounds_as_asked(ResamplingRounding rounding, params float[] expected) => Assert.Equal(
        expected, Resample(Row(ResamplingAlgorithm.Nearest, DataType.Float32, 3, 4) with { Rounding = rounding,
            Coordinates = [new(0, 1, 2, 0)] }, 10f, 20f, 30f));

    [Fact]
    public void Resampling_in_two_dimensions_weights_all_corners()
    {
        var resampling = new ResamplingDescriptor { Algorithm = ResamplingAlgorithm.Linear, Source = F32(1, 1, 2, 2),
            Destination = F32(1, 1, 1, 1) };
        Assert.Equal([2.5f], Resample(resampling, 1f, 2f, 3f, 4f));
    }

    [Fact]
    public void Softmax_sums_to_one_along_its_axis()
    {
        var softmax = new SoftmaxDescriptor { Axis = 0, Source = F32(2, 2), Destination = F32(2, 2) };
        float[] result = On<float>(softmax, null, softmax.Destination, (ArgumentSlot.Source, new float[] { 0, 1000, MathF.Log(3), 1000 }));
        Assert.Equal([0.25f, 0.5f, 0.75f, 0.5f], result);
    }

    [Fact]
    public void Log_softmax_stays_finite_far_from_the_maximum()
    {
        var softmax = new SoftmaxDescriptor { Axis = 1, Logarithm = true, Source = F32(1, 2), Destination = F32(1, 2) };
        Assert.Equal([-1000f, 0f], On<float>(softmax, null, softmax.Destination, (ArgumentSlot.Source, new float[] { -500, 500 })));
    }

    [Fact]
    public void Softmax_quantizes_its_result()
    {
        var softmax = new SoftmaxDescriptor { Axis = 1, Source = S8(1, 2), Destination = U8(1, 2) };
        var attributes = new PrimitiveAttributes
        {
            SourceScale = QuantizationScale.PerTensor(0.1f), SourceZeroPoint = 5, DestinationScale = QuantizationScale.PerTensor(1 / 256f),
        };
        Assert.Equal<byte>([128, 128], On<byte>(softmax, attributes, softmax.Destination, (ArgumentSlot.Source, new sbyte[] { 7, 7 })));
    }

    [Fact]
    public void Normalization_divides_by_the_whole_size_at_the_edges()
    {
        var lrn = new LrnDescriptor { LocalSize = 3, Alpha = 3, Beta = 1, K = 1, Source = F32(1, 3, 1, 1), Destination = F32(1, 3, 1, 1) };
        Assert.Equal([1f / 6, 2f / 15, 3f / 14], On<float>(lrn, null, lrn.Destination, (ArgumentSlot.Source, new float[] { 1, 2, 3 })));
    }

    [Fact]
    public void Even_normalization_window_reaches_one_further_ahead()
    {
        var lrn = new LrnDescriptor { LocalSize = 2, Alpha = 2, Beta = 1, K = 0, Source = F32(1, 3, 1), Destination = F32(1, 3, 1) };
        Assert.Equal([1f / 5, 2f / 13, 3f / 9], On<float>(lrn, null, lrn.Destination, (ArgumentSlot.Source, new float[] { 1, 2, 3 })));
    }
}
