// Polynomials of MathEmitter, lowest power first. Made by tools/minimax/minimax.py (weighted Remez exchange, coefficients
// rounded to f32 during the fit); the stated errors are those of the polynomials themselves, before f32 evaluation.
namespace Int8Runtime.X64;

/// <summary>Minimax coefficients in f32.</summary>
internal static class MathCoefficients
{
    // (e^r - 1 - r) / r^2 on |r| <= ln2 / 2, relative to e^r; error 3.2e-09.
    public static readonly float[] ExpTail =
    [
        0.49999994f, 0.166665167f, 0.0416681059f, 0.00836914405f, 0.00138368167f,
    ];

    // (ln(1 + f) - f + f^2 / 2) / f^3 on sqrt(1/2) - 1 <= f <= sqrt(2) - 1, relative to f; error 2.4e-10.
    public static readonly float[] LogTail =
    [
        0.333333343f, -0.249999523f, 0.199998379f, -0.166701525f, 0.142947689f, -0.124174058f, 0.108931072f,
        -0.107379422f, 0.113563508f, -0.0697070956f,
    ];

    // ln(1 + z) / z on 0 <= z <= 1, relative; error 8.8e-10.
    public static readonly float[] Log1p =
    [
        1f, -0.499999881f, 0.333327144f, -0.249888644f, 0.198996216f, -0.161351576f, 0.124794804f, -0.0832379982f,
        0.0421137884f, -0.0136910742f, 0.0020844019f,
    ];

    // (tanh(x) / x - 1) / s, s = x^2, on |x| <= 0.64, relative to tanh x / x; error 2.4e-10.
    public static readonly float[] TanhTail =
    [
        -0.333333313f, 0.133332118f, -0.0539463758f, 0.0216945242f, -0.00815496221f, 0.00211751065f,
    ];

    // erf(x) / x - 1 in s = x^2 on |x| <= 1; error 1.0e-09.
    public static readonly float[] ErfTail =
    [
        0.128379166f, -0.376126289f, 0.112836279f, -0.0268560778f, 0.00519415271f, -0.000808810059f, 8.37595799e-05f,
        -1.38616076e-06f,
    ];

    // e^(a^2) erfc(a) / t in t = 1 / (1 + a / 2) on 0 <= a <= 10, relative; error 5.8e-09.
    public static readonly float[] ErfcScaled =
    [
        0.282088012f, 0.282264233f, 0.245060802f, 0.186266974f, 0.0524738505f, 0.0410823449f, -0.0309516806f,
        -0.280114204f, 0.375025302f, -0.188528359f, 0.0353327245f,
    ];
}
