// Scalar reads and writes of every element type, with the conversions that the numerics prescribe.
namespace Int8Runtime.Reference;

/// <summary>
/// Reads elements as f32 and writes f32 results: integers are rounded to nearest even and saturated, bf16 and f16 are
/// rounded to nearest even. NaN becomes the lowest value of an integer type.
/// </summary>
internal static unsafe class ScalarAccess
{
    /// <summary>True for the types that primitives compute with.</summary>
    public static bool CanCompute(DataType type) => type is DataType.Float32 or DataType.BFloat16 or DataType.Float16
        or DataType.Int32 or DataType.Int8 or DataType.UInt8;

    /// <summary>The element at <paramref name="index"/> (in elements) as f32; exact for every type but s32 above 2²⁴ and f64.</summary>
    public static float Load(void* data, DataType type, long index) => type switch
    {
        DataType.Float32 => ((float*)data)[index],
        DataType.UInt8 => ((byte*)data)[index],
        DataType.Int8 => ((sbyte*)data)[index],
        DataType.Int32 => ((int*)data)[index],
        DataType.BFloat16 => BitConverter.UInt32BitsToSingle((uint)((ushort*)data)[index] << 16),
        DataType.Float16 => (float)((Half*)data)[index],
        _ => throw new NotSupportedException($"No primitive computes with {type.ToShortName()}."),
    };

    /// <summary>The element at <paramref name="index"/> as an integer.</summary>
    public static int LoadInteger(void* data, DataType type, long index) => type switch
    {
        DataType.UInt8 or DataType.UInt4 => ((byte*)data)[index],
        DataType.Int8 or DataType.Int4 => ((sbyte*)data)[index],
        DataType.Int32 => ((int*)data)[index],
        _ => throw new NotSupportedException($"{type.ToShortName()} is not an integer operand."),
    };

    /// <summary>
    /// The real number that a quantized element stands for, <c>scale·(f32(q) − f32(zeroPoint))</c>. The difference is exact for 8-bit
    /// elements and zero points below 2²⁴.
    /// </summary>
    public static float LoadReal(void* data, DataType type, long index, float scale, int zeroPoint)
    {
        float value = zeroPoint == 0 ? Load(data, type, index) : Load(data, type, index) - zeroPoint;
        return scale == 1f ? value : scale * value;
    }

    /// <summary>
    /// Several elements at a constant distance, each as <see cref="LoadReal"/> reads it; the type is looked at once for all.
    /// </summary>
    /// <param name="data">The tensor.</param>
    /// <param name="type">Its type.</param>
    /// <param name="first">Place of the first element.</param>
    /// <param name="stride">Distance from element to element.</param>
    /// <param name="scale">The scale.</param>
    /// <param name="zeroPoint">The zero point.</param>
    /// <param name="values">Receives them.</param>
    public static void LoadReals(void* data, DataType type, long first, long stride, float scale, int zeroPoint, Span<float> values)
    {
        switch (type)
        {
            case DataType.Float32:
                for (int i = 0; i < values.Length; i++)
                    values[i] = ((float*)data)[first + (i * stride)];
                break;
            case DataType.BFloat16:
                for (int i = 0; i < values.Length; i++)
                    values[i] = BitConverter.UInt32BitsToSingle((uint)((ushort*)data)[first + (i * stride)] << 16);
                break;
            default:
                for (int i = 0; i < values.Length; i++)
                    values[i] = Load(data, type, first + (i * stride));
                break;
        }

        if (zeroPoint != 0)
            foreach (ref float value in values)
                value -= zeroPoint;
        if (scale != 1f)
            foreach (ref float value in values)
                value *= scale;
    }

    /// <summary>Writes a value that is already in the range of the type, as the epilogue leaves it; saturates anyway.</summary>
    public static void Store(void* data, DataType type, long index, float value, int zeroPoint = 0)
    {
        switch (type)
        {
            case DataType.Float32:
                ((float*)data)[index] = value;
                break;
            case DataType.UInt8:
                ((byte*)data)[index] = (byte)Quantize(value, zeroPoint, byte.MinValue, byte.MaxValue);
                break;
            case DataType.Int8:
                ((sbyte*)data)[index] = (sbyte)Quantize(value, zeroPoint, sbyte.MinValue, sbyte.MaxValue);
                break;
            case DataType.UInt4 or DataType.Int4:
                (int min, int max) = type.IntegerRange();
                ((byte*)data)[index] = unchecked((byte)Quantize(value, zeroPoint, min, max));
                break;
            case DataType.Int32:
                ((int*)data)[index] = (int)Quantize(value, zeroPoint, int.MinValue, int.MaxValue);
                break;
            case DataType.BFloat16:
                ((ushort*)data)[index] = ToBFloat16(value);
                break;
            case DataType.Float16:
                ((Half*)data)[index] = (Half)value;
                break;
            default:
                throw new NotSupportedException($"No primitive computes with {type.ToShortName()}.");
        }
    }

    /// <summary><c>sat(rne(value) + zeroPoint)</c>; NaN gives <paramref name="min"/>.</summary>
    public static long Quantize(float value, int zeroPoint, long min, long max)
    {
        if (float.IsNaN(value))
            return min;
        double rounded = Math.Round((double)value, MidpointRounding.ToEven) + zeroPoint;
        return rounded <= min ? min : rounded >= max ? max : (long)rounded;
    }

    /// <summary>Round to nearest even; NaN stays NaN (quiet); denormals become zero, as VCVTNEPS2BF16 does.</summary>
    public static ushort ToBFloat16(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        if (float.IsNaN(value))
            return (ushort)((bits >> 16) | 0x40);
        if ((bits & 0x7F800000) == 0)
            return (ushort)((bits >> 16) & 0x8000);
        return (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
    }
}
