// Typed loads and stores: every type, every number of lanes, count known at generation or at run time, between guard
// pages, against scalar conversions.
using Int8Runtime.Jit;
using Int8Runtime.Reference;
using Int8Runtime.TestKit;

namespace Int8Runtime.X64.Tests;

public sealed unsafe class TypedTransferTests
{
    private static readonly DataType[] Types =
        [DataType.UInt8, DataType.Int8, DataType.Int32, DataType.Float32, DataType.BFloat16, DataType.Float16];

    private struct Arguments
    {
        public void* Source;
        public void* Destination;
        public long Count;
    }

    [Fact]
    public void Loads_convert_to_float_and_stay_inside_their_lanes()
    {
        float* result = stackalloc float[16];
        foreach ((Isa isa, DataType type, int lanes, bool runtime) in Cases())
        {
            using CompiledKernel kernel = EmitterTiers.Compile(isa, $"load_{type}_{lanes}_{runtime}", asm =>
                WithLanes(asm, lanes, runtime, (source, destination, active) =>
                {
                    using Vec value = asm.Registers.Vec("value");
                    asm.Emit(VectorOp.Vpcmpeqd, VectorWidth.V128, value, value, value); // dirty on purpose
                    TypedLoad.ToFloat(asm, value, type, source[0], active);
                    asm.Emit(VectorOp.Vmovups, destination[0], value);
                }));
            foreach (GuardPlacement guard in Enum.GetValues<GuardPlacement>())
            {
                using var memory = new GuardedMemory(lanes * type.SizeInBytes(), guard);
                FillWithFiniteValues(memory.Span, type);
                Run(kernel, memory.Pointer, result, lanes);
                for (int i = 0; i < IsaTraits.For(isa).Lanes32; i++)
                    Assert.Equal(i < lanes ? ScalarAccess.Load(memory.Pointer, type, i) : 0f, result[i]);
            }
        }
    }

    [Fact]
    public void Stores_convert_from_float_and_stay_inside_their_lanes()
    {
        byte* expected = stackalloc byte[64];
        float[] values =
        [
            0.5f, 1.5f, -2.5f, 300f, -300f, float.NaN, float.PositiveInfinity, float.NegativeInfinity,
            3.4e9f, -3.4e9f, 126.5f, 254.5f, 1e-3f, -0f, 65519.9f, 1.00390625f,
            1e-40f, -1e-40f, 1.1754942e-38f, 1.17549435e-38f, // around the smallest normal number
        ];
        foreach ((Isa isa, DataType type, int lanes, bool runtime) in Cases())
            foreach (int zeroPoint in ZeroPointsOf(type))
            {
                using CompiledKernel kernel = EmitterTiers.Compile(isa, $"store_{type}_{lanes}_{runtime}", asm =>
                    WithLanes(asm, lanes, runtime, (source, destination, active) =>
                    {
                        using Vec value = asm.Registers.Vec("value");
                        asm.Emit(VectorOp.Vmovups, value, source[0]);
                        Saturation? saturation = type.IsFloatingPoint() ? null : Saturation.Of(asm, type, zeroPoint);
                        TypedStore.FromFloat(asm, destination[0], type, value, active, saturation);
                    }));
                foreach (GuardPlacement guard in Enum.GetValues<GuardPlacement>())
                    for (int rotation = 0; rotation < values.Length; rotation += 5)
                    {
                        using var memory = new GuardedMemory(lanes * type.SizeInBytes(), guard);
                        float[] input = [.. values[rotation..], .. values[..rotation]];
                        fixed (float* source = input)
                            Run(kernel, source, memory.Pointer, lanes);
                        for (int i = 0; i < lanes; i++)
                            StoreReference(expected, type, i, input[i], zeroPoint);
                        memory.ThrowIfSlackWritten();
                        AssertSame(type, new(expected, lanes * type.SizeInBytes()), memory.Span, $"{isa} {type} {lanes} {runtime}");
                    }
            }
    }

    [Fact]
    public void A_broadcast_fills_all_lanes_from_one_element()
    {
        float* result = stackalloc float[16];
        foreach (Isa isa in EmitterTiers.Runnable)
            foreach (DataType type in Types)
            {
                using CompiledKernel kernel = EmitterTiers.Compile(isa, $"broadcast_{type}", asm =>
                    WithLanes(asm, 1, false, (source, destination, _) =>
                    {
                        using Vec value = asm.Registers.Vec("value");
                        TypedLoad.BroadcastToFloat(asm, value, type, source[0]);
                        asm.Emit(VectorOp.Vmovups, destination[0], value);
                    }));
                using var memory = new GuardedMemory(type.SizeInBytes(), GuardPlacement.AtEnd);
                FillWithFiniteValues(memory.Span, type);
                Run(kernel, memory.Pointer, result, 1);
                for (int i = 0; i < IsaTraits.For(isa).Lanes32; i++)
                    Assert.Equal(ScalarAccess.Load(memory.Pointer, type, 0), result[i]);
            }
    }

    private static IEnumerable<(Isa Isa, DataType Type, int Lanes, bool Runtime)> Cases()
    {
        foreach (Isa isa in EmitterTiers.Runnable)
            foreach (DataType type in Types)
                for (int lanes = 1; lanes <= IsaTraits.For(isa).Lanes32; lanes++)
                {
                    yield return (isa, type, lanes, false);
                    if (lanes < IsaTraits.For(isa).Lanes32)
                        yield return (isa, type, lanes, true);
                }
    }

    private static void WithLanes(KernelAssembler asm, int lanes, bool runtime, Action<Gpr, Gpr, ActiveLanes> body)
    {
        using Gpr source = asm.Registers.Gpr("source"), destination = asm.Registers.Gpr("destination"), count = asm.Registers.Gpr("count");
        asm.Mov(source, asm.Arguments[0]);
        asm.Mov(destination, asm.Arguments[8]);
        asm.Mov(count, asm.Arguments[16]);
        using ActiveLanes active = runtime ? ActiveLanes.Count(asm, count) : ActiveLanes.First(asm, lanes);
        body(source, destination, active);
    }

    private static void Run(CompiledKernel kernel, void* source, void* destination, int count)
    {
        var arguments = new Arguments { Source = source, Destination = destination, Count = count };
        kernel.Invoke(&arguments);
    }

    private static void FillWithFiniteValues(Span<byte> bytes, DataType type)
    {
        new Random(7).NextBytes(bytes);
        if (type.IsFloatingPoint()) // clear one exponent bit in each element, so that there is no NaN to compare
            for (int i = type.SizeInBytes() - 1; i < bytes.Length; i += type.SizeInBytes())
                bytes[i] &= 0xBF;
    }

    private static int[] ZeroPointsOf(DataType type) => type switch
    {
        DataType.UInt8 or DataType.Int8 => [0, 7],
        DataType.Int32 => [0, 1_000_000_007, -1_000_000_007, int.MaxValue],
        _ => [0],
    };

    private static void StoreReference(byte* data, DataType type, int index, float value, int zeroPoint)
    {
        if (type.IsFloatingPoint())
        {
            ScalarAccess.Store(data, type, index, value);
            return;
        }
        (float lower, float upper) = Epilogue.BoundsOf(type, zeroPoint);
        float clamped = EltwiseMath.Clamp(value, lower, upper);
        int rounded = checked((int)MathF.Round(clamped, MidpointRounding.ToEven) + zeroPoint);
        if (type == DataType.Int32)
            ((int*)data)[index] = rounded;
        else
            data[index] = (byte)rounded;
    }

    // Bytes, except that any NaN equals any NaN.
    private static void AssertSame(DataType type, ReadOnlySpan<byte> expected, ReadOnlySpan<byte> actual, string what)
    {
        fixed (byte* e = expected, a = actual)
            for (int i = 0; i < expected.Length / type.SizeInBytes(); i++)
            {
                float want = ScalarAccess.Load(e, type, i), have = ScalarAccess.Load(a, type, i);
                Assert.True(
                    float.IsNaN(want) ? float.IsNaN(have) : BitConverter.SingleToInt32Bits(want) == BitConverter.SingleToInt32Bits(have),
                    $"{what}: lane {i} is {have}, not {want}");
            }
    }
}
