// Transcendental functions on f32 vectors. This part: exponential and logarithm, on which the others stand; the other
// part: the activation functions. All work in place, on any tier, without branches, and keep NaN.
//
// exp: x = n·ln2 + r, |r| ≤ ln2/2; e^x = 2^n·(1 + r + r²·p(r)).
// log: x = 2^e·m, √½ ≤ m < √2, f = m − 1; ln x = e·ln2 + f − f²/2 + f³·p(f).
using Int8Runtime.Jit;
using static Int8Runtime.Jit.VectorOp;

namespace Int8Runtime.X64;

/// <summary>
/// Emits vector functions of f32 that replace a register by the function of it. Up to <see cref="Temporaries"/> more vector
/// registers, and with AVX-512 one opmask register, are used meanwhile. Errors, against the value in f64, are at most the ulps stated.
/// </summary>
internal sealed partial class MathEmitter(KernelAssembler asm)
{
    /// <summary>Vector registers that must be free while a function is emitted.</summary>
    public const int Temporaries = 5;

    private const float Ln2 = 0.693147182f;
    private const float Ln2Short = 0.693359375f; // its products with exponents are exact
    private const float Ln2ShortRest = -2.12194440e-4f;
    private const float Log2E = 1.44269502f;
    private const float SmallestNormal = 1.17549435e-38f;
    private const int SignBit = int.MinValue;
    private const int RoundNearestEven = 8; // without the inexact exception

    private KernelAssembler Asm => asm;

    /// <summary>e^x (2 ulp): overflows to ∞ above 88.72, underflows through denormals to 0.</summary>
    public void Exp(Vec x)
    {
        using Vec n = asm.Registers.Vec("exp n"), p = asm.Registers.Vec("exp p");
        ClampKeepingNaN(x, n, -105f, 89f);
        Reduce(x, n, p);
        asm.Emit(Vaddps, x, p, asm.Splat(1f));
        MultiplyByPowerOf2(x, n, p);
    }

    /// <summary>e^x − 1 (3 ulp), accurate near 0, for x ≤ 88; larger values give that of 88.</summary>
    public void ExpMinus1(Vec x)
    {
        using Vec n = asm.Registers.Vec("exp n"), p = asm.Registers.Vec("exp p");
        ClampKeepingNaN(x, n, -87f, 88f);
        Reduce(x, n, p);
        asm.Emit(Vcvtps2dq, n, n);
        PowerOf2(n);
        asm.Emit(Vsubps, x, n, asm.Splat(1f));
        asm.Emit(Vmuladd231ps, x, p, n); // 2^n·(e^r − 1) + (2^n − 1)
    }

    /// <summary>ln x (2 ulp); −∞ for 0, NaN below, ∞ for ∞. Denormals are handled.</summary>
    public void Log(Vec x)
    {
        using Vec argument = asm.Registers.Vec("log x"), exponent = asm.Registers.Vec("log e"),
            p = asm.Registers.Vec("log p");
        asm.Emit(Vmovaps, argument, x);
        using (Vec square = asm.Registers.Vec("log f²"))
        {
            SplitExponent(x, exponent, p, correction: square);
            LogOfMantissa(x, square, p);
            asm.Emit(Vmuladd231ps, p, exponent, asm.Splat(Ln2ShortRest));
            asm.Emit(Vnmuladd231ps, p, square, asm.Splat(0.5f));
            asm.Emit(Vaddps, x, x, p);
            asm.Emit(Vmuladd231ps, x, exponent, asm.Splat(Ln2Short));
        }
        Replace(x, FloatComparison.NotLess, argument, asm.Splat(float.PositiveInfinity), argument); // ∞ and NaN
        Replace(x, FloatComparison.Equal, argument, asm.Splat(0f), asm.Splat(float.NegativeInfinity));
        Replace(x, FloatComparison.Less, argument, asm.Splat(0f), asm.Splat(float.NaN));
    }

    /// <summary>
    /// x^<paramref name="exponent"/>. Multiples of ¼ between −4 and 4 are made of multiplications and square roots
    /// (4 ulp); others of 2^(exponent·log₂x) with the product in two parts (2 + 2·|exponent| ulp). Negative x gives
    /// NaN unless the exponent is an integer; −∞ gives +∞ then, or 0 for negative exponents, as IEEE 754's pow.
    /// </summary>
    public void Pow(Vec x, float exponent)
    {
        float quarters = exponent * 4;
        if (MathF.Abs(quarters) <= 16 && quarters == MathF.Round(quarters))
            PowOfQuarters(x, (int)quarters);
        else
            PowByLogarithm(x, exponent);
    }

    private void PowOfQuarters(Vec x, int quarters)
    {
        int whole = Math.Abs(quarters) / 4, rest = Math.Abs(quarters) % 4;
        using Vec result = asm.Registers.Vec("power"), root = asm.Registers.Vec("root");
        if (rest != 0)
        {
            // pow takes −∞ for ∞ and −0 for 0 where a square root would give NaN or −0.
            asm.Emit(Vaddps, x, x, asm.Splat(0f));
            Replace(x, FloatComparison.Equal, x, asm.Splat(float.NegativeInfinity), asm.Splat(float.PositiveInfinity));
        }
        asm.Emit(Vbroadcastss, result, asm.Splat(1f));
        for (int i = 0; i < whole; i++)
            asm.Emit(Vmulps, result, result, x);
        if (rest != 0)
        {
            asm.Emit(Vsqrtps, root, x);
            if (rest != 1)
                asm.Emit(Vmulps, result, result, root);
            asm.Emit(Vsqrtps, root, root);
            if (rest != 2)
                asm.Emit(Vmulps, result, result, root);
        }
        if (quarters >= 0)
        {
            asm.Emit(Vmovaps, x, result);
            return;
        }
        asm.Emit(Vbroadcastss, x, asm.Splat(1f));
        asm.Emit(Vdivps, x, x, result);
    }

    // |x| = 2^e·m: exponent·log₂|x| = t + u with t = exponent·e (its rounding error is added back) and
    // u = exponent·log₂m; n = round(t + u); result = 2^n·2^((t − n) + u).
    private void PowByLogarithm(Vec x, float exponent)
    {
        using Vec argument = asm.Registers.Vec("pow x"), t = asm.Registers.Vec("pow t"), p = asm.Registers.Vec("pow p");
        asm.Emit(Vmovaps, argument, x);
        asm.Emit(Vandps, x, x, asm.Splat(int.MaxValue));
        using (Vec e = asm.Registers.Vec("pow e"))
        {
            SplitExponent(x, e, p, correction: t);
            LogOfMantissa(x, t, p);
            asm.Emit(Vnmuladd231ps, p, t, asm.Splat(0.5f));
            asm.Emit(Vaddps, x, x, p); // ln m
            asm.Emit(Vmulps, x, x, asm.Splat((float)(exponent * 1.4426950408889634)));
            asm.Emit(Vmulps, t, e, asm.Splat(exponent));
            asm.Emit(Vfmsub132ps, e, t, asm.Splat(exponent)); // what t lost
            asm.Emit(Vaddps, x, x, e);
        }
        using (Vec n = asm.Registers.Vec("pow n"))
        {
            asm.Emit(Vaddps, n, t, x);
            ClampKeepingNaN(n, p, -152f, 129f);
            asm.Emit(Vroundps, n, n, RoundNearestEven);
            asm.Emit(Vsubps, t, t, n);
            asm.Emit(Vaddps, x, x, t);
            ClampKeepingNaN(x, p, -1f, 1f); // beyond only where n was clamped
            asm.Emit(Vmulps, x, x, asm.Splat(Ln2));
            ExpMinus1OfReduced(x, p);
            asm.Emit(Vaddps, x, p, asm.Splat(1f));
            MultiplyByPowerOf2(x, n, p);
        }

        if (exponent != MathF.Round(exponent))
            Replace(x, FloatComparison.Less, argument, asm.Splat(0f), asm.Splat(float.NaN));

        // |x| = 0, ∞, NaN: |x| itself or its reciprocal; last, because −∞ counts as ∞ even where other negative x give NaN.
        asm.Emit(Vandps, t, argument, asm.Splat(int.MaxValue));
        asm.Emit(Vmovaps, p, t);
        if (exponent < 0)
        {
            asm.Emit(Vbroadcastss, p, asm.Splat(1f));
            asm.Emit(Vdivps, p, p, t);
        }
        Replace(x, FloatComparison.NotLess, t, asm.Splat(float.PositiveInfinity), p);
        Replace(x, FloatComparison.Equal, t, asm.Splat(0f), p);
        if (exponent == MathF.Round(exponent) && MathF.Abs(exponent) < 1 << 24 && (long)exponent % 2 != 0)
        {
            asm.Emit(Vandps, argument, argument, asm.Splat(SignBit));
            asm.Emit(Vorps, x, x, argument);
        }
    }

    // n = round(x / ln2), x = r, p = e^r − 1.
    private void Reduce(Vec x, Vec n, Vec p)
    {
        asm.Emit(Vmulps, n, x, asm.Splat(Log2E));
        asm.Emit(Vroundps, n, n, RoundNearestEven);
        asm.Emit(Vnmuladd231ps, x, n, asm.Splat(Ln2Short));
        asm.Emit(Vnmuladd231ps, x, n, asm.Splat(Ln2ShortRest));
        ExpMinus1OfReduced(x, p);
    }

    // p = r + r²·tail(r); keeps r.
    private void ExpMinus1OfReduced(Vec r, Vec p)
    {
        Polynomial(p, r, MathCoefficients.ExpTail);
        asm.Emit(Vmulps, p, p, r);
        asm.Emit(Vmuladd213ps, p, r, r);
    }

    // x·2^n for integral n; n and scratch are destroyed.
    private void MultiplyByPowerOf2(Vec x, Vec n, Vec scratch)
    {
        if (asm.Traits.HasOpmask)
        {
            asm.Emit(Vscalefps, x, x, n);
            return;
        }

        // In two steps, because 2^n itself may be outside the normal range.
        asm.Emit(Vcvtps2dq, n, n);
        asm.Emit(Vpsrad, scratch, n, 1);
        asm.Emit(Vpsubd, n, n, scratch);
        PowerOf2(scratch);
        PowerOf2(n);
        asm.Emit(Vmulps, x, x, scratch);
        asm.Emit(Vmulps, x, x, n);
    }

    // s32 n → f32 2^n, for −126 ≤ n ≤ 127.
    private void PowerOf2(Vec n)
    {
        asm.Emit(Vpaddd, n, n, asm.Splat(127));
        asm.Emit(Vpslld, n, n, 23);
    }

    // x > 0 → x = m − 1 with √½ ≤ m < √2, exponent (f32) such that the old x = 2^exponent·m.

    private void SplitExponent(Vec x, Vec exponent, Vec scratch, Vec correction)
    {
        const int SqrtHalf = 0x3F35_04F3;
        asm.Emit(Vmulps, scratch, x, asm.Splat(8388608f));
        asm.Clear(correction);
        using (LanePredicate denormal = LanePredicate.Compare(asm, FloatComparison.Less, x, asm.Splat(SmallestNormal)))
        {
            denormal.Select(x, scratch);
            denormal.Select(correction, asm.Splat(-23f));
        }
        asm.Emit(Vpsubd, exponent, x, asm.Splat(SqrtHalf));
        asm.Emit(Vpsrad, exponent, exponent, 23);
        asm.Emit(Vpslld, scratch, exponent, 23);
        asm.Emit(Vpsubd, x, x, scratch);
        asm.Emit(Vcvtdq2ps, exponent, exponent);
        asm.Emit(Vaddps, exponent, exponent, correction);
        asm.Emit(Vsubps, x, x, asm.Splat(1f));
    }

    // f → square = f², p = f³·tail(f); ln(1 + f) = f − square/2 + p.
    private void LogOfMantissa(Vec f, Vec square, Vec p)
    {
        Polynomial(p, f, MathCoefficients.LogTail);
        asm.Emit(Vmulps, square, f, f);
        asm.Emit(Vmulps, p, p, f);
        asm.Emit(Vmulps, p, p, square);
    }

    // result = Σ coefficients[i]·x^i by Horner's rule.
    private void Polynomial(Vec result, Vec x, float[] coefficients)
    {
        asm.Emit(Vbroadcastss, result, asm.Splat(coefficients[^1]));
        for (int i = coefficients.Length - 2; i >= 0; i--)
            asm.Emit(Vmuladd213ps, result, x, asm.Splat(coefficients[i]));
    }

    // MINPS and MAXPS return the second operand where one is NaN, so x goes second.
    private void ClampKeepingNaN(Vec x, Vec scratch, float low, float high)
    {
        asm.Emit(Vbroadcastss, scratch, asm.Splat(high));
        asm.Emit(Vminps, x, scratch, x);
        asm.Emit(Vbroadcastss, scratch, asm.Splat(low));
        asm.Emit(Vmaxps, x, scratch, x);
    }

    private void Replace(Vec x, FloatComparison comparison, Vec a, Operand b, Operand value)
    {
        using LanePredicate condition = LanePredicate.Compare(asm, comparison, a, b);
        condition.Select(x, value);
    }
}
