// The error function in double precision.
namespace Int8Runtime.Graph.Evaluation;

internal static class ErrorFunction
{
    /// <summary>erf(x): the Maclaurin series for small arguments, the continued fraction of erfc for large ones; both
    /// are standard (Abramowitz and Stegun, 7.1.5 and 7.1.14), and the error is below 1e-14.</summary>
    public static double Erf(double x)
    {
        double magnitude = Math.Abs(x);
        if (double.IsNaN(x))
            return x;
        if (magnitude > 6)
            return Math.Sign(x);
        return magnitude < 2.5 ? Series(x) : Math.Sign(x) * (1 - Complement(magnitude));
    }

    private static double Series(double x)
    {
        double term = x, sum = x;
        for (int n = 1; Math.Abs(term) > 1e-18 * Math.Abs(sum); n++)
        {
            term *= -x * x / n;
            sum += term / (2 * n + 1);
        }
        return sum * 2 / Math.Sqrt(Math.PI);
    }

    private static double Complement(double x)
    {
        double fraction = x;
        for (int n = 60; n >= 1; n--)
            fraction = x + n / 2.0 / fraction;
        return Math.Exp(-x * x) / (Math.Sqrt(Math.PI) * fraction);
    }
}
