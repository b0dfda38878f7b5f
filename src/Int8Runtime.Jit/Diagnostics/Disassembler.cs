// Kernels as text: offset, instruction, and behind it the role of each register that it names.
using System.Globalization;
using System.Text;
using Iced.Intel;

namespace Int8Runtime.Jit;

/// <summary>Formats kernels.</summary>
internal static class Disassembler
{
    private const int RoleColumn = 64;

    /// <summary>Disassembles the code and lists the constants of a kernel.</summary>
    public static string Format(KernelImage image)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"; {image.Name}\n; ISA {image.Isa}, {image.CodeLength} bytes of code, ")
            .Append(CultureInfo.InvariantCulture, $"{image.Bytes.Length - image.CodeLength} of padding and constants\n");
        var formatter = new IntelFormatter();
        formatter.Options.SpaceAfterOperandSeparator = true;
        formatter.Options.SmallHexNumbersInDecimal = true;
        formatter.Options.RipRelativeAddresses = false;
        var output = new StringOutput();
        var roles = new RoleTracker(image.Leases);
        ILookup<int, string> comments = image.Comments.ToLookup(c => c.Offset, c => c.Text);
        HashSet<ulong> targets = [.. Decode(image).Where(i => i.IsJccShortOrNear || i.IsJmpShortOrNear).Select(i => i.NearBranchTarget)];

        foreach (Instruction instruction in Decode(image))
        {
            int offset = (int)instruction.IP;
            roles.MoveTo(offset);
            foreach (string comment in comments[offset])
                text.Append("                ; ").Append(comment).Append('\n');
            if (targets.Contains(instruction.IP))
                text.Append(CultureInfo.InvariantCulture, $"L{offset:x4}:\n");
            formatter.Format(instruction, output);
            string line = string.Create(CultureInfo.InvariantCulture, $"  {offset:x4}  {output.ToStringAndReset()}");
            string role = roles.Describe(instruction);
            text.Append(role.Length == 0 ? line : line.PadRight(RoleColumn) + "; " + role).Append('\n');
        }
        AppendConstants(text, image);
        return text.ToString();
    }

    /// <summary>The instructions of a kernel; their IP is the offset in the code.</summary>
    public static IEnumerable<Instruction> Decode(KernelImage image)
    {
        var decoder = Iced.Intel.Decoder.Create(64, new ByteArrayCodeReader(image.Bytes, 0, image.CodeLength));
        while (decoder.IP < (ulong)image.CodeLength)
            yield return decoder.Decode();
    }

    private static void AppendConstants(StringBuilder text, KernelImage image)
    {
        int start = (image.CodeLength + ConstantPool.Alignment - 1) / ConstantPool.Alignment * ConstantPool.Alignment;
        for (int offset = start; offset < image.Bytes.Length; offset += 16)
        {
            ReadOnlySpan<byte> row = image.Bytes.AsSpan(offset, Math.Min(16, image.Bytes.Length - offset));
            text.Append(CultureInfo.InvariantCulture, $"  {offset:x4}  {Convert.ToHexStringLower(row)}\n");
        }
    }

    // Follows the leases through the code.
    private sealed class RoleTracker(IReadOnlyList<LeaseEvent> leases)
    {
        private readonly Dictionary<(RegisterClass, int), string> _holders = [];
        private int _next;

        public void MoveTo(int offset)
        {
            for (; _next < leases.Count && leases[_next].Position <= offset; _next++)
            {
                (_, RegisterClass @class, int register, string? holder) = leases[_next];
                if (holder is null)
                    _holders.Remove((@class, register));
                else
                    _holders[(@class, register)] = holder;
            }
        }

        public string Describe(Instruction instruction)
        {
            List<string> names = [];
            void Add(Register register)
            {
                if (register == Register.None)
                    return;
                RegisterClass? @class = register.IsGPR() ? RegisterClass.General
                    : register.IsVectorRegister() ? RegisterClass.Vector
                    : register.IsK() ? RegisterClass.Mask : null;
                if (@class is { } c && _holders.TryGetValue((c, register.GetNumber()), out string? name))
                    names.Add(name);
            }
            for (int i = 0; i < instruction.OpCount; i++)
            {
                if (instruction.GetOpKind(i) == OpKind.Register)
                    Add(instruction.GetOpRegister(i));
                else if (instruction.GetOpKind(i) == OpKind.Memory)
                {
                    Add(instruction.MemoryBase);
                    Add(instruction.MemoryIndex);
                }
            }
            Add(instruction.OpMask);
            return string.Join(", ", names);
        }
    }
}
