// (operation, encoding, width, operand kinds) → opcode. Each row lists the legacy, VEX and EVEX opcodes of one operation;
// their encoding, width and operands are read from the opcode itself, so a row cannot be filed under the wrong column.
// The choice between VEX and EVEX is made here and nowhere else; how legacy opcodes stand for operations is the subject
// of LegacyLowering.
using Iced.Intel;

namespace Int8Runtime.Jit;

/// <summary>One operation with all its opcodes.</summary>
internal sealed record OpcodeRow(VectorOp Operation, params Iced.Intel.Code[] Opcodes);

/// <summary>The opcodes of every <see cref="VectorOp"/>.</summary>
internal static partial class OpcodeTable
{
    private static readonly Lazy<OpcodeForm[]>[] FormsByOperation = Index();

    /// <summary>All rows.</summary>
    public static IEnumerable<OpcodeRow> Rows => [.. Moves, .. Conversions, .. Float, .. Integer, .. Shuffles, .. Masks];

    /// <summary>Every form of an operation.</summary>
    public static ReadOnlySpan<OpcodeForm> FormsOf(VectorOp operation) => FormsByOperation[(int)operation].Value;

    /// <summary>The form to use for the given operands.</summary>
    /// <param name="operation">What to do.</param>
    /// <param name="isa">Instruction sets that may be used.</param>
    /// <param name="encoding">
    /// Preferred encoding. EVEX falls back to VEX where the operation exists in VEX only, VEX never to EVEX.
    /// </param>
    /// <param name="width">Width of the widest register operand; without meaning for scalar and opmask operations.</param>
    /// <param name="operands">The operands.</param>
    /// <exception cref="InvalidOperationException">No form fits; the message says what was asked.</exception>
    public static OpcodeForm Select(
        VectorOp operation, Isa isa, VectorEncoding encoding, VectorWidth width, ReadOnlySpan<Operand> operands)
    {
        if (encoding == VectorEncoding.Evex && Find(operation, isa, VectorEncoding.Evex, width, operands) is { } evex)
            return evex;
        return Find(operation, isa, VectorEncoding.Vex, width, operands) ?? throw NoForm(operation, isa, width, operands);
    }

    /// <summary>The exception for an operation that an instruction set does not have.</summary>
    public static InvalidOperationException NoForm(
        VectorOp operation, Isa isa, VectorWidth width, ReadOnlySpan<Operand> operands) => new(
        $"{operation} has no form for {string.Join(", ", operands.ToArray().Select(Describe))} " +
        $"at {(int)width * 8} bits on {IsaTiers.NameOf(isa)}.");

    private static OpcodeForm? Find(
        VectorOp operation, Isa isa, VectorEncoding encoding, VectorWidth width, ReadOnlySpan<Operand> operands)
    {
        foreach (OpcodeForm form in FormsOf(operation))
            if (form.Encoding == encoding && (form.IsScalar || form.Width == width)
                && (form.Isa & ~isa) == 0 && form.Accepts(operands))
                return form;
        return null;
    }

    private static string Describe(Operand operand) => operand.Kind switch
    {
        OperandKind.Vector => $"vector {operand.Value}",
        OperandKind.Mask => $"opmask {operand.Value}",
        OperandKind.General => "general register",
        OperandKind.Memory => operand.Memory.IsBroadcast ? "broadcast memory" : "memory",
        OperandKind.Immediate => $"immediate {operand.Value}",
        _ => "nothing",
    };

    private static Lazy<OpcodeForm[]>[] Index()
    {
        var forms = new Lazy<OpcodeForm[]>[Enum.GetValues<VectorOp>().Length];
        foreach (OpcodeRow row in Rows)
            forms[(int)row.Operation] = new(() => OpcodeForm.OfRow(row));
        return forms;
    }
}
