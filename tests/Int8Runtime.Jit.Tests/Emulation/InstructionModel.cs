// What the emulated instructions compute, lane by lane, in plain C#. Written from the operation sections of Intel's Software
// Developer's Manual, volume 2.
using System.Numerics;
using System.Runtime.InteropServices;

namespace Int8Runtime.Jit.Tests;

internal static class InstructionModel
{
    private const uint DefaultNan = 0xFFC0_0000;

    /// <summary>The register after the instruction, 64 bytes; everything above the result is 0.</summary>
    /// <param name="operation">The instruction.</param>
    /// <param name="bytes">Bytes of the widest operand.</param>
    /// <param name="destination">The register before.</param>
    /// <param name="a">Operand 1, unused by one-operand conversions.</param>
    /// <param name="b">The last operand, after broadcast.</param>
    /// <param name="mask">Write mask, all ones without.</param>
    /// <param name="zeroing">Whether lanes outside the mask become 0.</param>
    public static byte[] Execute(
        VectorOp operation, int bytes, byte[] destination, byte[] a, byte[] b, ulong mask, bool zeroing)
    {
        var result = new byte[64];
        bool converts = operation is VectorOp.Vcvtneps2bf16 or VectorOp.Vcvtne2ps2bf16;
        int element = converts ? 2 : 4, lanes = operation == VectorOp.Vcvtneps2bf16 ? bytes / 4 : bytes / element;
        for (int i = 0; i < lanes; i++)
        {
            Span<byte> lane = result.AsSpan(i * element, element);
            if ((mask >> i & 1) == 0)
            {
                if (!zeroing)
                    destination.AsSpan(i * element, element).CopyTo(lane);
            }
            else if (converts)
            {
                byte[] source = operation == VectorOp.Vcvtneps2bf16 || i < lanes / 2 ? b : a;
                MemoryMarshal.Write(lane, ToBf16(At<uint>(source, operation == VectorOp.Vcvtneps2bf16 ? i : i % (lanes / 2))));
            }
            else if (operation == VectorOp.Vdpbf16ps)
            {
                uint odd = Fma(At<ushort>(a, 2 * i + 1), At<ushort>(b, 2 * i + 1), At<uint>(destination, i));
                MemoryMarshal.Write(lane, Fma(At<ushort>(a, 2 * i), At<ushort>(b, 2 * i), odd));
            }
            else
            {
                MemoryMarshal.Write(lane, IntegerProducts(operation, destination, a, b, i));
            }
        }
        return result;
    }

    private static int IntegerProducts(VectorOp operation, byte[] destination, byte[] a, byte[] b, int lane)
    {
        long sum = At<int>(destination, lane);
        if (operation is VectorOp.Vpdpbusd or VectorOp.Vpdpbusds)
        {
            for (int i = 0; i < 4; i++)
                sum += a[4 * lane + i] * (sbyte)b[4 * lane + i];
        }
        else
        {
            for (int i = 0; i < 2; i++)
                sum += (long)At<short>(a, 2 * lane + i) * At<short>(b, 2 * lane + i);
        }
        return operation is VectorOp.Vpdpbusds or VectorOp.Vpdpwssds
            ? (int)Math.Clamp(sum, int.MinValue, int.MaxValue) : unchecked((int)sum);
    }

    private static ushort ToBf16(uint bits)
    {
        uint magnitude = bits & 0x7FFF_FFFF, sign = bits & 0x8000_0000;
        if (magnitude < 0x0080_0000)
            return (ushort)(sign >> 16);
        if (magnitude > 0x7F80_0000)
            return (ushort)(bits >> 16 | 0x40);
        uint high = bits >> 16, low = bits & 0xFFFF;
        return (ushort)(high + (low > 0x8000 || (low == 0x8000 && (high & 1) == 1) ? 1 : 0));
    }

    // One fused multiply-add; denormals are zero on both sides.
    private static uint Fma(ushort left, ushort right, uint addend)
    {
        uint a = Flush((uint)left << 16), b = Flush((uint)right << 16), c = Flush(addend);
        foreach (uint operand in (uint[])[a, b, c])
            if ((operand & 0x7FFF_FFFF) > 0x7F80_0000)
                return operand | 0x0040_0000;
        float x = BitConverter.UInt32BitsToSingle(a), y = BitConverter.UInt32BitsToSingle(b), z = BitConverter.UInt32BitsToSingle(c);
        float result = MathF.FusedMultiplyAdd(x, y, z);
        if (float.IsNaN(result))
            return DefaultNan;
        // Tininess is seen after rounding to 24 bits with an unbounded exponent.
        const double SmallestNormal = 1.1754943508222875e-38;
        if (Math.Abs(result) == SmallestNormal && Math.Abs((double)x * y + z) < SmallestNormal * (1 - 1.0 / (1 << 25)))
            result = MathF.CopySign(0, result);
        return Flush(BitConverter.SingleToUInt32Bits(result));
    }

    private static uint Flush(uint bits) => (bits & 0x7F80_0000) == 0 ? bits & 0x8000_0000 : bits;

    private static T At<T>(byte[] register, int lane)
        where T : unmanaged, INumber<T> => MemoryMarshal.Cast<byte, T>(register)[lane];
}
