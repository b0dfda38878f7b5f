// Activation functions made from the exponential: tanh, logistic, softplus, error function and what is built of them.
//
// Everything that tends to a constant is computed from the side where it is small (e^−|x| ≤ 1), so that results keep
// their relative accuracy and nothing overflows.
using Int8Runtime.Jit;
using static Int8Runtime.Jit.VectorOp;

namespace Int8Runtime.X64;

internal sealed partial class MathEmitter
{
    /// <summary>tanh x (3 ulp): x + x³·p(x²) below 0.625, 1 − 2 / (e^2|x| + 1) beyond.</summary>
    public void Tanh(Vec x)
    {
        using Vec magnitude = Asm.Registers.Vec("|x|"), far = Asm.Registers.Vec("far tanh");
        Asm.Emit(Vandps, magnitude, x, Asm.Splat(int.MaxValue));
        Asm.Emit(Vaddps, far, magnitude, magnitude);
        Exp(far);
        Asm.Emit(Vaddps, far, far, Asm.Splat(1f));
        using Vec near = Asm.Registers.Vec("near tanh");
        using (Vec square = Asm.Registers.Vec("x²"))
        {
            Asm.Emit(Vbroadcastss, near, Asm.Splat(-2f));
            Asm.Emit(Vdivps, far, near, far);
            Asm.Emit(Vaddps, far, far, Asm.Splat(1f));
            Asm.Emit(Vmulps, square, x, x);
            Polynomial(near, square, MathCoefficients.TanhTail);
            Asm.Emit(Vmulps, near, near, square);
            Asm.Emit(Vmuladd213ps, near, x, x);
            TakeSign(far, x, square);
        }
        Asm.Emit(Vmovaps, x, far);
        Replace(x, FloatComparison.Less, magnitude, Asm.Splat(0.625f), near);
    }

    /// <summary>1 / (1 + e^−x) (3 ulp).</summary>
    public void Logistic(Vec x)
    {
        using Vec small = Asm.Registers.Vec("e^−|x|"), numerator = Asm.Registers.Vec("numerator");
        Asm.Emit(Vorps, small, x, Asm.Splat(SignBit));
        Exp(small);
        Asm.Emit(Vbroadcastss, numerator, Asm.Splat(1f));
        Replace(numerator, FloatComparison.Less, x, Asm.Splat(0f), small);
        Asm.Emit(Vaddps, small, small, Asm.Splat(1f));
        Asm.Emit(Vdivps, x, numerator, small);
    }

    /// <summary>ln(1 + e^x) (4 ulp), as max(x, 0) + ln(1 + e^−|x|).</summary>
    public void SoftPlus(Vec x)
    {
        using Vec small = Asm.Registers.Vec("e^−|x|"), p = Asm.Registers.Vec("ln(1 + z) / z");
        Asm.Emit(Vorps, small, x, Asm.Splat(SignBit));
        Exp(small);
        Polynomial(p, small, MathCoefficients.Log1p);
        Asm.Emit(Vmaxps, x, x, Asm.Splat(0f));
        Asm.Emit(Vmuladd231ps, x, small, p);
    }

    /// <summary>erf x (3 ulp): x + x·p(x²) below 1, 1 − erfc|x| beyond.</summary>
    public void Erf(Vec x)
    {
        using Vec far = Asm.Registers.Vec("far erf");
        Asm.Emit(Vandps, far, x, Asm.Splat(int.MaxValue));
        Erfc(far, 1f, 1f);
        using Vec near = Asm.Registers.Vec("near erf"), magnitude = Asm.Registers.Vec("|x|");
        using (Vec square = Asm.Registers.Vec("x²"))
        {
            Asm.Emit(Vbroadcastss, near, Asm.Splat(1f));
            Asm.Emit(Vsubps, far, near, far);
            Asm.Emit(Vmulps, square, x, x);
            Polynomial(near, square, MathCoefficients.ErfTail);
            Asm.Emit(Vmuladd213ps, near, x, x);
            TakeSign(far, x, square);
        }
        Asm.Emit(Vandps, magnitude, x, Asm.Splat(int.MaxValue));
        Asm.Emit(Vmovaps, x, far);
        Replace(x, FloatComparison.Less, magnitude, Asm.Splat(1f), near);
    }

    /// <summary>½·x·(1 + erf(x/√2)) (8 ulp while the result is not denormal), accurate for negative x too.</summary>
    public void GeluErf(Vec x)
    {
        using Vec tail = Asm.Registers.Vec("½ erfc");
        Asm.Emit(Vandps, tail, x, Asm.Splat(int.MaxValue));
        Erfc(tail, 0.707106781f, 0.5f);
        Asm.Emit(Vmulps, tail, tail, Asm.Splat(0.5f));
        using Vec normal = Asm.Registers.Vec("Φ(x)");
        Asm.Emit(Vbroadcastss, normal, Asm.Splat(1f));
        Asm.Emit(Vsubps, normal, normal, tail);
        Replace(normal, FloatComparison.Less, x, Asm.Splat(0f), tail);
        Asm.Emit(Vmulps, x, x, normal);
    }

    /// <summary>
    /// GELU by the tanh approximation, as x·logistic(u), u = √(8/π)·(x + 0.044715·x³) (6 ulp; for negative u 3·|u| more).
    /// </summary>
    public void GeluTanh(Vec x)
    {
        using Vec inner = Asm.Registers.Vec("2u");
        Asm.Emit(Vmulps, inner, x, x);
        Asm.Emit(Vmulps, inner, inner, Asm.Splat(0.0713548163f)); // √(8/π)·0.044715
        Asm.Emit(Vaddps, inner, inner, Asm.Splat(1.59576912f)); // √(8/π)
        Asm.Emit(Vmulps, inner, inner, x);
        Logistic(inner);
        Asm.Emit(Vmulps, x, x, inner);
    }

    /// <summary>x·logistic(<paramref name="alpha"/>·x) (4 ulp; where the product is negative, |product| more).</summary>
    public void Swish(Vec x, float alpha)
    {
        using Vec inner = Asm.Registers.Vec("logistic");
        Asm.Emit(Vmulps, inner, x, Asm.Splat(alpha));
        Logistic(inner);
        Asm.Emit(Vmulps, x, x, inner);
    }

    /// <summary>x·tanh(ln(1 + e^x)) (6 ulp).</summary>
    public void Mish(Vec x)
    {
        using Vec inner = Asm.Registers.Vec("softplus");
        Asm.Emit(Vmovaps, inner, x);
        SoftPlus(inner);
        Tanh(inner);
        Asm.Emit(Vmulps, x, x, inner);
    }

    // m ≥ 0 → erfc a = e^(−a²)·t·q(t), t = 1 / (1 + a/2), for a = scale·m. The square is taken as m·(m·scale²), whose
    // second factor is exact, and its rounding error is taken back: with h = f32(a²), l = a² − h: e^(−a²) ≈ e^(−h)·(1 − l).
    private void Erfc(Vec m, float scale, float squaredScale)
    {
        const float Zero = 10.5f; // erfc underflows before
        using Vec t = Asm.Registers.Vec("erfc t"), q = Asm.Registers.Vec("erfc q");
        ClampKeepingNaN(m, t, 0f, Zero / scale);
        Asm.Emit(Vbroadcastss, t, Asm.Splat(1f));
        Asm.Emit(Vmovaps, q, t);
        Asm.Emit(Vmuladd231ps, q, m, Asm.Splat(0.5f * scale));
        Asm.Emit(Vdivps, t, t, q);
        Polynomial(q, t, MathCoefficients.ErfcScaled);
        Asm.Emit(Vmulps, q, q, t);
        using (Vec factor = Asm.Registers.Vec("scale²·m"))
        {
            Asm.Emit(Vmulps, factor, m, Asm.Splat(squaredScale));
            Asm.Emit(Vmulps, t, m, factor);
            Asm.Emit(Vfmsub213ps, m, factor, t); // l
        }
        Asm.Emit(Vfnmadd213ps, m, q, q); // q·(1 − l)
        Asm.Emit(Vxorps, t, t, Asm.Splat(SignBit));
        Exp(t);
        Asm.Emit(Vmulps, m, m, t);
    }

    // value (≥ 0) gets the sign of source.
    private void TakeSign(Vec value, Vec source, Vec scratch)
    {
        Asm.Emit(Vandps, scratch, source, Asm.Splat(SignBit));
        Asm.Emit(Vorps, value, value, scratch);
    }
}
