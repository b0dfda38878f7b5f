// Tensors: sizes, views and conversions.
using Int8Runtime.Graph;

namespace Int8Runtime.Tests.Graph;

public sealed class TensorDataTests
{
    [Fact]
    public void Shape_and_bytes_must_agree()
    {
        Assert.Throws<ModelFormatException>(() => new TensorData(DataType.Float32, [2, 2], new byte[15]));
        Assert.Throws<ModelFormatException>(() => TensorData.CountElements([int.MaxValue - 1, int.MaxValue - 1, 4]));
        Assert.Throws<ModelFormatException>(() => TensorData.CountElements([2, -1]));
        Assert.Equal(0, TensorData.CountElements([int.MaxValue - 1, 0, int.MaxValue - 1]));
        Assert.Equal(1, TensorData.CountElements([]));
    }

    [Theory]
    [InlineData(DataType.UInt4, new byte[] { 0, 1, 2, 15, 8, 7, 9 })]
    [InlineData(DataType.Int4, new byte[] { 0, 1, 2, 0xFF, 0xF8, 7, 0xF9 })]
    public void Two_elements_of_4_bits_share_a_byte_until_they_are_read(DataType type, byte[] elements)
    {
        byte[] halves = [0x10, 0xF2, 0x78, 0x09];
        Assert.Equal(halves, Nibbles.Pack(elements));
        TensorData tensor = TensorData.OfNibbles(type, [7, 1], halves);
        Assert.Equal(elements, tensor.Bytes.ToArray());
        Assert.True(tensor.ContentEquals(new TensorData(type, [7, 1], elements)));
        TensorData flat = tensor.Reshaped([7]), bytes = flat.AsInt8();
        Assert.True(tensor.HoldsNibbles && flat.HoldsNibbles && bytes.HoldsNibbles);
        Assert.Equal(type == DataType.Int4 ? DataType.Int8 : DataType.UInt8, bytes.ElementType);
        Assert.Equal(tensor.ToInt32Array(), bytes.ToInt32Array());
        byte[] copy = new byte[7];
        bytes.CopyTo(copy);
        Assert.Equal(elements, copy);
        Assert.Equal(new TensorData(type, [7], elements).AsInt8().ToInt32Array(), bytes.ToInt32Array());
        Assert.Throws<ModelFormatException>(() => TensorData.OfNibbles(type, [9], halves));
        Assert.Throws<ModelFormatException>(() => tensor.Reshaped([8]));
    }

    [Fact]
    public void Elements_are_viewed_by_their_storage_type_only()
    {
        TensorData tensor = TensorData.Vector(1f, 2f);
        Assert.Equal([1f, 2f], tensor.AsSpan<float>().ToArray());
        Assert.Throws<InvalidOperationException>(() => tensor.AsSpan<int>().Length);
        Assert.Equal([1, 0], TensorData.Vector(true, false).AsSpan<byte>().ToArray());
    }

    [Theory]
    [InlineData(2.9f, 2)]
    [InlineData(-2.9f, -2)]
    [InlineData(300f, 127)]
    [InlineData(-300f, -128)]
    [InlineData(float.NaN, 0)]
    public void Real_numbers_are_truncated_and_saturated(float value, sbyte expected) =>
        Assert.Equal([expected], TensorData.Vector(value).ConvertTo(DataType.Int8).AsSpan<sbyte>().ToArray());

    [Fact]
    public void Integers_keep_their_low_bits()
    {
        Assert.Equal([unchecked((sbyte)200)], TensorData.Vector(200).ConvertTo(DataType.Int8).AsSpan<sbyte>().ToArray());
        long large = (1L << 62) + 1;
        Assert.Equal([large], TensorData.Vector(large).ConvertTo(DataType.Int64).AsSpan<long>().ToArray());
    }

    [Theory]
    [InlineData(1f, 0x3F80)]
    [InlineData(1.00390625f, 0x3F80)]        // halfway: to even
    [InlineData(1.01171875f, 0x3F82)]        // halfway: to even
    [InlineData(float.PositiveInfinity, 0x7F80)]
    public void Bfloat16_rounds_to_nearest_even(float value, int bits)
    {
        TensorData converted = TensorData.Vector(value).ConvertTo(DataType.BFloat16);
        Assert.Equal([(ushort)bits], converted.AsSpan<ushort>().ToArray());
        Assert.True(float.IsNaN(TensorData.Vector(float.NaN).ConvertTo(DataType.BFloat16).ToSingleArray()[0]));
    }

    [Fact]
    public void Half_precision_survives_the_way_through_single_precision()
    {
        Half[] values = [.. Enumerable.Range(0, 1 << 16).Select(i => BitConverter.UInt16BitsToHalf((ushort)i)).Where(h => !Half.IsNaN(h))];
        TensorData tensor = TensorData.Vector<Half>(values);
        Assert.True(tensor.ContentEquals(tensor.ConvertTo(DataType.Float32).ConvertTo(DataType.Float16)));
    }

    [Fact]
    public void Deferred_content_is_computed_once_and_only_when_it_is_asked_for()
    {
        int computed = 0;
        TensorData tensor = TensorData.Defer(DataType.Float32, [2, 2], () =>
        {
            computed++;
            return TensorData.Create<float>([1, 2, 3, 4], [2, 2]);
        });
        Assert.Equal((DataType.Float32, 4, 2), (tensor.ElementType, tensor.ElementCount, tensor.Rank));
        TensorData reshaped = tensor.Reshaped([4]);
        Assert.Equal((0, 16), (computed, tensor.ByteCount));
        Assert.Equal([1f, 2, 3, 4], reshaped.AsSpan<float>().ToArray());
        Assert.Throws<ModelFormatException>(() => tensor.Reshaped([3]));
        Assert.Equal([1f, 2, 3, 4], tensor.AsSpan<float>().ToArray());
        Assert.True(tensor.ContentEquals(TensorData.Create<float>([1, 2, 3, 4], [2, 2])));
        Assert.Equal([4], tensor.Reshaped([4]).Shape.ToArray());
        Assert.Equal(1, computed);
    }
}
