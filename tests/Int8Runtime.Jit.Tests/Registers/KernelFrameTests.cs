// The frame preserves what belongs to the caller, in both calling conventions. The Windows convention is tested on any
// system: a hand-written harness calls the kernel by that convention.
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Int8Runtime.Jit.Tests;

public sealed unsafe class KernelFrameTests
{
    private static readonly AssemblerRegister64[] Saved = [rbx, rbp, rsi, rdi, r12, r13, r14, r15];

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Registers_of_the_caller_survive(bool windows)
    {
        CallingAbi abi = windows ? CallingAbi.Windows : CallingAbi.SystemV;
        // [kernel][general registers after the call × 8][xmm6..15 low halves × 10][stack pointer before, after]
        ulong* state = stackalloc ulong[1 + 8 + 10 + 2];
        foreach (Isa isa in KernelTiers.Runnable)
        {
            using CompiledKernel kernel = CompiledKernel.Load(ClobberEverything(isa, abi));
            using ExecutableMemory harness = ExecutableMemory.Create(Harness(abi));
            state[0] = (ulong)kernel.Entry;
            ((delegate* unmanaged<ulong*, void>)harness.Address)(state);
            for (int i = 0; i < Saved.Length; i++)
                if (windows || (Saved[i] != rsi && Saved[i] != rdi))
                    Assert.Equal(0x1000ul + (ulong)i, state[1 + i]);
            for (int i = 0; windows && i < 10; i++)
                Assert.Equal(0x2000ul + (ulong)i, state[9 + i]);
            Assert.Equal(state[19], state[20]);
        }
    }

    [Fact]
    public void Stack_slots_hold_values_and_are_aligned()
    {
        long* result = stackalloc long[2];
        foreach (Isa isa in KernelTiers.Runnable)
        {
            var asm = new KernelAssembler(isa);
            Mem counter = asm.Frame.Slot("counter"), vector = asm.Frame.Slot("vector", 64), second = asm.Frame.Slot("second");
            using Gpr value = asm.Registers.Gpr("value");
            using Vec spilled = asm.Registers.Vec("spilled");
            asm.Mov(value, 5);
            asm.Mov(counter, value);
            asm.Mov(value, 9);
            asm.Mov(second, value);
            asm.Emit(VectorOp.Vbroadcastss, spilled, asm.Splat(3f));
            asm.Emit(VectorOp.Vmovaps, vector, spilled); // faults unless aligned
            asm.Mov(value, counter);
            asm.Add(value, second);
            asm.Mov(asm.Arguments[0], value);
            asm.Lea(value, vector);
            asm.Mov(asm.Arguments[8], value);
            KernelImage image = asm.Build("slots");
            KernelVerifier.Verify(image);
            using CompiledKernel kernel = CompiledKernel.Load(image);
            kernel.Invoke(result);
            Assert.Equal(14, result[0]);
            Assert.Equal(0, result[1] % 64);
        }
    }

    [Fact]
    public void Only_leased_registers_are_saved()
    {
        var asm = new KernelAssembler(IsaTiers.Avx2);
        using (asm.Registers.Gpr("scratch"))
            asm.Mov(asm.Arguments[0], asm.Arguments);
        Assert.Equal(2, Disassembler.Decode(asm.Build("small")).Count()); // the store and the return
        Assert.Throws<InvalidOperationException>(() => asm.Frame.Slot("huge", 5000));
    }

    private static KernelImage ClobberEverything(Isa isa, CallingAbi abi)
    {
        var asm = new KernelAssembler(isa, abi);
        List<Gpr> general = [];
        while (asm.Registers.Free(RegisterClass.General) > 0)
            general.Add(asm.Registers.Gpr($"g{general.Count}"));
        foreach (Gpr register in general)
            asm.Mov(register, -1);
        using VecArray vectors = asm.Registers.Vecs("v", asm.Traits.VectorRegisters);
        for (int i = 0; i < vectors.Count; i++)
            asm.Emit(VectorOp.Vpcmpeqd, VectorWidth.V128, vectors[i].Index < 16 ? vectors[i] : vectors[0], vectors[0], vectors[0]);
        asm.Mov(asm.Frame.Slot("slot"), general[0]);
        KernelImage image = asm.Build("clobber");
        KernelVerifier.Verify(image);
        return image;
    }

    // Called by the host's convention with the state in the first argument; keeps the host's registers itself.
    private static byte[] Harness(CallingAbi abi)
    {
        var c = new Assembler(64);
        foreach (AssemblerRegister64 register in Saved)
            c.push(register);
        c.mov(rax, OperatingSystem.IsWindows() ? rcx : rdi);
        c.sub(rsp, 8 + 160); // 8 pushes + return address + 8 keep the stack aligned
        for (int i = 0; i < 10; i++)
            c.movups(__xmmword_ptr[rsp + 16 * i], Xmm(6 + i));
        c.push(rax);
        c.sub(rsp, 40); // the callee's home space, by the Windows convention
        for (int i = 0; i < 10; i++)
        {
            c.mov(rdx, 0x2000 + i);
            c.movq(Xmm(6 + i), rdx);
        }
        for (int i = 0; i < Saved.Length; i++)
            c.mov(Saved[i], 0x1000L + i);
        c.mov(__[rax + 8 * 19], rsp);
        c.mov(abi == CallingAbi.Windows ? rcx : rdi, rax);
        c.call(__qword_ptr[rax]);
        c.mov(rax, __[rsp + 40]);
        c.mov(__[rax + 8 * 20], rsp);
        for (int i = 0; i < Saved.Length; i++)
            c.mov(__[rax + 8 * (1 + i)], Saved[i]);
        for (int i = 0; i < 10; i++)
            c.movq(__qword_ptr[rax + 8 * (9 + i)], Xmm(6 + i));
        c.add(rsp, 48);
        for (int i = 0; i < 10; i++)
            c.movups(Xmm(6 + i), __xmmword_ptr[rsp + 16 * i]);
        c.add(rsp, 8 + 160);
        foreach (AssemblerRegister64 register in Saved.Reverse())
            c.pop(register);
        c.ret();
        using var stream = new MemoryStream();
        c.Assemble(new StreamCodeWriter(stream), 0);
        return stream.ToArray();
    }

    private static AssemblerRegisterXMM Xmm(int index)
        => ((AssemblerRegisterXMM[])[xmm6, xmm7, xmm8, xmm9, xmm10, xmm11, xmm12, xmm13, xmm14, xmm15])[index - 6];
}
