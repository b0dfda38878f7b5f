// Floating point of at most 8 bits: every code, ties, and what is too large.
using Int8Runtime.Graph;

namespace Int8Runtime.Tests.Graph;

public sealed class MiniFloatTests
{
    public static TheoryData<DataType, float> Formats => new()
    {
        { DataType.Float8E4M3FN, 448 }, { DataType.Float8E4M3FNUZ, 240 }, { DataType.Float8E5M2, 57344 },
        { DataType.Float8E5M2FNUZ, 57344 },
        { DataType.Float4E2M1, 6 },
    };

    [Theory]
    [MemberData(nameof(Formats))]
    public void Every_number_keeps_its_code(DataType type, float largest)
    {
        MiniFloat format = MiniFloat.Of(type)!;
        int codes = type == DataType.Float4E2M1 ? 16 : 256;
        float[] values = [.. Enumerable.Range(0, codes).Select(code => format.Decode((byte)code))];
        for (int code = 0; code < codes; code++)
        {
            if (!float.IsNaN(values[code]))
                Assert.Equal(code, format.Encode(values[code], saturate: false));
        }

        Assert.Equal(largest, values.Where(float.IsFinite).Max());
        Assert.Equal(-largest, values.Where(float.IsFinite).Min());
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public void Numbers_between_two_codes_go_to_the_nearer_and_ties_to_the_even_one(DataType type, float largest)
    {
        MiniFloat format = MiniFloat.Of(type)!;
        for (byte code = 0; format.Decode((byte)(code + 1)) is var above && above > format.Decode(code) && above <= largest; code++)
        {
            float below = format.Decode(code), middle = (below + above) / 2;
            Assert.Equal(code % 2 == 0 ? code : code + 1, format.Encode(middle, saturate: true));
            Assert.Equal(code, format.Encode(MathF.BitDecrement(middle), saturate: true));
            Assert.Equal(code + 1, format.Encode(MathF.BitIncrement(middle), saturate: true));
        }
    }

    [Theory]
    [InlineData(DataType.Float8E4M3FN, 464f, 0x7E, 0x7E)]     // the tie between 448 and 480, which would be odd
    [InlineData(DataType.Float8E4M3FN, 465f, 0x7E, 0x7F)]
    [InlineData(DataType.Float8E4M3FN, float.PositiveInfinity, 0x7E, 0x7F)]
    [InlineData(DataType.Float8E4M3FN, float.NegativeInfinity, 0xFE, 0xFF)]
    [InlineData(DataType.Float8E4M3FNUZ, float.NegativeInfinity, 0xFF, 0x80)]
    [InlineData(DataType.Float8E4M3FNUZ, -0f, 0, 0)]
    [InlineData(DataType.Float8E4M3FNUZ, float.NaN, 0x80, 0x80)]
    [InlineData(DataType.Float8E5M2, 1e30f, 0x7B, 0x7C)]
    [InlineData(DataType.Float8E5M2, float.NaN, 0xFE, 0xFE)]   // the NaN of .NET is negative
    [InlineData(DataType.Float4E2M1, -100f, 0xF, 0xF)]
    public void Overflow_saturates_or_becomes_special(DataType type, float value, int saturated, int special)
    {
        MiniFloat format = MiniFloat.Of(type)!;
        Assert.Equal(saturated, format.Encode(value, saturate: true));
        Assert.Equal(special, format.Encode(value, saturate: false));
    }

    [Theory]
    [InlineData(1f, "up", 127)]
    [InlineData(1.1f, "up", 128)]
    [InlineData(1.1f, "down", 127)]
    [InlineData(1.5f, "nearest", 128)]
    [InlineData(-8f, "up", 130)]
    [InlineData(0f, "up", 0)]
    [InlineData(float.MaxValue, "up", 254)]
    [InlineData(float.NaN, "up", 255)]
    public void Powers_of_two_are_rounded_as_asked(float value, string rounding, byte code) =>
        Assert.Equal(code, PowerOfTwoFormat.Encode(value, rounding));

    [Fact]
    public void Integers_of_few_bits_keep_their_low_bits()
    {
        TensorData wide = TensorData.Vector<long>(7, 8, -8, -9, 3, 2);
        Assert.Equal([7.0, -8, -8, 7, 3, 2], wide.ConvertTo(DataType.Int4).ToDoubleArray());
        Assert.Equal([7.0, 8, 8, 7, 3, 2], wide.ConvertTo(DataType.UInt4).ToDoubleArray());
        Assert.Equal([-1.0, 0, 0, -1, -1, -2], wide.ConvertTo(DataType.Int2).ToDoubleArray());
        Assert.Equal([3.0, 0, 0, 3, 3, 2], wide.ConvertTo(DataType.UInt2).ToDoubleArray());
    }
}
