// Element-wise functions on f32 lanes; α and β are constants of the epilogue.
using Int8Runtime.Jit;
using static Int8Runtime.Jit.VectorOp;

namespace Int8Runtime.X64;

/// <summary>
/// Emits every <see cref="EltwiseAlgorithm"/>. Functions that the reference computes by additions, products, comparisons
/// and roundings give the same bits; the others are within the bound of <see cref="MathEmitter"/>.
/// </summary>
internal sealed class EltwiseEmitter(EltwiseSpec spec) : IPostOpEmitter
{
    // Rounding immediates: nearest even, down, up; each without the inexact exception.
    private const int RoundNearest = 8, RoundDown = 9, RoundUp = 10;

    private const int SignBit = int.MinValue, AllButSign = int.MaxValue;

    /// <inheritdoc/>
    public RegisterNeeds Needs => spec.Algorithm switch
    {
        EltwiseAlgorithm.Square or EltwiseAlgorithm.Abs or EltwiseAlgorithm.Sqrt or EltwiseAlgorithm.Clip
            or EltwiseAlgorithm.Round or EltwiseAlgorithm.Floor or EltwiseAlgorithm.Ceil => new(0),
        EltwiseAlgorithm.Relu when spec.IsPlain => new(0),
        EltwiseAlgorithm.Linear or EltwiseAlgorithm.HardSigmoid or EltwiseAlgorithm.HardSwish
            or EltwiseAlgorithm.Reciprocal => new(1),
        EltwiseAlgorithm.Relu or EltwiseAlgorithm.Sign => new(2, 1),
        _ => new(8, 1),
    };

    /// <inheritdoc/>
    public void Emit(EpilogueScope scope, ResultVector vector)
    {
        KernelAssembler asm = scope.Assembler;
        var math = new MathEmitter(asm);
        Vec x = vector.Register;
        Mem alpha = scope.Constant(spec.Constant), beta = scope.Constant(spec.Constant + 1);
        switch (spec.Algorithm)
        {
            case EltwiseAlgorithm.Relu when spec.IsPlain:
                asm.Emit(Vmaxps, x, x, asm.Splat(0f));
                break;
            case EltwiseAlgorithm.Relu:
                LeakyRelu(asm, x, alpha);
                break;
            case EltwiseAlgorithm.Square:
                asm.Emit(Vmulps, x, x, x);
                break;
            case EltwiseAlgorithm.Abs:
                asm.Emit(Vandps, x, x, asm.Splat(AllButSign));
                break;
            case EltwiseAlgorithm.Sqrt:
                asm.Emit(Vsqrtps, x, x);
                break;
            case EltwiseAlgorithm.Linear:
                Linear(asm, x, alpha, beta);
                break;
            case EltwiseAlgorithm.Clip:
                asm.Emit(Vmaxps, x, x, alpha);
                asm.Emit(Vminps, x, x, beta);
                break;
            case EltwiseAlgorithm.HardSigmoid:
                Linear(asm, x, alpha, beta);
                ClampToUnit(asm, x);
                break;
            case EltwiseAlgorithm.HardSwish:
                HardSwish(asm, x, alpha, beta);
                break;
            case EltwiseAlgorithm.Round:
                asm.Emit(Vroundps, x, x, RoundNearest);
                break;
            case EltwiseAlgorithm.Floor:
                asm.Emit(Vroundps, x, x, RoundDown);
                break;
            case EltwiseAlgorithm.Ceil:
                asm.Emit(Vroundps, x, x, RoundUp);
                break;
            case EltwiseAlgorithm.Reciprocal:
                Reciprocal(asm, x);
                break;
            case EltwiseAlgorithm.Sign:
                Sign(asm, x);
                break;
            case EltwiseAlgorithm.Exp:
                math.Exp(x);
                break;
            case EltwiseAlgorithm.Log:
                math.Log(x);
                break;
            case EltwiseAlgorithm.Tanh:
                math.Tanh(x);
                break;
            case EltwiseAlgorithm.Erf:
                math.Erf(x);
                break;
            case EltwiseAlgorithm.Logistic:
                math.Logistic(x);
                break;
            case EltwiseAlgorithm.Swish:
                Swish(asm, math, x, alpha);
                break;
            case EltwiseAlgorithm.Elu:
                Elu(asm, math, x, alpha);
                break;
            case EltwiseAlgorithm.SoftRelu:
                asm.Emit(Vmulps, x, x, alpha);
                math.SoftPlus(x);
                asm.Emit(Vdivps, x, x, alpha);
                break;
            case EltwiseAlgorithm.GeluTanh:
                math.GeluTanh(x);
                break;
            case EltwiseAlgorithm.GeluErf:
                math.GeluErf(x);
                break;
            case EltwiseAlgorithm.Mish:
                math.Mish(x);
                break;
            case EltwiseAlgorithm.Pow:
                math.Pow(x, spec.Exponent);
                asm.Emit(Vmulps, x, x, alpha);
                break;
            default:
                throw new InvalidOperationException($"No code is generated for {spec.Algorithm}.");
        }
    }

    // x > 0 ? x : α·x.
    private static void LeakyRelu(KernelAssembler asm, Vec x, Mem alpha)
    {
        using Vec scaled = asm.Registers.Vec("alpha x");
        asm.Emit(Vmulps, scaled, x, alpha);
        using LanePredicate positive = LanePredicate.Compare(asm, FloatComparison.Greater, x, asm.Splat(0f));
        positive.SelectElse(x, scaled);
    }

    private static void Linear(KernelAssembler asm, Vec x, Mem alpha, Mem beta)
    {
        using Vec factor = asm.Registers.Vec("alpha");
        asm.Emit(Vmovups, factor, alpha);
        asm.Emit(Vfmadd213ps, x, factor, beta);
    }

    private static void HardSwish(KernelAssembler asm, Vec x, Mem alpha, Mem beta)
    {
        using Vec gate = asm.Registers.Vec("gate");
        asm.Emit(Vmovups, gate, beta);
        asm.Emit(Vfmadd231ps, gate, x, alpha);
        ClampToUnit(asm, gate);
        asm.Emit(Vmulps, x, x, gate);
    }

    private static void ClampToUnit(KernelAssembler asm, Vec x)
    {
        asm.Emit(Vmaxps, x, x, asm.Splat(0f));
        asm.Emit(Vminps, x, x, asm.Splat(1f));
    }

    private static void Reciprocal(KernelAssembler asm, Vec x)
    {
        using Vec one = asm.Registers.Vec("one");
        asm.Emit(Vbroadcastss, one, asm.Splat(1f));
        asm.Emit(Vdivps, x, one, x);
    }

    // ±1 with the sign of x unless x is 0 or NaN; −0 counts as 0.
    private static void Sign(KernelAssembler asm, Vec x)
    {
        using Vec one = asm.Registers.Vec("signed one");
        asm.Emit(Vandps, one, x, asm.Splat(SignBit));
        asm.Emit(Vorps, one, one, asm.Splat(1f));
        using (LanePredicate zero = LanePredicate.Compare(asm, FloatComparison.Equal, x, asm.Splat(0f)))
            zero.Select(one, asm.Splat(0f));
        using (LanePredicate nan = LanePredicate.Compare(asm, FloatComparison.Unordered, x, x))
            nan.SelectElse(x, one);
    }

    private static void Swish(KernelAssembler asm, MathEmitter math, Vec x, Mem alpha)
    {
        using Vec inner = asm.Registers.Vec("logistic");
        asm.Emit(Vmulps, inner, x, alpha);
        math.Logistic(inner);
        asm.Emit(Vmulps, x, x, inner);
    }

    // x > 0 ? x : α·(eˣ − 1).
    private static void Elu(KernelAssembler asm, MathEmitter math, Vec x, Mem alpha)
    {
        using Vec negative = asm.Registers.Vec("negative branch");
        asm.Emit(Vmovaps, negative, x);
        math.ExpMinus1(negative);
        asm.Emit(Vmulps, negative, negative, alpha);
        using LanePredicate positive = LanePredicate.Compare(asm, FloatComparison.Greater, x, asm.Splat(0f));
        positive.SelectElse(x, negative);
    }
}
