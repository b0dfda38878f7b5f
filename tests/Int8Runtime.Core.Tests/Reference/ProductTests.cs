// Convolution, inner product and matrix product against examples computed by hand.
using static Int8Runtime.Core.Tests.Reference.Run;

namespace Int8Runtime.Core.Tests.Reference;

public sealed class ProductTests
{
    private static ConvolutionDescriptor Row(DataType source, DataType destination, int pad = 0) => new()
    {
        Source = new MemoryDescriptor([1, 1, 1, 3], source),
        Weights = S8(1, 1, 1, 3),
        Destination = new MemoryDescriptor([1, 1, 1, 1 + (2 * pad)], destination),
        PaddingBefore = [0, pad],
        PaddingAfter = [0, pad],
    };

    [Fact]
    public void Convolution_sums_exactly_and_stores_the_accumulator()
    {
        int[] result = On<int>(Row(DataType.UInt8, DataType.Int32), null, S32(1, 1, 1, 1),
            (ArgumentSlot.Source, new byte[] { 255, 255, 255 }), (ArgumentSlot.Weights, new sbyte[] { -128, 127, 127 }));
        Assert.Equal([255 * 126], result);
    }

    [Fact]
    public void Padding_is_the_real_number_zero_whatever_the_zero_point()
    {
        // Real source: 1, 2, 3; weights 1, 10, 100; one element of padding at either end.
        int[] result = On<int>(Row(DataType.Int8, DataType.Int32, pad: 1), new PrimitiveAttributes { SourceZeroPoint = -5 },
            S32(1, 1, 1, 3),
            (ArgumentSlot.Source, new sbyte[] { -4, -3, -2 }), (ArgumentSlot.Weights, new sbyte[] { 1, 10, 100 }));
        Assert.Equal([10 + 200, 1 + 20 + 300, 2 + 30], result);
    }

    [Fact]
    public void Convolution_requantizes_per_channel_with_bias_and_zero_points()
    {
        var convolution = new ConvolutionDescriptor
        {
            Source = U8(1, 1, 1, 2), Weights = S8(2, 1, 1, 1), Bias = F32(2), Destination = U8(1, 2, 1, 2),
        };
        var attributes = new PrimitiveAttributes
        {
            SourceScale = QuantizationScale.PerTensor(0.5f), SourceZeroPoint = 10,
            WeightsScale = QuantizationScale.PerChannel([1f, 2f]),
            DestinationScale = QuantizationScale.PerTensor(0.25f), DestinationZeroPoint = 7,
        };
        byte[] result = On<byte>(convolution, attributes, convolution.Destination,
            (ArgumentSlot.Source, new byte[] { 12, 8 }), (ArgumentSlot.Weights, new sbyte[] { 3, -1 }),
            (ArgumentSlot.Bias, new[] { 1f, 0.125f }));

        // Channel 0: 0.5·1·(±2·3) + 1 = 4, −2 → 16, −8 quarters, + 7. Channel 1: 0.5·2·(∓2) + 0.125 = −1.875, 2.125 → −7.5, 8.5.
        Assert.Equal([23, 0, 0, 15], result);
    }

    [Fact]
    public void Weights_zero_point_is_subtracted_before_the_product()
    {
        int[] result = On<int>(Row(DataType.UInt8, DataType.Int32),
            new PrimitiveAttributes { WeightsZeroPoint = 3, SourceZeroPoint = 1 }, S32(1, 1, 1, 1),
            (ArgumentSlot.Source, new byte[] { 1, 2, 3 }), (ArgumentSlot.Weights, new sbyte[] { 100, 4, 5 }));
        Assert.Equal([(1 * 1) + (2 * 2)], result);
    }

    [Fact]
    public void Groups_strides_and_dilations_select_the_taps()
    {
        var convolution = new ConvolutionDescriptor
        {
            Source = F32(1, 2, 1, 5), Weights = F32(2, 1, 1, 2), Destination = F32(1, 2, 1, 2),
            Groups = 2, Strides = [1, 2], Dilations = [1, 2],
        };
        float[] result = On<float>(convolution, null, convolution.Destination,
            (ArgumentSlot.Source, new float[] { 1, 2, 3, 4, 5, 10, 20, 30, 40, 50 }), (ArgumentSlot.Weights, new float[] { 1, 1, 1, -1 }));
        Assert.Equal([1 + 3, 3 + 5, 10 - 30, 30 - 50], result);
    }

    [Fact]
    public void Convolution_without_taps_inside_the_source_gives_the_bias()
    {
        var convolution = new ConvolutionDescriptor
        {
            Source = F32(1, 1, 1, 1), Weights = F32(1, 1, 1, 1), Bias = F32(1), Destination = F32(1, 1, 1, 3),
            PaddingBefore = [0, 2], PaddingAfter = [0, 0],
        };
        Assert.Equal([9f, 9f, 11f], On<float>(convolution, null, convolution.Destination,
            (ArgumentSlot.Source, new[] { 2f }), (ArgumentSlot.Weights, new[] { 1f }), (ArgumentSlot.Bias, new[] { 9f })));
    }

    [Fact]
    public void Blocked_destination_gets_zeros_in_its_excess()
    {
        var convolution = new ConvolutionDescriptor
        {
            Source = F32(1, 1, 1, 1), Weights = F32(3, 1, 1, 1),
            Destination = new MemoryDescriptor([1, 3, 1, 1], DataType.Float32, FormatTag.Parse("nChw4c")),
        };
        Assert.Equal([2f, 4f, 6f, 0f], On<float>(convolution, null, convolution.Destination,
            (ArgumentSlot.Source, new[] { 2f }), (ArgumentSlot.Weights, new[] { 1f, 2, 3 }),
            (ArgumentSlot.Destination, new[] { 7f, 7, 7, 7 })));
    }

    [Fact]
    public void Inner_product_sums_over_channels_and_pixels()
    {
        var product = new InnerProductDescriptor { Source = F32(1, 2, 1, 2), Weights = F32(2, 2, 1, 2), Bias = F32(2),
            Destination = F32(1, 2) };
        Assert.Equal([10f + 4321, 20f + 2], On<float>(product, null, product.Destination,
            (ArgumentSlot.Source, new float[] { 1, 2, 3, 4 }),
            (ArgumentSlot.Weights, new float[] { 1, 10, 100, 1000, 0, 1, 0, 0 }), (ArgumentSlot.Bias, new float[] { 10, 20 })));
    }

    [Fact]
    public void Matrix_product_broadcasts_batches_and_scales_columns()
    {
        var product = new MatMulDescriptor { Source = U8(2, 1, 2), Weights = S8(1, 2, 2), Destination = F32(2, 1, 2) };
        var attributes = new PrimitiveAttributes { SourceScale = QuantizationScale.PerTensor(0.5f),
            WeightsScale = QuantizationScale.PerChannel([1f, 10f]) };
        Assert.Equal([0.5f * 7, 5f * 10, 0.5f * 15, 5f * 22], On<float>(product, attributes, product.Destination,
            (ArgumentSlot.Source, new byte[] { 1, 2, 3, 4 }), (ArgumentSlot.Weights, new sbyte[] { 1, 2, 3, 4 })));
    }

    [Fact]
    public void Transposed_operand_is_a_matter_of_strides()
    {
        var product = new MatMulDescriptor { Source = F32(1, 2), Weights = F32(2, 2).Permute([1, 0]), Destination = F32(1, 2) };
        Assert.Equal([1f + 4, 3f + 8], On<float>(product, null, product.Destination,
            (ArgumentSlot.Source, new float[] { 1, 2 }), (ArgumentSlot.Weights, new float[] { 1, 2, 3, 4 })));
    }

    [Fact]
    public void Scales_given_at_execution_replace_constants()
    {
        var product = new MatMulDescriptor { Source = U8(1, 1), Weights = S8(1, 1), Destination = U8(1, 1) };
        var attributes = new PrimitiveAttributes
        {
            SourceScale = QuantizationScale.Runtime, SourceZeroPoint = ZeroPoint.Runtime,
            DestinationScale = QuantizationScale.Runtime, DestinationZeroPoint = ZeroPoint.Runtime,
        };
        Assert.Equal([(byte)(5 + (4 * 3 * 6))], On<byte>(product, attributes, product.Destination,
            (ArgumentSlot.Source, new byte[] { 7 }), (ArgumentSlot.Weights, new sbyte[] { 6 }),
            (ArgumentSlot.SourceScale, new[] { 2f }), (ArgumentSlot.SourceZeroPoint, new[] { 4 }),
            (ArgumentSlot.DestinationScale, new[] { 0.5f }), (ArgumentSlot.DestinationZeroPoint, new[] { 5 })));
    }

    [Fact]
    public void Integer_weights_of_a_float_source_are_dequantized_in_groups_along_K()
    {
        // K = 4 in groups of 2, N = 2: scales 1, 2 for the first group and 4, 8 for the second; zero points 1, 0 and 0, 1.
        var product = new MatMulDescriptor { Source = F32(1, 4), Weights = S8(4, 2), Destination = F32(1, 2) };
        var attributes = new PrimitiveAttributes
        {
            WeightsScale = QuantizationScale.PerGroup([1, 2, 4, 8], 2), WeightsZeroPoint = ZeroPoint.PerGroup([1, 0, 0, 1], 2),
        };
        float[] result = On<float>(product, attributes, product.Destination,
            (ArgumentSlot.Source, new[] { 1f, 2f, 3f, 4f }), (ArgumentSlot.Weights, new sbyte[] { 2, 1, 3, 1, 1, 2, 0, 3 }));
        Assert.Equal([(1 * 1) + (2 * 2) + (3 * 4), (1 * 2) + (2 * 2) + (3 * 8) + (4 * 16)], result);
    }

    [Fact]
    public void Integers_with_groups_along_K_are_dequantized()
    {
        // M = 2, K = 4 in groups of 2: rows have scales 1, 2 and 4, 8; the second group of each row has the zero point 1. Weights have the
        // scale 1/2 for all and the zero point 1 in the first group.
        var product = new MatMulDescriptor { Source = U8(2, 4), Weights = S8(4, 1), Destination = F32(2, 1) };
        var attributes = new PrimitiveAttributes
        {
            SourceScale = QuantizationScale.PerGroup([1, 2, 4, 8], 2), SourceZeroPoint = ZeroPoint.PerGroup([0, 1, 0, 1], 2),
            WeightsScale = QuantizationScale.PerTensor(0.5f), WeightsZeroPoint = ZeroPoint.PerGroup([1, 0], 2),
        };
        float[] result = On<float>(product, attributes, product.Destination,
            (ArgumentSlot.Source, new byte[] { 1, 2, 3, 4, 5, 6, 7, 8 }), (ArgumentSlot.Weights, new sbyte[] { 3, 2, 1, -1 }));
        Assert.Equal([((1 * 2) + (2 * 1) + (2 * 2 * 1) - (2 * 3)) / 2f, ((4 * 5 * 2) + (4 * 6 * 1) + (8 * 6) - (8 * 7)) / 2f], result);
    }

    [Fact]
    public void Zero_points_of_source_and_destination_may_differ_from_channel_to_channel()
    {
        var convolution = new ConvolutionDescriptor
        {
            Source = U8(1, 2, 1, 1), Weights = S8(2, 2, 1, 1), Destination = U8(1, 2, 1, 1),
        };
        var attributes = new PrimitiveAttributes
        {
            SourceZeroPoint = ZeroPoint.PerChannel([3, -1]), DestinationZeroPoint = ZeroPoint.PerChannel([10, 300]),
        };
        byte[] result = On<byte>(convolution, attributes, convolution.Destination,
            (ArgumentSlot.Source, new byte[] { 5, 1 }), (ArgumentSlot.Weights, new sbyte[] { 1, 10, -20, -10 }));
        Assert.Equal([10 + 2 + 20, 240], result); // 300 − 20·2 − 10·2 = 240
    }

    [Fact]
    public void A_bias_of_the_destinations_rank_is_broadcast()
    {
        var product = new MatMulDescriptor { Source = F32(2, 1), Weights = F32(1, 2), Bias = S32(2, 1), Destination = F32(2, 2) };
        float[] result = On<float>(product, null, product.Destination,
            (ArgumentSlot.Source, new[] { 1f, 2f }), (ArgumentSlot.Weights, new[] { 1f, 10f }), (ArgumentSlot.Bias, new[] { 100, 200 }));
        Assert.Equal([101, 110, 202, 220], result);
    }

    [Fact]
    public void An_integer_source_with_float_weights_is_refused()
    {
        using var engine = new ReferenceEngine();
        var product = new MatMulDescriptor { Source = S8(1, 1), Weights = F32(1, 1), Destination = F32(1, 1) };
        Rejection refusal = Assert.Single(Assert.Throws<UnsupportedPrimitiveException>(() => engine.Create(product)).Report.Rejections);
        Assert.Equal(RejectionReason.DataTypes, refusal.Reason);
    }
}
