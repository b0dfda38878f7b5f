// Reads a kernel's bytes back and proves that they stay inside the declared instruction set and register file.
using Iced.Intel;

namespace Int8Runtime.Jit;

/// <summary>Checks generated kernels, also those that this host cannot run.</summary>
internal static class KernelVerifier
{
    /// <summary>All violations in a kernel; empty if it is sound.</summary>
    public static IReadOnlyList<string> FindViolations(KernelImage image)
    {
        List<string> violations = [];
        IsaTraits traits = IsaTraits.For(image.Isa);
        int vectorRegisters = traits.ReservedVectors + traits.VectorRegisters;
        ulong end = 0;
        HashSet<ulong> starts = [];
        List<Instruction> instructions = [.. Disassembler.Decode(image)];
        foreach (Instruction instruction in instructions)
        {
            starts.Add(instruction.IP);
            end = instruction.NextIP;
            if (instruction.IsInvalid)
            {
                violations.Add($"{instruction.IP:x4}: not an instruction");
                continue;
            }
            Isa? needed = IsaRequirements.Of(instruction.Code);
            if (needed is null || (needed & ~image.Isa) != 0)
                violations.Add($"{instruction.IP:x4}: {instruction} needs {string.Join('+', instruction.CpuidFeatures)}");
            for (int i = 0; i < instruction.OpCount; i++)
            {
                Register register = instruction.GetOpKind(i) == OpKind.Register ? instruction.GetOpRegister(i) : Register.None;
                if (register.IsVectorRegister() && register.GetNumber() >= vectorRegisters)
                    violations.Add($"{instruction.IP:x4}: {instruction} uses a register outside 0..{vectorRegisters - 1}");
            }
            if (instruction.IsIPRelativeMemoryOperand && instruction.IPRelativeMemoryAddress >= (ulong)image.Bytes.Length)
                violations.Add($"{instruction.IP:x4}: {instruction} reads outside the constants");
        }
        if (end != (ulong)image.CodeLength)
            violations.Add($"the last instruction ends at {end:x4}, the code at {image.CodeLength:x4}");
        foreach (Instruction branch in instructions.Where(i => i.IsJccShortOrNear || i.IsJmpShortOrNear))
            if (!starts.Contains(branch.NearBranchTarget))
                violations.Add($"{branch.IP:x4}: {branch} jumps into the middle of an instruction or outside the kernel");
        if (instructions.Count == 0 || instructions[^1].FlowControl != FlowControl.Return)
            violations.Add("the kernel does not end in a return");
        return violations;
    }

    /// <summary>Throws if the kernel has violations.</summary>
    /// <exception cref="InvalidOperationException">Lists them all.</exception>
    public static void Verify(KernelImage image)
    {
        IReadOnlyList<string> violations = FindViolations(image);
        if (violations.Count > 0)
            throw new InvalidOperationException($"The kernel '{image.Name}' is unsound:\n{string.Join('\n', violations)}");
    }
}
