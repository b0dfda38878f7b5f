// Eltwise, binary, concatenation and reorder against examples computed by hand.
using static Int8Runtime.Core.Tests.Reference.Run;

namespace Int8Runtime.Core.Tests.Reference;

public sealed class ElementTests
{
    private static readonly QuantizationScale Half = QuantizationScale.PerTensor(0.5f);

    [Fact]
    public void First_sample_rectifies_in_place()
    {
        using var engine = new ReferenceEngine();
        using ExecutionStream stream = engine.CreateStream();
        var tensor = new MemoryDescriptor([1, 1, 2, 2], DataType.Float32, FormatTag.Nchw);
        using TensorMemory memory = TensorMemory.From<float>(tensor, [-1, 2, -3, 4]);
        using Primitive relu =
            engine.Create(new EltwiseDescriptor { Algorithm = EltwiseAlgorithm.Relu, Source = tensor, Destination = tensor });
        relu.Execute(stream, new UnaryArguments(memory, memory));
        Assert.Equal([0f, 2f, 0f, 4f], memory.AsSpan<float>());
    }

    [Fact]
    public void Integer_eltwise_computes_on_real_numbers()
    {
        var square = new EltwiseDescriptor { Algorithm = EltwiseAlgorithm.Square, Source = U8(4), Destination = S8(4) };
        var attributes = new PrimitiveAttributes { SourceScale = Half, SourceZeroPoint = 10, DestinationScale = Half,
            DestinationZeroPoint = -100 };

        // Real source −5, 0, 1.5, 122.5; squares 25, 0, 2.25, 15006.25; halves 50, 0, 4.5 → 4, saturated.
        Assert.Equal<sbyte>([-50, -100, -96, 127],
            On<sbyte>(square, attributes, square.Destination, (ArgumentSlot.Source, new byte[] { 0, 10, 13, 255 })));
    }

    [Fact]
    public void Binary_broadcasts_and_uses_each_operands_quantization()
    {
        var add = new BinaryDescriptor { Algorithm = BinaryAlgorithm.Add, Source = U8(1, 2, 1, 2), Source1 = S8(1, 2, 1, 1),
            Destination = U8(1, 2, 1, 2) };
        var attributes = new PrimitiveAttributes
        {
            SourceScale = Half, SourceZeroPoint = 4, Source1Scale = QuantizationScale.PerTensor(2f), Source1ZeroPoint = -1,
            DestinationScale = Half, DestinationZeroPoint = 20, PostOps = [PostOp.Relu()],
        };
        Assert.Equal<byte>([28, 28 + 5, 20, 20], On<byte>(add, attributes, add.Destination,
            (ArgumentSlot.Source, new byte[] { 4, 9, 0, 6 }), (ArgumentSlot.Source1, new sbyte[] { 1, -3 })));
    }

    [Fact]
    public void Concat_joins_along_any_axis_in_any_layout()
    {
        var concat = new ConcatDescriptor
        {
            Axis = 1, Sources = [U8(1, 1, 1, 2), new MemoryDescriptor([1, 2, 1, 2], DataType.UInt8, FormatTag.Nhwc)],
            Destination = new MemoryDescriptor([1, 3, 1, 2], DataType.UInt8, FormatTag.Nhwc),
        };
        Assert.Equal<byte>([1, 10, 20, 2, 11, 21], On<byte>(concat, null, concat.Destination,
            (ArgumentSlot.PostOp0, new byte[] { 1, 2 }), (ArgumentSlot.PostOp0 + 1, new byte[] { 10, 20, 11, 21 })));
    }

    [Fact]
    public void Reorder_quantizes_by_division_and_rounds_to_even()
    {
        var reorder = new ReorderDescriptor { Source = F32(6), Destination = U8(6) };
        var attributes = new PrimitiveAttributes { DestinationScale = QuantizationScale.PerTensor(2f), DestinationZeroPoint = 128 };
        Assert.Equal<byte>([0, 128, 128, 130, 255, 0], On<byte>(reorder, attributes, reorder.Destination,
            (ArgumentSlot.Source, new[] { -1e30f, 1f, -1f, 3f, float.PositiveInfinity, float.NaN })));
    }

    [Fact]
    public void Reorder_dequantizes_per_channel()
    {
        var reorder = new ReorderDescriptor { Source = S8(2, 2), Destination = F32(2, 2), ChannelAxis = 0 };
        var attributes = new PrimitiveAttributes { SourceScale = QuantizationScale.PerChannel([0.5f, 2f]),
            SourceZeroPoint = ZeroPoint.PerChannel([1, -1]) };
        Assert.Equal([0f, -64.5f, 0f, 256f],
            On<float>(reorder, attributes, reorder.Destination, (ArgumentSlot.Source, new sbyte[] { 1, -128, -1, 127 })));
    }

    [Fact]
    public void Reorder_adds_the_previous_content()
    {
        // dst = scale·src + β·dst, quantized by the destination's scale.
        var reorder = new ReorderDescriptor { Source = S8(2), Destination = F32(2) };
        var attributes = new PrimitiveAttributes { SourceScale = Half, PostOps = [PostOp.Sum(scale: 10)] };
        Assert.Equal([11f, 18f],
            On<float>(reorder, attributes, reorder.Destination, (ArgumentSlot.Source, new sbyte[] { 2, -4 }),
                (ArgumentSlot.Destination, new[] { 1f, 2f })));
    }

    [Fact]
    public void Reorder_fills_the_excess_of_blocks_with_zeros()
    {
        var reorder = new ReorderDescriptor { Source = U8(1, 3, 1, 2),
            Destination = new MemoryDescriptor([1, 3, 1, 2], DataType.UInt8, FormatTag.Parse("nChw2c")) };
        Assert.Equal<byte>([1, 3, 2, 4, 5, 0, 6, 0], On<byte>(reorder, null, reorder.Destination,
            (ArgumentSlot.Source, new byte[] { 1, 2, 3, 4, 5, 6 }), (ArgumentSlot.Destination, new byte[] { 9, 9, 9, 9, 9, 9, 9, 9 })));
    }

    [Fact]
    public void I04_reorder_writes_compensations_of_the_stored_weights()
    {
        // Weights 2.4 and 3.6 of output 0 are stored as 2 and 4, 200 saturates to 127.
        var reorder = new ReorderDescriptor
        {
            Source = F32(2, 2), Destination = S8(2, 2), SignedSourceCompensation = S32(2, 1), ZeroPointCompensation = S32(1, 2),
        };
        using var signedSource = new TensorMemory(S32(2, 1));
        using var zeroPoint = new TensorMemory(S32(1, 2));
        using var source = new TensorMemory(F32(2, 2));
        using var destination = new TensorMemory(S8(2, 2));
        new[] { 2.4f, 3.6f, 200, -1 }.CopyTo(source.AsSpan<float>());
        using var engine = new ReferenceEngine();
        using ExecutionStream stream = engine.CreateStream();
        Primitive primitive = engine.Create(reorder);
        primitive.Execute(stream, new CompensatedReorderArguments(source, destination, signedSource, zeroPoint));
        Assert.Equal([2, 4, 127, -1], destination.AsSpan<sbyte>().ToArray());
        Assert.Equal([-128 * 6, -128 * 126], signedSource.AsSpan<int>().ToArray());
        Assert.Equal([-129, -3], zeroPoint.AsSpan<int>().ToArray());
        Assert.Throws<ArgumentException>(() => primitive.Execute(stream, new UnaryArguments(source, destination)));
        Assert.Throws<ArgumentException>(() => engine.Create(reorder with { Destination = U8(2, 2) }));
        Assert.Throws<ArgumentException>(() => engine.Create(reorder with { ZeroPointCompensation = S32(2) }));
    }

    [Fact]
    public void Reorder_keeps_every_bit_of_s32_and_saturates_narrower_integers()
    {
        int[] values = [int.MaxValue, int.MinValue, 16777217, -129, 128];
        var copy = new ReorderDescriptor { Source = S32(5), Destination = S32(5) };
        Assert.Equal(values, On<int>(copy, null, copy.Destination, (ArgumentSlot.Source, values)));
        var narrow = new ReorderDescriptor { Source = S32(5), Destination = S8(5) };
        Assert.Equal<sbyte>([127, -128, 127, -128, 127], On<sbyte>(narrow, null, narrow.Destination, (ArgumentSlot.Source, values)));
    }

    [Fact]
    public void Open_layouts_become_row_major()
    {
        using var engine = new ReferenceEngine();
        MemoryDescriptor any = MemoryDescriptor.Any([1, 2, 3, 4], DataType.Float32);
        var planned = (EltwiseDescriptor)engine.Create(
            new EltwiseDescriptor { Algorithm = EltwiseAlgorithm.Abs, Source = any, Destination = any }).Descriptor;
        Assert.True(planned.Source.HasLayout(FormatTag.Nchw));
        Assert.True(planned.Destination.HasLayout(FormatTag.Nchw));
    }
}
