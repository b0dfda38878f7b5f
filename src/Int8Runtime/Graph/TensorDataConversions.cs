// Reading a tensor as another element type, and converting between element types.
namespace Int8Runtime.Graph;

/// <summary>Conversions of whole tensors.</summary>
public static class TensorDataConversions
{
    /// <summary>The elements as 64-bit integers. Floating-point values are truncated; unsigned integers keep their 64 bits.</summary>
    public static long[] ToInt64Array(this TensorData tensor) => tensor.ElementType switch
    {
        DataType.Int64 => tensor.AsSpan<long>().ToArray(),
        DataType.UInt64 => Map(tensor.AsSpan<ulong>(), v => unchecked((long)v)),
        _ => Array.ConvertAll(tensor.ToDoubleArray(), value => (long)value),
    };

    /// <summary>The elements as 32-bit integers, saturated.</summary>
    public static int[] ToInt32Array(this TensorData tensor) => tensor.ElementType switch
    {
        DataType.Int8 or DataType.Int4 => Map(tensor.AsSpan<sbyte>(), v => (int)v),
        DataType.UInt8 or DataType.UInt4 => Map(tensor.AsSpan<byte>(), v => (int)v),
        _ => Array.ConvertAll(tensor.ToInt64Array(), value => (int)Math.Clamp(value, int.MinValue, int.MaxValue)),
    };

    /// <summary>The elements as single-precision numbers.</summary>
    public static float[] ToSingleArray(this TensorData tensor) => tensor.ElementType switch
    {
        DataType.Float32 => tensor.AsSpan<float>().ToArray(),
        _ => Array.ConvertAll(tensor.ToDoubleArray(), value => (float)value),
    };

    /// <summary>The elements as double-precision numbers; exact for every element type but large 64-bit
    /// integers.</summary>
    public static double[] ToDoubleArray(this TensorData tensor) => tensor.ElementType switch
    {
        DataType.Float32 => Map(tensor.AsSpan<float>(), v => (double)v),
        DataType.Float64 => tensor.AsSpan<double>().ToArray(),
        DataType.Float16 => Map(tensor.AsSpan<Half>(), v => (double)v),
        DataType.BFloat16 => Map(tensor.AsSpan<ushort>(), v => (double)BFloat16ToSingle(v)),
        DataType.Int8 => Map(tensor.AsSpan<sbyte>(), v => (double)v),
        DataType.UInt8 => Map(tensor.AsSpan<byte>(), v => (double)v),
        DataType.Boolean => Map(tensor.AsSpan<byte>(), v => v != 0 ? 1.0 : 0.0),
        DataType.Int16 => Map(tensor.AsSpan<short>(), v => (double)v),
        DataType.UInt16 => Map(tensor.AsSpan<ushort>(), v => (double)v),
        DataType.Int32 => Map(tensor.AsSpan<int>(), v => (double)v),
        DataType.Int64 => Map(tensor.AsSpan<long>(), v => (double)v),
        DataType.UInt32 => Map(tensor.AsSpan<uint>(), v => (double)v),
        DataType.UInt64 => Map(tensor.AsSpan<ulong>(), v => (double)v),
        DataType.Int4 or DataType.Int2 => Map(tensor.AsSpan<sbyte>(), v => (double)v),
        DataType.UInt4 or DataType.UInt2 => Map(tensor.AsSpan<byte>(), v => (double)v),
        DataType.Float8E8M0 => Map(tensor.AsSpan<byte>(), v => (double)PowerOfTwoFormat.Decode(v)),
        _ when MiniFloat.Of(tensor.ElementType) is { } format => Map(tensor.AsSpan<byte>(), v => (double)format.Decode(v)),
        _ => throw new InvalidOperationException($"A tensor of type {tensor.ElementType} has no numeric value."),
    };

    /// <summary>Converts to another element type: floating point to integer truncates towards zero and saturates;
    /// integer to a narrower integer keeps the low bits; anything to Boolean is a test for non-zero. Numbers too large for
    /// floating point of at most 8 bits become the largest number.</summary>
    public static TensorData ConvertTo(this TensorData tensor, DataType elementType)
    {
        if (tensor.ElementType == elementType)
            return tensor;
        if (MiniFloat.Of(elementType) is not null)
            return ToMiniFloat(tensor, elementType, saturate: true);
        if (elementType == DataType.Float8E8M0)
            return ToPowersOfTwo(tensor, "up");
        bool fromInteger = !tensor.ElementType.IsFloatingPoint() && MiniFloat.Of(tensor.ElementType) is null
            && tensor.ElementType != DataType.Float8E8M0;
        return elementType switch
        {
            DataType.Float32 => TensorData.Create<float>(tensor.ToSingleArray(), tensor.Shape),
            DataType.Float64 => TensorData.Create<double>(tensor.ToDoubleArray(), tensor.Shape),
            DataType.Float16 => TensorData.Create<Half>(Array.ConvertAll(tensor.ToSingleArray(), v => (Half)v), tensor.Shape),
            DataType.BFloat16 => ToBFloat16(tensor),
            DataType.Boolean => TensorData.Create<bool>(Array.ConvertAll(tensor.ToDoubleArray(), v => v != 0), tensor.Shape),
            _ when fromInteger => FromInteger(tensor, elementType),
            DataType.Int8 => FromReal(tensor, v => (sbyte)Math.Clamp(v, sbyte.MinValue, sbyte.MaxValue)),
            DataType.UInt8 => FromReal(tensor, v => (byte)Math.Clamp(v, byte.MinValue, byte.MaxValue)),
            DataType.Int16 => FromReal(tensor, v => (short)Math.Clamp(v, short.MinValue, short.MaxValue)),
            DataType.UInt16 => FromReal(tensor, v => (ushort)Math.Clamp(v, ushort.MinValue, ushort.MaxValue)),
            DataType.Int32 => FromReal(tensor, v => (int)v),
            DataType.Int64 => FromReal(tensor, v => (long)v),
            DataType.UInt32 => FromReal(tensor, v => (uint)Math.Clamp(v, uint.MinValue, uint.MaxValue)),
            DataType.UInt64 => FromReal(tensor, v => (ulong)Math.Clamp(v, ulong.MinValue, ulong.MaxValue)),
            DataType.Int4 or DataType.UInt4 or DataType.Int2 or DataType.UInt2 =>
                ToNarrow(Array.ConvertAll(tensor.ToDoubleArray(), v => (long)v), tensor.Shape, elementType),
            _ => throw new InvalidOperationException($"Tensors cannot be converted to {elementType}."),
        };
    }

    /// <summary>Rounds to a floating-point format of at most 8 bits.</summary>
    internal static TensorData ToMiniFloat(TensorData tensor, DataType elementType, bool saturate)
    {
        MiniFloat format = MiniFloat.Of(elementType)!;
        float[] values = tensor.ToSingleArray();
        return new TensorData(elementType, tensor.Shape, Array.ConvertAll(values, v => format.Encode(v, saturate)));
    }

    /// <summary>Rounds to powers of two.</summary>
    internal static TensorData ToPowersOfTwo(TensorData tensor, string rounding) => new(
        DataType.Float8E8M0, tensor.Shape, Array.ConvertAll(tensor.ToSingleArray(), v => PowerOfTwoFormat.Encode(v, rounding)));

    // The low 4 or 2 bits, with their sign.
    private static TensorData ToNarrow(long[] values, Shape shape, DataType elementType)
    {
        int shift = elementType is DataType.Int4 or DataType.UInt4 ? 60 : 62;
        bool signed = elementType is DataType.Int4 or DataType.Int2;
        return new TensorData(elementType, shape,
            Array.ConvertAll(values, v => unchecked((byte)(signed ? v << shift >> shift : v << shift >>> shift))));
    }

    internal static float BFloat16ToSingle(ushort bits) => BitConverter.UInt32BitsToSingle((uint)bits << 16);

    internal static ushort SingleToBFloat16(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        if (float.IsNaN(value))
            return (ushort)((bits >> 16) | 0x40);
        return (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);   // round to nearest even
    }

    private static TensorData ToBFloat16(TensorData tensor)
    {
        float[] values = tensor.ToSingleArray();
        TensorData result = TensorData.Allocate(DataType.BFloat16, tensor.Shape, out Span<ushort> elements);
        for (int i = 0; i < values.Length; i++)
            elements[i] = SingleToBFloat16(values[i]);
        return result;
    }

    private static TensorData FromInteger(TensorData tensor, DataType elementType)
    {
        long[] values = tensor.ToInt64Array();
        return elementType switch
        {
            DataType.Int8 => TensorData.Create<sbyte>(Array.ConvertAll(values, v => unchecked((sbyte)v)), tensor.Shape),
            DataType.UInt8 => TensorData.Create<byte>(Array.ConvertAll(values, v => unchecked((byte)v)), tensor.Shape),
            DataType.Int16 => TensorData.Create<short>(Array.ConvertAll(values, v => unchecked((short)v)), tensor.Shape),
            DataType.UInt16 => TensorData.Create<ushort>(Array.ConvertAll(values, v => unchecked((ushort)v)), tensor.Shape),
            DataType.Int32 => TensorData.Create<int>(Array.ConvertAll(values, v => unchecked((int)v)), tensor.Shape),
            DataType.Int64 => TensorData.Create<long>(values, tensor.Shape),
            DataType.UInt32 => TensorData.Create<uint>(Array.ConvertAll(values, v => unchecked((uint)v)), tensor.Shape),
            DataType.UInt64 => TensorData.Create<ulong>(Array.ConvertAll(values, v => unchecked((ulong)v)), tensor.Shape),
            DataType.Int4 or DataType.UInt4 or DataType.Int2 or DataType.UInt2 => ToNarrow(values, tensor.Shape, elementType),
            _ => throw new InvalidOperationException($"Tensors cannot be converted to {elementType}."),
        };
    }

    // A NaN becomes 0, as the conversion operators of .NET define.
    private static TensorData FromReal<T>(TensorData tensor, Func<double, T> convert) where T : unmanaged =>
        TensorData.Create<T>(Array.ConvertAll(tensor.ToDoubleArray(), v => convert(double.IsNaN(v)
            ? 0
            : v)), tensor.Shape);

    private static TResult[] Map<T, TResult>(ReadOnlySpan<T> source, Func<T, TResult> convert)
    {
        var result = new TResult[source.Length];
        for (int i = 0; i < result.Length; i++)
            result[i] = convert(source[i]);
        return result;
    }
}
