// Rewrites a finished kernel for a processor that lacks some of its instructions. It works on the encoded image, so that
// generators, verifier and dumps never know of it: decode, replace single instructions by sequences, encode again. Jumps
// follow their targets; constants keep their order behind the longer code.
using System.Runtime.InteropServices;
using Iced.Intel;

namespace Int8Runtime.Jit;

/// <summary>Replaces the instructions that a processor lacks.</summary>
internal static class KernelLowering
{
    /// <summary>Whether the kernel holds instructions that a processor with <paramref name="available"/> lacks.</summary>
    public static bool IsNeeded(KernelImage image, Isa available) => (image.Isa & ~available) != Isa.None
        && Disassembler.Decode(image).Any(instruction => IsMissing(instruction, available));

    /// <summary>The same kernel in instructions of <paramref name="available"/>.</summary>
    /// <param name="image">A kernel of any instruction set.</param>
    /// <param name="available">What the processor has.</param>
    /// <param name="abi">Calling convention of the kernel; tells which registers it may use without saving them.</param>
    /// <exception cref="InvalidOperationException">An instruction that is missing cannot be emulated.</exception>
    public static KernelImage Lower(KernelImage image, Isa available, CallingAbi abi)
    {
        List<Instruction> original = [.. Disassembler.Decode(image)];
        var emulator = new InstructionEmulator(available, FreeVectors(original, image.Isa, abi));
        List<Instruction> lowered = new(original.Count * 2);
        var positions = new Dictionary<ulong, ulong>(); // address in the original → number of the instruction, from 1
        foreach (Instruction instruction in original)
        {
            positions[instruction.IP] = (ulong)lowered.Count + 1;
            if (IsMissing(instruction, available))
                emulator.Replace(instruction, lowered);
            else
                lowered.Add(instruction);
        }
        const int Align = ConstantPool.Alignment;
        int constants = Math.Min((image.CodeLength + Align - 1) / Align * Align, image.Bytes.Length);
        ulong address = 0;
        foreach (ref Instruction instruction in CollectionsMarshal.AsSpan(lowered))
        {
            instruction.IP = ++address;
            if (instruction.IsJccShortOrNear || instruction.IsJmpShortOrNear)
                instruction.NearBranch64 = positions[instruction.NearBranchTarget];
            if (instruction.IsIPRelativeMemoryOperand)
                instruction.MemoryDisplacement64 += KernelAssembler.Origin - (ulong)constants;
        }
        return KernelAssembler.Assemble($"{image.Name}:emulated", image.Isa & available, lowered, image.Bytes.AsSpan(constants)).Image;
    }

    private static bool IsMissing(in Instruction instruction, Isa available)
        => IsaRequirements.Of(instruction.Code) is not Isa needed || (needed & ~available) != Isa.None;

    // Vector registers that the kernel never touches and that its caller does not want back.
    private static List<int> FreeVectors(List<Instruction> instructions, Isa isa, CallingAbi abi)
    {
        var used = new HashSet<int>();
        foreach (Instruction instruction in instructions)
            for (int i = 0; i < instruction.OpCount; i++)
                if (instruction.GetOpKind(i) == OpKind.Register && instruction.GetOpRegister(i).IsVectorRegister())
                    used.Add(instruction.GetOpRegister(i).GetNumber());
        return [.. Enumerable.Range(0, IsaTraits.For(isa).VectorRegisters).Where(v => !used.Contains(v) && !abi.SavesVector(v))];
    }
}
