// Every operation that SSE4.1 kernels may use against the AVX2 instruction of the same name, executed on random bits, special
// floats and every pattern of equal registers. Nothing but the destination changes: registers, memory and flags.
using System.Runtime.InteropServices;
using static Int8Runtime.Jit.VectorOp;

namespace Int8Runtime.Jit.Tests;

public sealed unsafe class LegacyLoweringTests
{
    // Offsets in the block that the kernel's argument points to: registers before and after, memory operand, flag. The memory
    // operand is not aligned.
    private const int Before = 0, After = 16 * 16, Operand = (2 * After) + 4, Scalar = Operand + 20, FlagAt = Scalar + 8;
    private const int BlockBytes = FlagAt + 8;

    private static readonly VectorOp[] Sequences =
    [
        Vbroadcastss, Vpbroadcastd, Vblendvps, Vpblendvb, Vcvtph2ps, Vcvtps2ph, Vfmadd132ps, Vfmadd213ps, Vfmadd231ps,
        Vfmsub132ps, Vfmsub213ps, Vfmsub231ps, Vfnmadd132ps, Vfnmadd213ps, Vfnmadd231ps,
    ];

    private static readonly uint[] SpecialFloats =
    [
        0, 0x8000_0000, 1, 0x807F_FFFF, 0x0080_0000, 0x3F80_0000, 0xBF80_0000, 0x7F7F_FFFF, 0xFF7F_FFFF, 0x7F80_0000, 0xFF80_0000,
        0x7FC0_0000, 0xFFC1_2345, 0x7FA0_0001, 0x3880_0000, 0x387F_FFFF, 0x3380_0000, 0x3300_0000, 0x3300_0001, 0x477F_EFFF,
        0x477F_F000, 0x4780_0000, 0x3F80_1000, 0x3F80_3000, 0x3880_0FFF,
    ];

    private enum Source
    {
        Register,
        Memory,
        Table,
        Splat,
    }

    private static bool CanRun => (IsaTiers.Avx2 & ~CpuFeatures.Host.Isa) == Isa.None;

    [Fact]
    public void Every_operation_computes_the_bits_of_AVX2_and_changes_nothing_else()
    {
        if (!CanRun)
            return; // nothing to compare with
        var random = new Random(1);
        int cases = 0;
        foreach (OpcodeRow row in OpcodeTable.Rows)
        {
            OpcodeForm[] forms = OpcodeTable.FormsOf(row.Operation).ToArray();
            if (!Sequences.Contains(row.Operation) && !forms.Any(f => f.Encoding == VectorEncoding.Legacy))
                continue;
            foreach (OpcodeForm form in forms.Where(f => f.Encoding == VectorEncoding.Vex && f.Width == VectorWidth.V128))
                foreach (Operand[] operands in OperandsFor(row.Operation, form))
                    Check(row.Operation, operands, usesAllRegisters: cases++ % 2 == 0, random);
        }
        Assert.True(cases > 1500, $"only {cases} cases were checked");
    }

    [Fact]
    public void A_fused_multiply_add_rounds_once_near_ties_and_denormals()
    {
        if (CpuFeatures.Host.Isa == Isa.None)
            return; // no kernels on this host
        var asm = new KernelAssembler(IsaTiers.Sse41);
        using (Vec a = asm.Registers.Vec("a"), b = asm.Registers.Vec("b"), c = asm.Registers.Vec("c"))
        {
            asm.Emit(Vmovups, a, asm.Arguments[0]);
            asm.Emit(Vmovups, b, asm.Arguments[16]);
            asm.Emit(Vmovups, c, asm.Arguments[32]);
            asm.Emit(Vfmadd213ps, a, b, c);
            asm.Emit(Vmovups, asm.Arguments[0], a);
        }
        using CompiledKernel kernel = CompiledKernel.Load(asm.Build("fma"));
        var random = new Random(2);
        float* data = stackalloc float[12];
        float* expected = stackalloc float[4];
        for (int round = 0; round < 20_000; round++)
        {
            for (int lane = 0; lane < 4; lane++)
            {
                // Products of 13-bit numbers are ties of f32 as often as not; a far smaller addend breaks them.
                float a = (random.Next(1 << 13) | 1) * MathF.ScaleB(1, random.Next(-90, 90));
                float b = ((random.Next(1 << 12) << 1) + 1) * MathF.ScaleB(random.Next(2) == 0 ? 1 : -1, random.Next(-60, 1));
                float c = a * b * MathF.ScaleB(random.NextSingle() - 0.5f, random.Next(-80, 2));
                (data[lane], data[lane + 4], data[lane + 8]) = (a, b, c);
                expected[lane] = MathF.FusedMultiplyAdd(a, b, c);
            }
            kernel.Invoke(data);
            for (int lane = 0; lane < 4; lane++)
                Assert.Equal(BitConverter.SingleToInt32Bits(expected[lane]), BitConverter.SingleToInt32Bits(data[lane]));
        }
    }

    [Theory]
    [InlineData(Vmuladd213ps)]
    [InlineData(Vmuladd231ps)]
    [InlineData(Vnmuladd231ps)]
    internal void An_unfused_multiply_add_rounds_the_product_too(VectorOp operation)
    {
        if (CpuFeatures.Host.Isa == Isa.None)
            return; // no kernels on this host
        foreach (bool fromMemory in (bool[])[false, true])
        {
            var asm = new KernelAssembler(IsaTiers.Sse41);
            using (Vec d = asm.Registers.Vec("d"), a = asm.Registers.Vec("a"), b = asm.Registers.Vec("b"))
            {
                asm.Emit(Vmovups, d, asm.Arguments[4]);
                asm.Emit(Vmovups, a, asm.Arguments[20]);
                asm.Emit(Vmovups, b, asm.Arguments[36]);
                asm.Emit(operation, d, a, fromMemory ? asm.Arguments[36] : b);
                asm.Emit(Vmovups, asm.Arguments[4], d);
            }
            KernelImage image = asm.Build("multiply-add");
            KernelVerifier.Verify(image);
            using CompiledKernel kernel = CompiledKernel.Load(image);
            float[] data = [0, 1.1f, -2.3f, 3.7f, 4.9f, 0.1f, 0.7f, 1.3f, 1e-3f, 5.1f, -0.3f, 7.7f, 1e10f];
            float[] expected = [.. Enumerable.Range(1, 4).Select(i => operation switch
            {
                Vmuladd213ps => (data[i] * data[i + 4]) + data[i + 8],
                Vmuladd231ps => (data[i + 4] * data[i + 8]) + data[i],
                _ => data[i] - (data[i + 4] * data[i + 8]),
            })];
            fixed (float* p = data)
                kernel.Invoke(p);
            Assert.Equal(expected, data[1..5]);
        }
    }

    [Fact]
    public void What_SSE41_cannot_do_is_refused_by_name()
    {
        var asm = new KernelAssembler(IsaTiers.Sse41);
        string Refusal(Action emit) => Assert.Throws<InvalidOperationException>(emit).Message;
        Assert.Contains("Vpmaskmovd", Refusal(() => asm.Emit(Vpmaskmovd, new Vec(2), new Vec(3), asm.Arguments[0])));
        Assert.Contains("256", Refusal(() => asm.Emit(Vpaddd, VectorWidth.V256, new Vec(2), new Vec(3), new Vec(4))));
        Assert.Contains("sse41", Refusal(() => asm.Emit(Vcmpps, new Vec(2), new Vec(3), new Vec(4), 30)));
        Assert.Contains("broadcast", Refusal(() => asm.Emit(Vaddps, new Vec(2), new Vec(3), asm.Arguments[0].Broadcast)));
    }

    // The destination is operand 0; sources take every pattern of equal registers, the one that can be memory also the others.
    private static IEnumerable<Operand[]> OperandsFor(VectorOp operation, OpcodeForm form)
    {
        int immediateAt = Array.FindIndex(form.Slots, s => s.Immediate);
        int memoryAt = Array.FindIndex(form.Slots, s => s.Memory);
        int[][] patterns = [[2, 3, 4, 5], [15, 15, 4, 7], [5, 6, 5, 2], [7, 8, 8, 9], [9, 9, 9, 9], [2, 3, 4, 2]];
        foreach (int immediate in immediateAt < 0 ? [0] : ImmediatesFor(operation))
            foreach (int[] registers in immediateAt < 0 ? patterns : patterns[..3])
                foreach (Source source in Enum.GetValues<Source>())
                {
                    if (source != Source.Register && memoryAt < 0)
                        continue;
                    if (source == Source.Register && memoryAt >= 0 && form.Slots[memoryAt].RegisterKind == OperandKind.None)
                        continue;
                    if (source is Source.Table or Source.Splat && memoryAt == 0)
                        continue; // constants are not written
                    var operands = new Operand[form.Slots.Length];
                    int vector = 0;
                    for (int i = 0; i < operands.Length; i++)
                    {
                        if (i == immediateAt)
                            operands[i] = immediate;
                        else if (i == memoryAt && source != Source.Register)
                            operands[i] = new Gpr(1)[(int)source]; // made when the kernel is
                        else if (form.Slots[i].RegisterKind == OperandKind.General)
                            operands[i] = new Gpr(0);
                        else
                            operands[i] = new Vec(registers[vector++]);
                    }
                    if (form.Code is Iced.Intel.Code.VEX_Vmovaps_xmm_xmmm128 or Iced.Intel.Code.VEX_Vmovaps_xmmm128_xmm
                        or Iced.Intel.Code.VEX_Vmovntps_m128_xmm && source == Source.Memory)
                        continue; // takes aligned memory only
                    yield return operands;
                }
    }

    private static int[] ImmediatesFor(VectorOp operation) => operation switch
    {
        Vcmpps => [0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 13, 14],
        Vroundps => [8, 9, 10, 11],
        Vcvtps2ph => [0],
        Vpslldq or Vpsrldq or Vpalignr => [0, 1, 5, 8, 15],
        Vpinsrb or Vpextrb => [0, 15],
        _ => [0, 1, 3],
    };

    private static void Check(VectorOp operation, Operand[] operands, bool usesAllRegisters, Random random)
    {
        KernelImage image = Generate(IsaTiers.Sse41, operation, operands, usesAllRegisters);
        KernelVerifier.Verify(image);
        using CompiledKernel lowered = CompiledKernel.Load(image);
        using CompiledKernel original = CompiledKernel.Load(Generate(IsaTiers.Avx2, operation, operands, usesAllRegisters));
        byte* block = stackalloc byte[2 * BlockBytes];
        Span<byte> actual = new(block, BlockBytes), expected = new(block + BlockBytes, BlockBytes);
        for (int round = 0; round < 3; round++)
        {
            random.NextBytes(actual);
            foreach (ref uint value in MemoryMarshal.Cast<byte, uint>(actual))
                if (random.Next(3) == 0)
                    value = SpecialFloats[random.Next(SpecialFloats.Length)];
            actual.CopyTo(expected);
            lowered.Invoke(block);
            original.Invoke(block + BlockBytes);
            bool isFused = operation is >= Vfmadd132ps and <= Vfnmadd231ps;
            for (int i = 0; i < BlockBytes / 4; i++)
            {
                uint a = MemoryMarshal.Read<uint>(actual[(4 * i)..]), e = MemoryMarshal.Read<uint>(expected[(4 * i)..]);
                bool same = a == e || (isFused && IsNaN(a) && IsNaN(e));
                if (!same)
                    Assert.Fail($"{operation} {string.Join(", ", operands.Select(o => $"{o.Kind} {o.Value}"))}, {usesAllRegisters}: "
                        + $"{a:x8} instead of {e:x8} at {4 * i:x}\n{lowered.Disassembly}");
            }
        }
    }

    private static bool IsNaN(uint bits) => float.IsNaN(BitConverter.UInt32BitsToSingle(bits));

    private static KernelImage Generate(Isa isa, VectorOp operation, Operand[] operands, bool usesAllRegisters)
    {
        var asm = new KernelAssembler(isa);
        int[] named = [.. operands.Where(o => o.Kind == OperandKind.Vector).Select(o => o.Value).Distinct()];
        // All registers are leased; without usesAllRegisters those that are no operand are given back.
        Vec[] leased = [.. Enumerable.Range(0, asm.Traits.VectorRegisters).Select(i => asm.Registers.Vec($"v{i}"))];
        int[] used = [.. leased.Select(v => v.Index).Where(v => v >= 2 && (usesAllRegisters || named.Contains(v)))];
        foreach (Vec vector in leased.Where(v => !used.Contains(v.Index)))
            vector.Dispose();
        using Gpr flag = asm.Registers.Gpr("flag"), scalar = asm.Registers.Gpr("scalar");
        asm.Mov(scalar, asm.Arguments[Scalar]);
        foreach (int register in used)
            asm.Emit(Vmovups, VectorWidth.V128, new Vec(register), asm.Arguments[Before + (16 * register)]);
        asm.Mov(flag, 0);
        if (operation != Vptest)
            asm.Cmp(flag, 1); // below: sets carry, clears zero
        Operand[] actual = [.. operands.Select(o => o.Kind switch
        {
            OperandKind.General => scalar,
            OperandKind.Memory => (Source)o.Memory.Displacement switch
            {
                Source.Memory => asm.Arguments[Operand],
                Source.Table => asm.Table<int>(0x3F812345, -2, 0x12345678, unchecked((int)0xBF800001)),
                _ => asm.Splat(0x4049_0FDB),
            },
            _ => o,
        })];
        asm.Emit(operation, VectorWidth.V128, actual);
        asm.SkipIf(Condition.AboveOrEqual, () => asm.Mov(flag, 1));
        asm.Mov(asm.Arguments[FlagAt], flag);
        asm.Mov(asm.Arguments[Scalar], scalar);
        foreach (int register in used)
            asm.Emit(Vmovups, VectorWidth.V128, asm.Arguments[After + (16 * register)], new Vec(register));
        return asm.Build("lowering");
    }
}
