// The clipping threshold that is optimal for a known family of distributions.
namespace Int8Runtime.Quantization;

/// <summary>The family that <see cref="AciqMethod"/> assumes.</summary>
public enum AciqDistribution
{
    /// <summary>Laplace, fitted by the mean absolute deviation b.</summary>
    Laplace,

    /// <summary>Normal, fitted by the standard deviation σ.</summary>
    Gauss,
}

/// <summary>
/// Analytical clipping: the threshold α that minimizes the expected squared error of clipping and rounding. Banner et al.,
/// "Post training 4-bit quantization of convolutional networks for rapid-deployment" (arXiv:1810.05723). A tensor without
/// negative values (behind a rectifier) is taken as one half of a symmetric distribution, whose other half would have used as
/// many integers again.
/// </summary>
public sealed class AciqMethod(AciqDistribution distribution) : IRangeMethod
{
    /// <inheritdoc/>
    public ValueRange Choose(StreamingHistogram histogram, QuantizerTarget target)
    {
        ArgumentNullException.ThrowIfNull(histogram);
        ValueRange extremes = histogram.Extremes;
        bool oneSided = extremes.Minimum >= 0;
        ReadOnlySpan<long> counts = histogram.Counts;
        double count = 0, sum = 0;
        for (int i = 0; i < counts.Length; i++)
        {
            long here = CountOf(histogram, i, oneSided);
            count += here;
            sum += here * histogram.Middle(i);
        }

        if (count == 0)
            return extremes;
        double mean = oneSided ? 0 : sum / count, deviation = 0;
        for (int i = 0; i < counts.Length; i++)
        {
            double distance = histogram.Middle(i) - mean;
            deviation += CountOf(histogram, i,
                oneSided) * (distribution == AciqDistribution.Laplace ? Math.Abs(distance) : distance * distance);
        }

        deviation /= count;
        if (distribution == AciqDistribution.Gauss)
            deviation = Math.Sqrt(deviation);
        double alpha = deviation * Factor(distribution, target.Bits + (oneSided ? 1 : 0));
        return new ValueRange(
            oneSided ? extremes.Minimum : (float)Math.Max(extremes.Minimum, mean - alpha), (float)Math.Min(extremes.Maximum, mean + alpha));
    }

    /// <summary>The optimal threshold in units of b (Laplace) or σ (Gauss).</summary>
    /// <param name="distribution">The family.</param>
    /// <param name="bits">Bits of the integers, 2 to 9.</param>
    public static double Factor(AciqDistribution distribution, int bits)
    {
        double levels = Math.Pow(4, bits);
        // The derivative of the expected error by α, a function that falls, then rises through its only zero.
        double Slope(double a) => distribution == AciqDistribution.Laplace
            ? (2 * a / (3 * levels)) - (2 * Math.Exp(-a))
            : (2 * a * GaussTail(a)) - (Math.Sqrt(2 / Math.PI) * 2 * Math.Exp(-a * a / 2)) + (2 * a / (3 * levels));
        double low = 0.1, high = 30;
        for (int i = 0; i < 100; i++)
        {
            double middle = (low + high) / 2;
            if (Slope(middle) < 0)
                low = middle;
            else
                high = middle;
        }

        return low;
    }

    // Exact zeros behind a rectifier stand for the negative half, not for values of the distribution.
    private static long CountOf(StreamingHistogram histogram, int bin, bool oneSided) =>
        histogram.Counts[bin] - (oneSided && bin == StreamingHistogram.BinsPerSide ? histogram.Zeros : 0);

    // P(|x| > a) of the standard normal distribution: erfc(a / √2), by its continued fraction for large a and its series for small a.
    private static double GaussTail(double a)
    {
        double x = a / Math.Sqrt(2);
        if (x < 2)
        {
            double term = x, sum = x;
            for (int n = 1; n < 60; n++)
            {
                term *= -x * x / n;
                sum += term / ((2 * n) + 1);
            }

            return 1 - (2 / Math.Sqrt(Math.PI) * sum);
        }

        double fraction = 0;
        for (int n = 60; n > 0; n--)
            fraction = n / 2.0 / (x + fraction);
        return Math.Exp(-x * x) / Math.Sqrt(Math.PI) / (x + fraction);
    }
}
