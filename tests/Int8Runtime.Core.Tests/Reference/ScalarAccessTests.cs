// Conversions between f32 and the stored types.
using Int8Runtime.Reference;

namespace Int8Runtime.Core.Tests.Reference;

public sealed unsafe class ScalarAccessTests
{
    [Fact]
    public void Every_bf16_value_survives_except_denormals()
    {
        for (int half = 0; half <= 0xFFFF; half++)
        {
            float value = BitConverter.UInt32BitsToSingle((uint)half << 16);
            bool denormal = (half & 0x7F80) == 0;
            int expected = denormal ? half & 0x8000 : float.IsNaN(value) ? half | 0x40 : half;
            Assert.Equal(expected, ScalarAccess.ToBFloat16(value));
        }
    }

    [Fact]
    public void Rounding_to_bf16_goes_to_the_nearest_and_ties_to_even()
    {
        for (uint half = 0x0080; half < 0x7F80; half++)
        {
            uint bits = half << 16;
            Assert.Equal(half, ScalarAccess.ToBFloat16(BitConverter.UInt32BitsToSingle(bits + 0x7FFF)));
            Assert.Equal(half + (half & 1), ScalarAccess.ToBFloat16(BitConverter.UInt32BitsToSingle(bits + 0x8000)));
            Assert.Equal(half + 1, ScalarAccess.ToBFloat16(BitConverter.UInt32BitsToSingle(bits + 0x8001)));
        }
    }

    [Fact]
    public void Every_f16_value_survives()
    {
        for (int bits = 0; bits <= 0xFFFF; bits++)
        {
            var stored = (ushort)bits;
            float value = ScalarAccess.Load(&stored, DataType.Float16, 0);
            ushort back = 0;
            ScalarAccess.Store(&back, DataType.Float16, 0, value);
            Assert.True(back == bits || float.IsNaN(value), $"{bits:x4} became {back:x4}");
        }
    }

    [Theory]
    [InlineData(DataType.UInt8, 254.5f, 254)]
    [InlineData(DataType.UInt8, 255.5f, 255)]
    [InlineData(DataType.UInt8, -0.5f, 0)]
    [InlineData(DataType.UInt8, -1000f, 0)]
    [InlineData(DataType.Int8, 127.4f, 127)]
    [InlineData(DataType.Int8, -129f, -128)]
    [InlineData(DataType.Int8, float.NegativeInfinity, -128)]
    [InlineData(DataType.Int32, 3e9f, int.MaxValue)]
    [InlineData(DataType.Int32, float.NegativeInfinity, int.MinValue)]
    [InlineData(DataType.UInt8, float.NaN, 0)]
    public void Integers_round_to_even_and_saturate(DataType type, float value, int expected)
    {
        int stored = 0;
        ScalarAccess.Store(&stored, type, 0, value);
        Assert.Equal(expected, ScalarAccess.LoadInteger(&stored, type, 0));
    }

    [Fact]
    public void Zero_point_is_added_behind_the_rounding()
    {
        Assert.Equal(5, ScalarAccess.Quantize(2.5f, 3, -128, 127));
        Assert.Equal(127, ScalarAccess.Quantize(126.6f, 5, -128, 127));
        Assert.Equal(-128, ScalarAccess.Quantize(float.NaN, 5, -128, 127));
    }

    [Fact]
    public void Real_value_is_the_f32_difference_times_the_scale()
    {
        int stored = 16777217; // 2²⁴ + 1 is 2²⁴ as f32
        Assert.Equal(0f, ScalarAccess.LoadReal(&stored, DataType.Int32, 0, 0.5f, 16777216));
        Assert.Equal(0.5f, ScalarAccess.LoadReal(&stored, DataType.Int32, 0, 0.5f, 16777215));
        byte small = 3;
        Assert.Equal(-0.75f, ScalarAccess.LoadReal(&small, DataType.UInt8, 0, 0.25f, 6));
    }

    [Fact]
    public void Types_of_models_are_not_computed_with()
    {
        Assert.Throws<NotSupportedException>(() => Load(DataType.Int64));
        Assert.Throws<NotSupportedException>(() => Load(DataType.Boolean));

        static float Load(DataType type)
        {
            long stored = 0;
            return ScalarAccess.Load(&stored, type, 0);
        }
    }
}
