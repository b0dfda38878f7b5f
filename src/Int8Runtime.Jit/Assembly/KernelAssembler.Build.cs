// Turns the instruction list into bytes: prologue + body + epilogue, padding to 64, constants.
using System.Runtime.InteropServices;
using Iced.Intel;

namespace Int8Runtime.Jit;

internal sealed partial class KernelAssembler
{
    // Any address far from the small numbers that stand for jump targets; the code is position-independent.
    private const ulong Origin = 0x10_0000_0000;

    /// <summary>Finishes the kernel: adds prologue, epilogue and constants, and encodes everything.</summary>
    /// <param name="name">Name for dumps, perf maps and logs.</param>
    /// <exception cref="InvalidOperationException">A label has no place, or an instruction cannot be encoded.</exception>
    public KernelImage Build(string name)
    {
        (List<Instruction> prologue, List<Instruction> epilogue) = Frame.Close(Registers);
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

        // Instruction lengths do not depend on where the constants lie, so the first pass only finds the code's length.
        (byte[] code, uint[] offsets) = Encode(all, name);
        int constantsOffset = RoundUp(code.Length, ConstantPool.Alignment);
        if (_constants.Length > 0)
        {
            foreach ((int position, int offset) in _constantOffsets)
                span[start + position].MemoryDisplacement64 = Origin + (ulong)(constantsOffset + offset);
            (code, offsets) = Encode(all, name);
        }
        const byte Int3 = 0xCC;
        var bytes = new byte[_constants.Length > 0 ? constantsOffset + _constants.Length : code.Length];
        bytes.AsSpan().Fill(Int3);
        code.CopyTo(bytes, 0);
        _constants.CopyTo(bytes.AsSpan(Math.Min(constantsOffset, bytes.Length)));

        uint OffsetOf(int position) => offsets[Math.Min(start + position, offsets.Length - 1)];
        return new KernelImage(name, Traits.Isa, bytes, code.Length)
        {
            Comments = [.. _comments.Select(c => ((int)OffsetOf(c.Position), c.Text))],
            Leases = [.. Registers.Log.Select(e => e with { Position = (int)OffsetOf(e.Position) })],
        };
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
