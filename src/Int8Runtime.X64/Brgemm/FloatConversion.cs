// Floating-point operands on their way to a product: bf16 and f16 become f32, or f32 becomes bf16 where VDPBF16PS serves.
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Int8Runtime.Reference;

namespace Int8Runtime.X64;

/// <summary>Converts contiguous elements. The loops are compiled fully at once, as those of <see cref="RowCopy"/>.</summary>
internal static unsafe class FloatConversion
{
    private const int Lanes = 8; // f32 lanes of a vector

    /// <summary>True for the types that products of floats read.</summary>
    public static bool Reads(DataType type) => type is DataType.Float32 or DataType.BFloat16 or DataType.Float16;

    /// <summary>Converts or copies <paramref name="count"/> elements.</summary>
    /// <param name="destination">Receives the elements.</param>
    /// <param name="to">f32, or bf16 from f32 or bf16.</param>
    /// <param name="source">The elements.</param>
    /// <param name="from">f32, bf16 or f16.</param>
    /// <param name="count">Number of elements.</param>
    public static void Run(void* destination, DataType to, void* source, DataType from, int count)
    {
        if (from == to)
            Unsafe.CopyBlockUnaligned(destination, source, (uint)(count * to.SizeInBytes()));
        else if (to == DataType.BFloat16)
            Narrow((ushort*)destination, (float*)source, count);
        else if (from == DataType.BFloat16)
            WidenBFloat16((float*)destination, (ushort*)source, count);
        else
            WidenFloat16((float*)destination, (Half*)source, count);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void WidenBFloat16(float* destination, ushort* source, int count)
    {
        int i = 0;
        for (; i + (2 * Lanes) <= count; i += 2 * Lanes)
        {
            (Vector256<uint> low, Vector256<uint> high) = Vector256.Widen(Vector256.Load(source + i));
            (low << 16).AsSingle().Store(destination + i);
            (high << 16).AsSingle().Store(destination + i + Lanes);
        }

        for (; i < count; i++)
            destination[i] = BitConverter.UInt32BitsToSingle((uint)source[i] << 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void WidenFloat16(float* destination, Half* source, int count)
    {
        int i = 0;
        for (; i + (2 * Lanes) <= count; i += 2 * Lanes)
        {
            (Vector256<uint> low, Vector256<uint> high) = Vector256.Widen(Vector256.Load((ushort*)source + i));
            FromFloat16(low).Store(destination + i);
            FromFloat16(high).Store(destination + i + Lanes);
        }

        for (; i < count; i++)
            destination[i] = (float)source[i];
    }

    // Exponent and mantissa move to their place as a number that is 2¹¹² too small, denormals included; infinities and NaN
    // get the largest exponent.
    private static Vector256<float> FromFloat16(Vector256<uint> bits)
    {
        Vector256<uint> magnitude = (bits & Vector256.Create(0x7FFFu)) << 13;
        Vector256<uint> scaled = (magnitude.AsSingle() * Vector256.Create(BitConverter.UInt32BitsToSingle(0x7780_0000))).AsUInt32();
        Vector256<uint> special = Vector256.GreaterThanOrEqual(magnitude, Vector256.Create(0x0F80_0000u));
        Vector256<uint> value = Vector256.ConditionalSelect(special, magnitude | Vector256.Create(0x7F80_0000u), scaled);
        return (value | ((bits & Vector256.Create(0x8000u)) << 16)).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Narrow(ushort* destination, float* source, int count)
    {
        int i = 0;
        for (; i + (2 * Lanes) <= count; i += 2 * Lanes)
            Vector256.Narrow(ToBFloat16(Vector256.Load(source + i)), ToBFloat16(Vector256.Load(source + i + Lanes))).Store(destination + i);
        for (; i < count; i++)
            destination[i] = ScalarAccess.ToBFloat16(source[i]);
    }

    // As ScalarAccess.ToBFloat16: to nearest even, denormals to zero of their sign, NaN made quiet.
    private static Vector256<uint> ToBFloat16(Vector256<float> values)
    {
        Vector256<uint> bits = values.AsUInt32(), high = bits >> 16;
        Vector256<uint> magnitude = bits & Vector256.Create(0x7FFF_FFFFu);
        Vector256<uint> rounded = (bits + Vector256.Create(0x7FFFu) + (high & Vector256<uint>.One)) >> 16;
        Vector256<uint> quiet = Vector256.GreaterThan(magnitude, Vector256.Create(0x7F80_0000u));
        Vector256<uint> tiny = Vector256.LessThan(magnitude, Vector256.Create(0x0080_0000u));
        rounded = Vector256.ConditionalSelect(quiet, high | Vector256.Create(0x40u), rounded);
        return Vector256.ConditionalSelect(tiny, high & Vector256.Create(0x8000u), rounded);
    }
}
