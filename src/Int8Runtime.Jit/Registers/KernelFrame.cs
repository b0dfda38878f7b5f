// The stack frame of a kernel, from rsp upwards: named slots (each aligned to its size, at most 64), the saved rsp,
// saved xmm registers (Windows). Above it: pushed general registers, return address. Only registers that were leased
// are saved, which is known once the body is complete; so prologue and epilogue are made last.
using Iced.Intel;
using static Iced.Intel.Code;
using IcedCode = Iced.Intel.Code;

namespace Int8Runtime.Jit;

/// <summary>Stack slots, prologue and epilogue of one kernel.</summary>
internal sealed class KernelFrame
{
    // Windows commits stack pages one by one; a frame below a page needs no probing.
    private const int MaxBytes = 4096 - 256;

    private int _slotBytes;
    private int _alignment = 8;

    /// <summary>Reserves a stack slot for the whole kernel.</summary>
    /// <param name="name">Role of the slot, for the exception.</param>
    /// <param name="bytes">Size; the slot is aligned to it (rounded up to a power of two, at most 64).</param>
    /// <exception cref="InvalidOperationException">The frame would pass 3840 bytes; use scratch memory instead.</exception>
    public Mem Slot(string name, int bytes = 8)
    {
        int alignment = Math.Clamp((int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)bytes), 8, 64);
        int offset = (_slotBytes + alignment - 1) / alignment * alignment;
        if (offset + bytes > MaxBytes)
            throw new InvalidOperationException($"The stack slot '{name}' of {bytes} bytes does not fit a frame of {MaxBytes} bytes.");
        _slotBytes = offset + bytes;
        _alignment = Math.Max(_alignment, alignment);
        return Gpr.StackPointer[offset];
    }

    internal (List<Instruction> Prologue, List<Instruction> Epilogue) Close(RegisterPool registers, IsaTraits traits)
    {
        int[] pushed = [.. registers.SavedGprInUse];
        int[] vectors = [.. registers.SavedVectorsInUse];
        int stackPointerOffset = (_slotBytes + 7) / 8 * 8;
        int vectorOffset = (stackPointerOffset + 8 + 15) / 16 * 16;
        int bytes = vectorOffset + vectors.Length * 16;
        bool hasFrame = _slotBytes > 0 || vectors.Length > 0;

        List<Instruction> prologue = [.. pushed.Select(KernelAssembler.Push)];
        List<Instruction> epilogue = [];
        bool isLegacy = traits.Encoding == VectorEncoding.Legacy;
        (IcedCode store, IcedCode load) = isLegacy
            ? (Movups_xmmm128_xmm, Movups_xmm_xmmm128) : (VEX_Vmovups_xmmm128_xmm, VEX_Vmovups_xmm_xmmm128);
        if (registers.UsesVectors && !isLegacy)
            epilogue.Add(Instruction.Create(VEX_Vzeroupper));
        if (hasFrame)
        {
            // rax is neither argument nor preserved in both conventions.
            int alignment = Math.Max(_alignment, 16);
            prologue.Add(Instruction.Create(Mov_r64_rm64, Register.RAX, Register.RSP));
            prologue.Add(Instruction.Create(Sub_rm64_imm32, Register.RSP, bytes));
            prologue.Add(Instruction.Create(And_rm64_imm8, Register.RSP, -alignment));
            prologue.Add(Instruction.Create(Mov_rm64_r64, Stack(stackPointerOffset), Register.RAX));
            for (int i = 0; i < vectors.Length; i++)
            {
                MemoryOperand slot = Stack(vectorOffset + 16 * i);
                prologue.Add(Instruction.Create(store, slot, Register.XMM0 + vectors[i]));
                epilogue.Add(Instruction.Create(load, Register.XMM0 + vectors[i], slot));
            }
            epilogue.Add(Instruction.Create(Mov_r64_rm64, Register.RSP, Stack(stackPointerOffset)));
        }
        epilogue.AddRange(pushed.Reverse().Select(KernelAssembler.Pop));
        epilogue.Add(Instruction.Create(Retnq));
        return (prologue, epilogue);
    }

    private static MemoryOperand Stack(int offset) => new(Register.RSP, offset);
}
