// Turns the instruction list into bytes: prologue + body + epilogue, padding to 64, constants.
using System.Runtime.InteropServices;
using Iced.Intel;

namespace Int8Runtime.Jit;

internal sealed partial class KernelAssembler
{
    /// <summary>
    /// What an operand relative to the instruction pointer counts from until the constants have their place: the start of the
    /// constants. Any address far from the small numbers that stand for jump targets; the code is position-independent.
    /// </summary>
    internal const ulong Origin = 0x10_0000_0000;

    /// <summary>Finishes the kernel: adds prologue, epilogue and constants, and encodes everything.</summary>
    /// <param name="name">Name for dumps, perf maps and logs.</param>
    /// <exception cref="InvalidOperationException">A label has no place, or an instruction cannot be encoded.</exception>
    public KernelImage Build(string name)
    {
        (List<Instruction> prologue, List<Instruction> epilogue) = Frame.Close(Registers, Traits);
        Exit.Position = _instructions.Count;
        int start = prologue.Count;
        List<Instruction> all = [.. prologue, .. _instructions, .. epilogue];
        Span<Instruction> span = CollectionsMarshal.AsSpan(all);
        for (int i = 0; i < span.Length; i++)
            span[i].IP = (ulong)(i + 1);
        foreach ((int position, Label target) in _jumps)
        {
            if (target.Position < 0)
                throw new InvalidOperationException($"{name}: the label '{target.Name}' is used but has no place.");
            span[start + position].NearBranch64 = (ulong)(start + target.Position + 1);
        }
        var constants = new byte[_constants.Length];
        _constants.CopyTo(constants);
        (KernelImage image, uint[] offsets) = Assemble(name, Traits.Isa, all, constants);

        uint OffsetOf(int position) => offsets[Math.Min(start + position, offsets.Length - 1)];
        return image with
        {
            Comments = [.. _comments.Select(c => ((int)OffsetOf(c.Position), c.Text))],
            Leases = [.. Registers.Log.Select(e => e with { Position = (int)OffsetOf(e.Position) })],
        };
    }

    /// <summary>Encodes a whole kernel and places the constants behind it.</summary>
    /// <param name="name">Name of the kernel.</param>
    /// <param name="isa">Instruction sets that it may use.</param>
    /// <param name="instructions">
    /// Instructions with distinct addresses, to which jumps refer; operands relative to the instruction pointer hold
    /// <see cref="Origin"/> plus an offset in the constants.
    /// </param>
    /// <param name="constants">The constants.</param>
    /// <returns>The kernel, and the offset of each instruction in it.</returns>
    /// <exception cref="InvalidOperationException">An instruction cannot be encoded.</exception>
    internal static (KernelImage Image, uint[] Offsets) Assemble(
        string name, Isa isa, List<Instruction> instructions, ReadOnlySpan<byte> constants)
    {
        // Instruction lengths do not depend on where the constants lie, so the first pass only finds the code's length.
        (byte[] code, uint[] offsets) = Encode(instructions, name);
        int constantsOffset = RoundUp(code.Length, ConstantPool.Alignment);
        if (constants.Length > 0)
        {
            foreach (ref Instruction instruction in CollectionsMarshal.AsSpan(instructions))
                if (instruction.IsIPRelativeMemoryOperand)
                    instruction.MemoryDisplacement64 += (ulong)constantsOffset;
            (code, offsets) = Encode(instructions, name);
        }
        const byte Int3 = 0xCC;
        var bytes = new byte[constants.Length > 0 ? constantsOffset + constants.Length : code.Length];
        bytes.AsSpan().Fill(Int3);
        code.CopyTo(bytes, 0);
        constants.CopyTo(bytes.AsSpan(Math.Min(constantsOffset, bytes.Length)));
        return (new KernelImage(name, isa, bytes, code.Length), offsets);
    }

    private static (byte[] Code, uint[] Offsets) Encode(List<Instruction> instructions, string name)
    {
        var writer = new ByteWriter();
        var block = new InstructionBlock(writer, instructions, Origin);
        if (!BlockEncoder.TryEncode(
            64, block, out string? error, out BlockEncoderResult result, BlockEncoderOptions.ReturnNewInstructionOffsets))
            throw new InvalidOperationException($"{name}: {error}");
        return (writer.ToArray(), result.NewInstructionOffsets);
    }

    private static int RoundUp(int value, int multiple) => (value + multiple - 1) / multiple * multiple;

    private sealed class ByteWriter : CodeWriter
    {
        private readonly List<byte> _bytes = new(4096);

        public override void WriteByte(byte value) => _bytes.Add(value);

        public byte[] ToArray() => [.. _bytes];
    }
}
