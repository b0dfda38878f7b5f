// What an opcode accepts: derived from the opcode's own description, never written down twice.
using Iced.Intel;
using IcedCode = Iced.Intel.Code;

namespace Int8Runtime.Jit;

/// <summary>What one operand position of an opcode accepts.</summary>
/// <param name="Register">First register of the accepted class (xmm0, ymm0, zmm0, k0, eax, rax), or none.</param>
/// <param name="Memory">Whether memory is accepted.</param>
/// <param name="Immediate">Whether an 8-bit immediate is accepted.</param>
internal readonly record struct OperandSlot(Register Register, bool Memory, bool Immediate)
{
    /// <summary>Bytes of the register class, 0 for opmasks and general registers.</summary>
    public int VectorBytes => Register switch
    {
        Register.XMM0 => 16,
        Register.YMM0 => 32,
        Register.ZMM0 => 64,
        _ => 0,
    };

    /// <summary>The kind of register operand that fits.</summary>
    public OperandKind RegisterKind => Register switch
    {
        Register.None => OperandKind.None,
        Register.K0 => OperandKind.Mask,
        Register.EAX or Register.RAX => OperandKind.General,
        _ => OperandKind.Vector,
    };
}

/// <summary>One opcode with what selection needs to know about it.</summary>
internal sealed class OpcodeForm
{
    private OpcodeForm(IcedCode code)
    {
        OpCodeInfo info = code.ToOpCode();
        Code = code;
        Encoding = info.Encoding switch
        {
            EncodingKind.EVEX => VectorEncoding.Evex,
            EncodingKind.Legacy => VectorEncoding.Legacy,
            _ => VectorEncoding.Vex,
        };
        MemoryBytes = info.MemorySize.GetSize();
        CanBroadcast = info.CanBroadcast;
        CanMask = info.CanUseOpMaskRegister;
        MustMask = info.RequireOpMaskRegister;
        CanZero = info.CanUseZeroingMasking;
        Isa = IsaRequirements.Of(code)
            ?? throw new InvalidOperationException($"{code} needs a CPU feature that is in no instruction-set group.");
        Slots = new OperandSlot[info.OpCount];
        for (int i = 0; i < Slots.Length; i++)
            Slots[i] = SlotOf(info.GetOpKind(i));
        int widest = Slots.Max(s => (int?)s.VectorBytes) ?? 0;
        Width = (VectorWidth)Math.Max(widest, (int)VectorWidth.V128);
    }

    /// <summary>The opcode.</summary>
    public IcedCode Code { get; }

    /// <summary>Legacy, VEX or EVEX.</summary>
    public VectorEncoding Encoding { get; }

    /// <summary>Width of the widest register operand.</summary>
    public VectorWidth Width { get; }

    /// <summary>Whether the operation exists at one width only, so that the requested width does not matter.</summary>
    public bool IsScalar { get; private set; }

    /// <summary>Instruction sets that the opcode needs.</summary>
    public Isa Isa { get; }

    /// <summary>Bytes that a memory operand has, without embedded broadcast.</summary>
    public int MemoryBytes { get; }

    /// <summary>Whether a memory operand can be one element, repeated.</summary>
    public bool CanBroadcast { get; }

    /// <summary>Whether a write mask is allowed.</summary>
    public bool CanMask { get; }

    /// <summary>Whether a write mask is compulsory.</summary>
    public bool MustMask { get; }

    /// <summary>Whether masked-off lanes can be zeroed.</summary>
    public bool CanZero { get; }

    /// <summary>The operand positions.</summary>
    public OperandSlot[] Slots { get; }

    /// <summary>The form of a single opcode.</summary>
    public static OpcodeForm Of(IcedCode code) => new(code) { IsScalar = true };

    /// <summary>All forms of a row.</summary>
    public static OpcodeForm[] OfRow(OpcodeRow row)
    {
        OpcodeForm[] forms = [.. row.Opcodes.Select(code => new OpcodeForm(code))];
        bool scalar = forms.All(f => f.Width == VectorWidth.V128);
        foreach (OpcodeForm form in forms)
            form.IsScalar = scalar;
        return forms;
    }

    /// <summary>Whether the operands fit this form.</summary>
    public bool Accepts(ReadOnlySpan<Operand> operands)
    {
        if (operands.Length != Slots.Length)
            return false;
        bool evex = Encoding == VectorEncoding.Evex;
        for (int i = 0; i < operands.Length; i++)
            if (!Accepts(Slots[i], operands[i], evex))
                return false;
        if (operands.Length == 0)
            return true;
        bool masked = operands[0].WriteMask != 0;
        bool toMemory = operands[0].Kind == OperandKind.Memory;
        return (!masked || CanMask) && (masked || !MustMask) && (!operands[0].Zeroing || (CanZero && !toMemory));
    }

    private bool Accepts(OperandSlot slot, Operand operand, bool evex) => operand.Kind switch
    {
        OperandKind.Immediate => slot.Immediate,
        OperandKind.Memory => slot.Memory && (!operand.Memory.IsBroadcast || CanBroadcast),
        OperandKind.Vector => slot.RegisterKind == OperandKind.Vector && operand.Value < (evex ? 32 : 16),
        _ => slot.RegisterKind == operand.Kind,
    };

    private static OperandSlot SlotOf(OpCodeOperandKind kind) => kind switch
    {
        OpCodeOperandKind.xmm_reg or OpCodeOperandKind.xmm_rm or OpCodeOperandKind.xmm_vvvv
            or OpCodeOperandKind.xmm_is4 => OfRegister(Register.XMM0),
        OpCodeOperandKind.ymm_reg or OpCodeOperandKind.ymm_rm or OpCodeOperandKind.ymm_vvvv
            or OpCodeOperandKind.ymm_is4 => OfRegister(Register.YMM0),
        OpCodeOperandKind.zmm_reg or OpCodeOperandKind.zmm_rm or OpCodeOperandKind.zmm_vvvv => OfRegister(Register.ZMM0),
        OpCodeOperandKind.k_reg or OpCodeOperandKind.k_rm or OpCodeOperandKind.k_vvvv => OfRegister(Register.K0),
        OpCodeOperandKind.r32_reg or OpCodeOperandKind.r32_rm => OfRegister(Register.EAX),
        OpCodeOperandKind.r64_reg or OpCodeOperandKind.r64_rm => OfRegister(Register.RAX),
        OpCodeOperandKind.xmm_or_mem => OfRegister(Register.XMM0, memory: true),
        OpCodeOperandKind.ymm_or_mem => OfRegister(Register.YMM0, memory: true),
        OpCodeOperandKind.zmm_or_mem => OfRegister(Register.ZMM0, memory: true),
        OpCodeOperandKind.k_or_mem => OfRegister(Register.K0, memory: true),
        OpCodeOperandKind.r32_or_mem => OfRegister(Register.EAX, memory: true),
        OpCodeOperandKind.r64_or_mem => OfRegister(Register.RAX, memory: true),
        OpCodeOperandKind.mem => OfRegister(Register.None, memory: true),
        OpCodeOperandKind.imm8 => new OperandSlot(Register.None, false, true),
        _ => throw new InvalidOperationException($"Operand kind {kind} is not used by kernels."),
    };

    private static OperandSlot OfRegister(Register first, bool memory = false) => new(first, memory, false);
}
