// A generated kernel as bytes, independent of where it is loaded and of whether this host could run it.
namespace Int8Runtime.Jit;

/// <summary>The machine code and constants of a kernel: <c>[code][int3 up to 64][constants]</c>.</summary>
/// <param name="Name">Name in dumps, perf maps and logs.</param>
/// <param name="Isa">Instruction sets that the code may use.</param>
/// <param name="Bytes">Everything; position-independent, to be loaded at a multiple of 64.</param>
/// <param name="CodeLength">Bytes of code at the start.</param>
internal sealed record KernelImage(string Name, Isa Isa, byte[] Bytes, int CodeLength)
{
    /// <summary>Comments, by offset of the instruction that they explain.</summary>
    public IReadOnlyList<(int Offset, string Text)> Comments { get; init; } = [];

    /// <summary>Register leases; positions are code offsets.</summary>
    public IReadOnlyList<LeaseEvent> Leases { get; init; } = [];
}
