// Every emulated instruction in every operand form against a scalar model: random and extreme values, masks, aliases. The
// registers that it does not write, the flags and the floating-point mode stay as they are.
using System.Runtime.InteropServices;

namespace Int8Runtime.Jit.Tests;

public sealed unsafe class InstructionEmulatorTests
{
    // Offsets in the block that the kernel's argument points to: registers before and after, memory operand, mask, flag.
    private const int Before = 0, After = 32 * 64, Operand = 2 * After, MaskAt = Operand + 64, FlagAt = MaskAt + 8;
    private const int BlockBytes = FlagAt + 8;

    private static readonly uint[] ExtremeFloats =
    [
        0, 0x8000_0000, 1, 0x8000_0001, 0x007F_FFFF, 0x0080_0000, 0x8080_0000, 0x0080_7FFF, 0x0080_8000, 0x0081_8000,
        0x3F80_0000, 0xBF80_0000,
        0x3F80_8000, 0x3F81_8000, 0x3F80_7FFF, 0x3F80_8001, 0x7F7F_FFFF, 0xFF7F_FFFF, 0x7F7F_8000, 0x7F7F_7FFF, 0x7F80_0000,
        0xFF80_0000, 0x7F80_0001, 0x7FBF_FFFF, 0x7FC0_0000, 0xFFC1_2345, 0xFF80_8000, 0x2000_0000, 0x9FFF_0000, 0x0100_0000,
    ];

    private static readonly ushort[] ExtremeWords = [0, 1, 0x7FFF, 0x8000, 0x8001, 0xFFFF, 0xFF80, 0x80FF, 0x807F, 0x7F80];

    private enum LastOperand
    {
        Register,
        Memory,
        Frame,
        Constant,
        Broadcast,
    }

    [Theory]
    [InlineData(VectorOp.Vpdpbusd)]
    [InlineData(VectorOp.Vpdpbusds)]
    [InlineData(VectorOp.Vpdpwssd)]
    [InlineData(VectorOp.Vpdpwssds)]
    [InlineData(VectorOp.Vdpbf16ps)]
    [InlineData(VectorOp.Vcvtneps2bf16)]
    [InlineData(VectorOp.Vcvtne2ps2bf16)]
    internal void A_replacement_computes_the_same_bits_and_changes_nothing_else(VectorOp operation)
    {
        var random = new Random(1);
        bool needsEvex = operation is VectorOp.Vdpbf16ps or VectorOp.Vcvtneps2bf16 or VectorOp.Vcvtne2ps2bf16;
        foreach (Isa isa in (Isa[])[IsaTiers.Avx2Vnni, IsaTiers.Avx512Bf16])
        {
            bool evex = isa == IsaTiers.Avx512Bf16;
            if ((isa & ~IsaEmulation.HostAndEmulated) != 0 || (needsEvex && !evex))
                continue;
            foreach (VectorWidth width in Enum.GetValues<VectorWidth>().Where(w => evex || w != VectorWidth.V512))
                foreach (LastOperand last in Enum.GetValues<LastOperand>().Where(l => evex || l != LastOperand.Broadcast))
                    foreach (int masking in evex ? (int[])[0, 1, 2] : [0])
                        foreach (bool usesAllRegisters in (bool[])[true, false])
                            Check(new(operation, isa, width, last, masking, usesAllRegisters), random);
        }
    }

    [Fact]
    public void A_lowered_kernel_is_sound_and_keeps_its_jumps_and_constants()
    {
        if (!KernelTiers.Runnable.Contains(IsaTiers.Avx512Vnni))
            return; // no AVX-512 to execute it
        var asm = new KernelAssembler(IsaTiers.Avx512Vnni);
        using Gpr count = asm.Registers.Gpr("count");
        using Vec sum = asm.Registers.Vec("sum"), ones = asm.Registers.Vec("ones");
        asm.Mov(count, asm.Arguments[0]);
        asm.Clear(sum);
        asm.Emit(VectorOp.Vpbroadcastd, ones, asm.Table(0x01010101));
        asm.CountDown(count, () =>
        {
            // Long enough that a short jump no longer reaches once each product is replaced.
            for (int i = 0; i < 12; i++)
                asm.Emit(VectorOp.Vpdpbusd, sum, ones, asm.Splat(0x02020202));
        });
        asm.Emit(VectorOp.Vmovups, asm.Arguments[0], sum);
        KernelImage image = asm.Build("loop");
        KernelImage lowered = KernelLowering.Lower(image, IsaTiers.Avx512, CallingAbi.Host);
        KernelVerifier.Verify(lowered);
        Assert.Equal(IsaTiers.Avx512, lowered.Isa);
        using CompiledKernel kernel = CompiledKernel.Load(image, IsaTiers.Avx512);
        Assert.True(kernel.IsEmulated);
        Assert.Same(image, kernel.Image);
        int* data = stackalloc int[16];
        *(long*)data = 5;
        kernel.Invoke(data);
        for (int i = 0; i < 16; i++)
            Assert.Equal(5 * 12 * 8, data[i]);
    }

    [Fact]
    public void What_the_host_has_is_not_replaced()
    {
        foreach (Isa isa in (Isa[])[IsaTiers.Avx2, IsaTiers.Avx512])
            if ((isa & ~CpuFeatures.Host.Isa) == 0)
            {
                using CompiledKernel kernel = CompiledKernel.Load(new ScaleGenerator().Generate(new(1, 2), isa));
                Assert.False(kernel.IsEmulated);
            }
        Assert.Equal([false, false, false, true], new[] { null, "", "0", "1" }.Select(IsaEmulation.Parse));
        Assert.Contains("'true'", Assert.Throws<FormatException>(() => IsaEmulation.Parse("true")).Message, StringComparison.Ordinal);
        Assert.Equal(Isa.None, IsaEmulation.MissingFrom(Isa.None));
        Assert.Equal(Isa.Avx2Vnni, IsaEmulation.MissingFrom(IsaTiers.Avx2));
        Assert.Equal(Isa.Avx2Vnni, IsaEmulation.MissingFrom(IsaTiers.Avx512Bf16));
        Assert.Equal(Isa.Avx512Vnni | Isa.Avx512Bf16 | Isa.Avx2Vnni, IsaEmulation.MissingFrom(IsaTiers.Avx512));
    }

    // Destination, first and last operand take every pattern of equal registers.
    private static void Check(Form form, Random random)
    {
        (int, int, int)[] registers = form.Isa == IsaTiers.Avx512Bf16
            ? [(1, 2, 3), (30, 30, 4), (5, 6, 5), (7, 17, 17), (9, 9, 9)] : [(1, 2, 3), (15, 15, 4), (5, 6, 5), (7, 8, 8), (9, 9, 9)];
        foreach ((int destination, int a, int b) in form.Last == LastOperand.Register ? registers : registers[..2])
        {
            KernelImage image = Generate(form, destination, a, b);
            Isa plain = form.Isa & (form.Isa == IsaTiers.Avx512Bf16 ? IsaTiers.Avx512 : IsaTiers.Avx2);
            KernelVerifier.Verify(image);
            KernelVerifier.Verify(KernelLowering.Lower(image, plain, CallingAbi.Host));
            using CompiledKernel emulated = CompiledKernel.Load(image, plain);
            Assert.True(emulated.IsEmulated);
            for (int round = 0; round < 3; round++)
                Run(form, emulated, destination, a, b, random);
            // The model is Intel's; which of several NaNs another vendor's VDPBF16PS returns is its own choice.
            if ((form.Isa & ~CpuFeatures.Host.Isa) == 0 && form.Operation != VectorOp.Vdpbf16ps)
            {
                using CompiledKernel native = CompiledKernel.Load(image);
                Run(form, native, destination, a, b, random);
            }
        }
    }

    private static KernelImage Generate(Form form, int destination, int a, int b)
    {
        var asm = new KernelAssembler(form.Isa);
        bool evex = asm.Traits.HasOpmask;
        int[] used = form.UsesAllRegisters
            ? [.. Enumerable.Range(0, asm.Traits.VectorRegisters)] : [.. new[] { destination, a, b }.Distinct()];
        using VecArray all = asm.Registers.Vecs("v", asm.Traits.VectorRegisters);
        using Gpr scratch = asm.Registers.Gpr("scratch");
        using Mask mask = evex ? asm.Registers.Mask("mask") : default;
        Mem frame = asm.Frame.Slot("operand", 64) + 0;
        if (form.Last is LastOperand.Frame)
        {
            asm.Emit(VectorOp.Vmovups, new Vec(0), asm.Arguments[Operand]);
            asm.Emit(VectorOp.Vmovups, frame, new Vec(0));
        }
        if (evex)
            asm.Emit(VectorOp.Kmovq, mask, asm.Arguments[MaskAt]);
        foreach (int register in used)
            asm.Emit(VectorOp.Vmovups, new Vec(register), asm.Arguments[Before + (64 * register)]);
        asm.Mov(scratch, 0);
        asm.Cmp(scratch, 1); // below: sets carry, clears zero
        var written = new Vec(destination);
        Operand target = form.Masking switch { 0 => written, 1 => written.Merge(mask), _ => written.Zero(mask) };
        Operand last = form.Last switch
        {
            LastOperand.Register => new Vec(b),
            LastOperand.Memory => asm.Arguments[Operand],
            LastOperand.Frame => frame,
            LastOperand.Broadcast => asm.Arguments[Operand].Broadcast,
            _ => asm.Table<uint>([.. Enumerable.Range(0, 16).Select(ConstantLane)]),
        };
        if (form.Operation == VectorOp.Vcvtneps2bf16)
            asm.Emit(form.Operation, form.Width, target, last);
        else
            asm.Emit(form.Operation, form.Width, target, new Vec(a), last);
        asm.SkipIf(Condition.AboveOrEqual, () => asm.Mov(scratch, 1));
        asm.Mov(asm.Arguments[FlagAt], scratch);
        foreach (int register in used)
            asm.Emit(VectorOp.Vmovups, asm.Arguments[After + (64 * register)], new Vec(register));
        return asm.Build("emulation");
    }

    private static void Run(Form form, CompiledKernel kernel, int destination, int a, int b, Random random)
    {
        bool evex = form.Isa == IsaTiers.Avx512Bf16;
        int vectorBytes = evex ? 64 : 32, bytes = (int)form.Width;
        byte* block = stackalloc byte[BlockBytes];
        var memory = new Span<byte>(block, BlockBytes);
        memory.Clear();
        Fill(form.Operation, memory[..After], random);
        Fill(form.Operation, memory.Slice(Operand, 64), random);
        ulong mask = (ulong)random.NextInt64();
        MemoryMarshal.Write(memory[MaskAt..], mask);
        byte[] before = memory[..After].ToArray();
        byte[] Register(int index) => before.AsSpan(64 * index, 64).ToArray();
        byte[] last = form.Last switch
        {
            LastOperand.Register => Register(b),
            LastOperand.Broadcast => Repeat(memory.Slice(Operand, 4)),
            LastOperand.Constant => MemoryMarshal.AsBytes<uint>(Enumerable.Range(0, 16).Select(ConstantLane).ToArray()).ToArray(),
            _ => memory.Slice(Operand, 64).ToArray(),
        };
        byte[] expected = InstructionModel.Execute(
            form.Operation, bytes, Register(destination), Register(a), last,
            form.Masking == 0 ? ulong.MaxValue : mask, form.Masking == 2);

        kernel.Invoke(block);

        Assert.Equal(1, MemoryMarshal.Read<long>(memory[FlagAt..]));
        Assert.Equal(1e-40f, Half(2e-40f)); // denormals still count
        for (int register = 0; register < (evex ? 32 : 16); register++)
        {
            bool wasUsed = form.UsesAllRegisters || register == destination || register == a || register == b;
            if (!wasUsed)
                continue;
            ReadOnlySpan<byte> after = memory.Slice(After + (64 * register), vectorBytes);
            ReadOnlySpan<byte> wanted = register == destination ? expected : before.AsSpan(64 * register);
            Assert.True(after.SequenceEqual(wanted[..vectorBytes]),
                $"{form}: v{register} of ({destination}, {a}, {b}) is {Convert.ToHexString(after)}, "
                + $"not {Convert.ToHexString(wanted[..vectorBytes])}");
        }
    }

    private static void Fill(VectorOp operation, Span<byte> bytes, Random random)
    {
        random.NextBytes(bytes);
        bool floats = operation is VectorOp.Vcvtneps2bf16 or VectorOp.Vcvtne2ps2bf16;
        if (floats || operation == VectorOp.Vdpbf16ps)
        {
            foreach (ref uint value in MemoryMarshal.Cast<byte, uint>(bytes))
                value = random.Next(4) switch
                {
                    0 => ExtremeFloats[random.Next(ExtremeFloats.Length)],
                    1 => value,
                    2 when !floats => ExtremeFloats[random.Next(ExtremeFloats.Length)] & 0xFFFF_0000
                        | ExtremeFloats[random.Next(ExtremeFloats.Length)] >> 16,
                    _ => BitConverter.SingleToUInt32Bits(random.NextSingle() - 0.5f),
                };
            return;
        }
        foreach (ref ushort value in MemoryMarshal.Cast<byte, ushort>(bytes))
            if (random.Next(3) == 0)
                value = ExtremeWords[random.Next(ExtremeWords.Length)];
    }

    private static uint ConstantLane(int lane) => ExtremeFloats[lane] ^ (0x1357_0000u * (uint)(lane & 1));

    private static byte[] Repeat(ReadOnlySpan<byte> element)
    {
        var vector = new byte[64];
        for (int i = 0; i < 64; i++)
            vector[i] = element[i % element.Length];
        return vector;
    }

    [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
    private static float Half(float value) => value * 0.5f;

    private sealed record Form(
        VectorOp Operation, Isa Isa, VectorWidth Width, LastOperand Last, int Masking, bool UsesAllRegisters);
}
