// Element types of tensors.
using System.Runtime.CompilerServices;

namespace Int8Runtime;

/// <summary>The type of one element of a tensor.</summary>
public enum DataType : byte
{
    /// <summary>Not set.</summary>
    Undefined,

    /// <summary>IEEE binary32.</summary>
    Float32,

    /// <summary>bfloat16: the upper half of a binary32.</summary>
    BFloat16,

    /// <summary>IEEE binary16. A storage type: arithmetic is done in <see cref="Float32"/>.</summary>
    Float16,

    /// <summary>Signed 32-bit integer.</summary>
    Int32,

    /// <summary>Signed 8-bit integer.</summary>
    Int8,

    /// <summary>Unsigned 8-bit integer.</summary>
    UInt8,

    /// <summary>Signed 64-bit integer; shapes and indices of models, not an operand of compute primitives.</summary>
    Int64,

    /// <summary>Signed 16-bit integer; models only.</summary>
    Int16,

    /// <summary>Unsigned 16-bit integer; models only.</summary>
    UInt16,

    /// <summary>One byte that is 0 or 1; models only.</summary>
    Boolean,

    /// <summary>IEEE binary64; models only.</summary>
    Float64,

    /// <summary>Unsigned 32-bit integer; models only.</summary>
    UInt32,

    /// <summary>Unsigned 64-bit integer; models only.</summary>
    UInt64,

    /// <summary>
    /// Signed 4-bit integer; models, and weights of products. Each element takes a byte, except in packed weights of a floating-point
    /// source, which hold two in a byte.
    /// </summary>
    Int4,

    /// <summary>Unsigned 4-bit integer; as <see cref="Int4"/>.</summary>
    UInt4,

    /// <summary>Signed 2-bit integer; models only, where each element takes a byte.</summary>
    Int2,

    /// <summary>Unsigned 2-bit integer; models only, where each element takes a byte.</summary>
    UInt2,

    /// <summary>8-bit floating point with 4 exponent bits, without infinity; models only.</summary>
    Float8E4M3FN,

    /// <summary>As <see cref="Float8E4M3FN"/> with bias 8 and neither infinity nor −0; models only.</summary>
    Float8E4M3FNUZ,

    /// <summary>8-bit floating point with 5 exponent bits; models only.</summary>
    Float8E5M2,

    /// <summary>As <see cref="Float8E5M2"/> with bias 16 and neither infinity nor −0; models only.</summary>
    Float8E5M2FNUZ,

    /// <summary>8-bit power of two; models only.</summary>
    Float8E8M0,

    /// <summary>4-bit floating point with 2 exponent bits; models only, where each element takes a byte.</summary>
    Float4E2M1,
}

/// <summary>Facts about <see cref="DataType"/>.</summary>
public static class DataTypes
{
    /// <summary>Size of one element in bytes.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The type is <see cref="DataType.Undefined"/>.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)] // loops over elements ask for it
    public static int SizeInBytes(this DataType type) => type switch
    {
        DataType.Int8 or DataType.UInt8 or DataType.Boolean => 1,
        DataType.Int4 or DataType.UInt4 or DataType.Int2 or DataType.UInt2 or DataType.Float4E2M1 => 1,
        DataType.Float8E4M3FN or DataType.Float8E4M3FNUZ or DataType.Float8E5M2 or DataType.Float8E5M2FNUZ or DataType.Float8E8M0 => 1,
        DataType.BFloat16 or DataType.Float16 or DataType.Int16 or DataType.UInt16 => 2,
        DataType.Float32 or DataType.Int32 or DataType.UInt32 => 4,
        DataType.Int64 or DataType.Float64 or DataType.UInt64 => 8,
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "The data type has no size."),
    };

    /// <summary>The short name that problem texts and logs use, for example <c>u8</c>.</summary>
    public static string ToShortName(this DataType type) => type switch
    {
        DataType.Float32 => "f32",
        DataType.BFloat16 => "bf16",
        DataType.Float16 => "f16",
        DataType.Int32 => "s32",
        DataType.Int8 => "s8",
        DataType.UInt8 => "u8",
        DataType.Int64 => "s64",
        DataType.Int16 => "s16",
        DataType.UInt16 => "u16",
        DataType.Boolean => "bool",
        DataType.Float64 => "f64",
        DataType.UInt32 => "u32",
        DataType.UInt64 => "u64",
        DataType.Int4 => "s4",
        DataType.UInt4 => "u4",
        DataType.Int2 => "s2",
        DataType.UInt2 => "u2",
        DataType.Float8E4M3FN => "f8_e4m3",
        DataType.Float8E4M3FNUZ => "f8_e4m3fnuz",
        DataType.Float8E5M2 => "f8_e5m2",
        DataType.Float8E5M2FNUZ => "f8_e5m2fnuz",
        DataType.Float8E8M0 => "e8m0",
        DataType.Float4E2M1 => "f4_e2m1",
        _ => "undef",
    };

    /// <summary>True for u8 and s8, the operands of integer products.</summary>
    public static bool IsInt8(this DataType type) => type is DataType.Int8 or DataType.UInt8;

    /// <summary>True for u4 and s4.</summary>
    public static bool IsInt4(this DataType type) => type is DataType.Int4 or DataType.UInt4;

    /// <summary>True for the integers that weights of a product with a floating-point source may be: u8, s8, u4 and s4.</summary>
    public static bool IsIntegerWeight(this DataType type) => type.IsInt8() || type.IsInt4();

    /// <summary>True for f32, bf16, f16 and f64.</summary>
    public static bool IsFloatingPoint(this DataType type) =>
        type is DataType.Float32 or DataType.BFloat16 or DataType.Float16 or DataType.Float64;

    /// <summary>The smallest and largest value of an integer type of at most 32 bits.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The type is no such integer type.</exception>
    public static (int Min, int Max) IntegerRange(this DataType type) => type switch
    {
        DataType.UInt8 => (0, 255),
        DataType.Int8 => (-128, 127),
        DataType.UInt16 => (0, 65535),
        DataType.Int16 => (-32768, 32767),
        DataType.Int32 => (int.MinValue, int.MaxValue),
        DataType.Int4 => (-8, 7),
        DataType.UInt4 => (0, 15),
        DataType.Int2 => (-2, 1),
        DataType.UInt2 => (0, 3),
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "Not an integer type of at most 32 bits."),
    };
}
