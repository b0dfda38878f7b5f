// A condition per lane: an opmask register with AVX-512, a vector of all-ones and all-zeros lanes below.
using Int8Runtime.Jit;
using static Int8Runtime.Jit.VectorOp;

namespace Int8Runtime.X64;

/// <summary>Comparisons of f32 lanes; the values are the immediates of VCMPPS.</summary>
internal enum FloatComparison
{
    /// <summary>a = b.</summary>
    Equal = 0,

    /// <summary>a &lt; b.</summary>
    Less = 1,

    /// <summary>a ≤ b.</summary>
    LessOrEqual = 2,

    /// <summary>One of them is NaN.</summary>
    Unordered = 3,

    /// <summary>a ≠ b, or one of them is NaN.</summary>
    NotEqual = 4,

    /// <summary>a ≥ b, or one of them is NaN.</summary>
    NotLess = 5,

    /// <summary>a &gt; b, or one of them is NaN.</summary>
    NotLessOrEqual = 6,

    /// <summary>a ≥ b.</summary>
    GreaterOrEqual = 13,

    /// <summary>a &gt; b.</summary>
    Greater = 14,
}

/// <summary>The result of a comparison, to select lanes by; dispose it to free its register.</summary>
internal readonly struct LanePredicate : IDisposable
{
    private readonly KernelAssembler _asm;
    private readonly Mask? _opmask;
    private readonly Vec? _vector;

    private LanePredicate(KernelAssembler asm, Mask? opmask, Vec? vector) => (_asm, _opmask, _vector) = (asm, opmask, vector);

    /// <summary>Compares lanes of f32; <paramref name="b"/> is a register or memory.</summary>
    public static LanePredicate Compare(KernelAssembler asm, FloatComparison comparison, Vec a, Operand b)
    {
        if (asm.Traits.HasOpmask)
        {
            Mask mask = asm.Registers.Mask("condition");
            asm.Emit(Vcmpps, mask, a, b, (int)comparison);
            return new(asm, mask, null);
        }
        Vec vector = asm.Registers.Vec("condition");
        asm.Emit(Vcmpps, vector, a, b, (int)comparison);
        return new(asm, null, vector);
    }

    /// <summary>destination = condition ? <paramref name="ifTrue"/> : destination. The source is a register or memory.</summary>
    public void Select(Vec destination, Operand ifTrue)
    {
        if (_opmask is { } mask)
            _asm.Emit(Vblendmps, destination.Merge(mask), destination, ifTrue);
        else
            _asm.Emit(Vblendvps, destination, destination, ifTrue, _vector!.Value);
    }

    /// <summary>destination = condition ? destination : <paramref name="ifFalse"/>.</summary>
    public void SelectElse(Vec destination, Vec ifFalse)
    {
        if (_opmask is { } mask)
            _asm.Emit(Vblendmps, destination.Merge(mask), ifFalse, destination);
        else
            _asm.Emit(Vblendvps, destination, ifFalse, destination, _vector!.Value);
    }

    /// <summary>destination = condition ? <paramref name="value"/> : 0, for instance 1.0 for the result of a comparison.</summary>
    public void ToValue(Vec destination, Mem value)
    {
        if (_opmask is { } mask)
            _asm.Emit(Vbroadcastss, destination.Zero(mask), value);
        else
            _asm.Emit(Vandps, destination, _vector!.Value, value);
    }

    /// <summary>Gives the register back.</summary>
    public void Dispose()
    {
        _opmask?.Dispose();
        _vector?.Dispose();
    }
}
