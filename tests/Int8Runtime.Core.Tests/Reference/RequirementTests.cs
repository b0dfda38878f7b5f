// Formulas that the requirements number: reorders with scale and sum (H09, H10), f32 without factors (H11), f32 in between (H12),
// scales for each output channel in every product (A08), channels of zeros (A20).
using static Int8Runtime.Core.Tests.Reference.Run;

namespace Int8Runtime.Core.Tests.Reference;

public sealed class RequirementTests
{
    [Fact]
    public void H09_reorder_with_a_scale()
    {
        var reorder = new ReorderDescriptor { Source = S8(1, 2, 1, 2), Destination = new([1, 2, 1, 2], DataType.Float32, FormatTag.Nhwc) };
        float[] result = On<float>(reorder, new() { SourceScale = QuantizationScale.PerTensor(0.5f) }, reorder.Destination,
            (ArgumentSlot.Source, new sbyte[] { 1, 2, -3, 4 }));
        Assert.Equal([0.5f, -1.5f, 1, 2], result);
    }

    [Fact]
    public void H10_reorder_accumulates()
    {
        var reorder = new ReorderDescriptor { Source = S8(1, 2), Destination = F32(1, 2) };
        var attributes = new PrimitiveAttributes { SourceScale = QuantizationScale.PerTensor(0.5f), PostOps = [PostOp.Sum(3)] };
        float[] result = On<float>(reorder, attributes, reorder.Destination,
            (ArgumentSlot.Source, new sbyte[] { 4, -2 }), (ArgumentSlot.Destination, new[] { 10f, 20f }));
        Assert.Equal([32, 59], result);
    }

    [Fact]
    public void H11_float_convolutions_need_no_factors()
    {
        var product = new MatMulDescriptor { Source = F32(1, 2), Weights = F32(2, 1), Destination = F32(1, 1) };
        var ones = new PrimitiveAttributes
        {
            SourceScale = QuantizationScale.PerTensor(1), WeightsScale = QuantizationScale.PerTensor(1), PostOps = [PostOp.Sum(1)],
        };
        (ArgumentSlot, Array)[] tensors =
        [
            (ArgumentSlot.Source, new[] { 1.5f, 2f }), (ArgumentSlot.Weights, new[] { 2f, 0.25f }),
            (ArgumentSlot.Destination, new[] { 1f }),
        ];
        Assert.Equal([4.5f], On<float>(product, ones, product.Destination, tensors));
        Assert.Equal([4.5f], On<float>(product, new() { PostOps = [PostOp.Sum()] }, product.Destination, tensors));
    }

    [Fact]
    public void H12_everything_behind_the_integer_sum_is_f32_and_rounds_once()
    {
        // 0.3·1 = 0.3, + 0.3·1 (sum) = 0.6, which rounds to 1; rounding in between would give 0 + 0.3 → 0.
        var product = new MatMulDescriptor { Source = U8(1, 1), Weights = S8(1, 1), Destination = U8(1, 1) };
        var attributes = new PrimitiveAttributes { SourceScale = QuantizationScale.PerTensor(0.3f), PostOps = [PostOp.Sum(0.3f)] };
        Assert.Equal([(byte)1], On<byte>(product, attributes, product.Destination,
            (ArgumentSlot.Source, new byte[] { 1 }), (ArgumentSlot.Weights, new sbyte[] { 1 }),
            (ArgumentSlot.Destination, new byte[] { 1 })));
    }

    [Fact]
    public void A08_scales_of_each_output_channel_in_every_product()
    {
        var attributes = new PrimitiveAttributes { WeightsScale = QuantizationScale.PerChannel([0.5f, 2]) };
        (ArgumentSlot, Array)[] tensors = [(ArgumentSlot.Source, new byte[] { 3 }), (ArgumentSlot.Weights, new sbyte[] { 1, -1 })];
        PrimitiveDescriptor[] products =
        [
            new ConvolutionDescriptor { Source = U8(1, 1, 1, 1), Weights = S8(2, 1, 1, 1), Destination = F32(1, 2, 1, 1) },
            new InnerProductDescriptor { Source = U8(1, 1), Weights = S8(2, 1), Destination = F32(1, 2) },
            new MatMulDescriptor { Source = U8(1, 1), Weights = S8(1, 2), Destination = F32(1, 2) },
        ];
        foreach (PrimitiveDescriptor product in products)
            Assert.Equal([1.5f, -6], On<float>(product, attributes, F32(1, 2), tensors));
    }

    [Fact]
    public void A20_channels_of_zeros_give_exact_zeros()
    {
        var product = new MatMulDescriptor { Source = S8(1, 2), Weights = S8(2, 3), Destination = F32(1, 3) };
        var attributes = new PrimitiveAttributes { SourceZeroPoint = -5, WeightsScale = QuantizationScale.PerChannel([1e-30f, 1, 0.5f]) };
        float[] result = On<float>(product, attributes, product.Destination,
            (ArgumentSlot.Source, new sbyte[] { 3, -7 }), (ArgumentSlot.Weights, new sbyte[] { 0, 7, 2, 0, 7, 2 }));
        Assert.Equal([0, 42, 6], result);
    }
}
