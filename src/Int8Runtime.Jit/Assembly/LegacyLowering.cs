// From the three-operand operations that generators write to SSE instructions, whose destination is also their first source
// and whose memory operands must be aligned: copies and loads go in front where they are needed. Operations that SSE4.1 does
// not have become sequences (LegacyLowering.Sequences, LegacyLowering.Fused).
//
// Two vector registers are kept back for this: xmm0, in which BLENDVPS expects its mask, and xmm1. Sequences that need more
// borrow registers that nobody holds, or save others to the stack meanwhile. No sequence changes the flags.
using static Iced.Intel.Code;
using static Int8Runtime.Jit.VectorOp;
using IcedCode = Iced.Intel.Code;

namespace Int8Runtime.Jit;

/// <summary>Emits vector operations of one kernel in legacy encoding.</summary>
internal sealed partial class LegacyLowering(KernelAssembler asm)
{
    /// <summary>Vector registers, from xmm0 on, that only this class uses.</summary>
    public const int Reserved = 2;

    private static readonly Vec Xmm0 = new(0), Xmm1 = new(1);

    // Operations of integers and bits whose sources can be exchanged. Sums and products of floats cannot: the first NaN wins.
    private static readonly HashSet<VectorOp> Commutative =
    [
        Vpaddb, Vpaddw, Vpaddd, Vpaddsw, Vpmullw, Vpmulld, Vpmulhw, Vpmaddwd, Vpsadbw, Vpminub, Vpminsb, Vpminsw, Vpminsd,
        Vpminud, Vpmaxub, Vpmaxsb, Vpmaxsw, Vpmaxsd, Vpmaxud, Vpand, Vpor, Vpxor, Vpcmpeqb, Vpcmpeqd, Vandps, Vorps, Vxorps,
    ];

    private static readonly System.Collections.Concurrent.ConcurrentDictionary<IcedCode, OpcodeForm> Forms = new();

    private readonly Dictionary<int, Mem> _slots = []; // where a vector register is saved

    /// <summary>Emits one operation.</summary>
    /// <exception cref="InvalidOperationException">SSE4.1 can do it neither directly nor by a sequence of this class.</exception>
    public void Emit(VectorOp operation, VectorWidth width, ReadOnlySpan<Operand> operands)
    {
        if (width != VectorWidth.V128 || HasExtensions(operands)
            || !(EmitSequence(operation, operands) || EmitDirectly(operation, operands)
                || EmitDestructively(operation, operands)))
            throw OpcodeTable.NoForm(operation, asm.Traits.Isa, width, operands);
    }

    private static bool HasExtensions(ReadOnlySpan<Operand> operands)
    {
        foreach (Operand operand in operands)
            if (operand.WriteMask != 0 || operand.Memory.IsBroadcast || operand.Kind == OperandKind.Mask)
                return true;
        return false;
    }

    // Moves, conversions and other instructions with the same operands in every encoding.
    private bool EmitDirectly(VectorOp operation, ReadOnlySpan<Operand> operands)
    {
        foreach (OpcodeForm form in OpcodeTable.FormsOf(operation))
        {
            if (form.Encoding != VectorEncoding.Legacy || !form.Accepts(operands))
                continue;
            if (operands.Length > 1 && IsMisaligned(form, operands[1]))
            {
                // The destination can take the memory operand, unless it is read as well (comparisons that set flags).
                Operand loaded = form.Code == Ptest_xmm_xmmm128 ? Xmm1 : operands[0];
                Emit(Movups_xmm_xmmm128, loaded, operands[1]);
                asm.Encode(form, [operands[0], loaded, .. operands[2..]]);
            }
            else
            {
                asm.Encode(form, operands);
            }

            return true;
        }

        return false;
    }

    // d = a op b as d = a, d = d op b.
    private bool EmitDestructively(VectorOp operation, ReadOnlySpan<Operand> operands)
    {
        if (operands.Length < 3 || operands[0].Kind != OperandKind.Vector || operands[1].Kind != OperandKind.Vector)
            return false;
        Operand d = operands[0], a = operands[1], b = operands[2];
        foreach (OpcodeForm form in OpcodeTable.FormsOf(operation))
        {
            if (form.Encoding != VectorEncoding.Legacy || !form.Accepts([d, .. operands[2..]]))
                continue;
            if (IsMisaligned(form, b))
            {
                if (Commutative.Contains(operation) && !IsSame(d, a))
                {
                    Emit(Movups_xmm_xmmm128, d, b);
                    b = a;
                    a = d;
                }
                else
                {
                    Emit(Movups_xmm_xmmm128, Xmm1, b);
                    b = Xmm1;
                }
            }

            if (IsSame(d, b) && !IsSame(d, a))
            {
                if (Commutative.Contains(operation))
                {
                    (a, b) = (b, a);
                }
                else
                {
                    Copy(Xmm1, b);
                    b = Xmm1;
                }
            }

            Copy(d, a);
            asm.Encode(form, [d, b, .. operands[3..]]);
            return true;
        }

        return false;
    }

    private void Copy(Operand destination, Operand source)
    {
        if (!IsSame(destination, source))
            Emit(Movaps_xmm_xmmm128, destination, source);
    }

    private static bool IsSame(Operand a, Operand b) =>
        a.Kind == OperandKind.Vector && b.Kind == OperandKind.Vector && a.Value == b.Value;

    // Whole vectors in memory must be aligned, except for the two unaligned moves; only constants are known to be.
    private static bool IsMisaligned(OpcodeForm form, Operand operand) =>
        operand.Kind == OperandKind.Memory && form.MemoryBytes == (int)VectorWidth.V128
        && form.Code is not (Movups_xmm_xmmm128 or Movdqu_xmm_xmmm128 or Movaps_xmm_xmmm128)
        && !(operand.Memory.Constant is { } constant && operand.Memory.Displacement % 16 == 0
            && (constant.SplatElement > 0 || constant.Content.Length >= 16));

    private void Emit(IcedCode code, params ReadOnlySpan<Operand> operands) =>
        asm.Encode(Forms.GetOrAdd(code, OpcodeForm.Of), operands);

    // More registers for the length of a sequence.
    private sealed class Borrowed : IDisposable
    {
        private readonly LegacyLowering _owner;
        private readonly KernelAssembler _asm;
        private readonly HashSet<int> _taken = [];
        private readonly List<Vec> _leased = [];
        private readonly List<Vec> _saved = [];

        public Borrowed(LegacyLowering owner, KernelAssembler asm, ReadOnlySpan<Operand> operands)
        {
            (_owner, _asm) = (owner, asm);
            foreach (Operand operand in operands)
                if (operand.Kind == OperandKind.Vector)
                    _taken.Add(operand.Value);
        }

        public Vec Take()
        {
            while (_asm.Registers.Free(RegisterClass.Vector) > 0)
            {
                _leased.Add(_asm.Registers.Vec("sequence"));
                if (_taken.Add(_leased[^1].Index))
                    return _leased[^1];
            }

            var register = new Vec(Enumerable.Range(Reserved, _asm.Traits.VectorRegisters).First(v => !_taken.Contains(v)));
            _taken.Add(register.Index);
            _saved.Add(register);
            _owner.Emit(Movaps_xmmm128_xmm, SlotOf(register), register);
            return register;
        }

        public void Dispose()
        {
            foreach (Vec register in _saved)
                _owner.Emit(Movaps_xmm_xmmm128, register, SlotOf(register));
            foreach (Vec register in _leased)
                register.Dispose();
        }

        private Mem SlotOf(Vec register)
        {
            if (!_owner._slots.TryGetValue(register.Index, out Mem slot))
                _owner._slots.Add(register.Index, slot = _asm.Frame.Slot($"saved xmm{register.Index}", (int)VectorWidth.V128));
            return slot;
        }
    }
}
