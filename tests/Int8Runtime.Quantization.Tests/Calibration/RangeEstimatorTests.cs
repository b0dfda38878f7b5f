// Range estimators against independent implementations, closed forms and the definition of each statistic.
using FsCheck;
using FsCheck.Fluent;
using Int8Runtime.TestKit;

namespace Int8Runtime.Quantization.Tests.Calibration;

public sealed class RangeEstimatorTests
{
    private static readonly QuantizerTarget Symmetric = new(8, true), Asymmetric = new(8, false);

    private static readonly string[] AllKinds =
    [
        "minmax", "mean", "moving", "percentile:99.9", "kl", "mse", "aciq-laplace", "aciq-gauss", "minmax/max", "minmax/min",
        "minmax/mean", "abs_max/median",
        "quantile:0.99/mean_no_outliers", "abs_quantile:0.99/median_no_outliers", "minmax/hodges_lehmann", "quantile:0.999/moving",
    ];

    public static TheoryData<string> Kinds => [.. AllKinds];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Order_and_division_of_the_samples_do_not_matter(string kind)
    {
        float[][] samples = [.. Enumerable.Range(0, 40).Select(i => Normal(200, i, 1 + (i % 7)))];
        IRangeEstimator forwards = RangeEstimation.Parse(kind).Create(Asymmetric);
        for (int i = 0; i < samples.Length; i++)
            forwards.Observe(samples[i], i);
        IRangeEstimator even = RangeEstimation.Parse(kind).Create(Asymmetric), odd = RangeEstimation.Parse(kind).Create(Asymmetric);
        for (int i = samples.Length - 1; i >= 0; i--)
            (i % 2 == 0 ? even : odd).Observe(samples[i], i);
        odd.Merge(even);
        Assert.Equal(forwards.Range, odd.Range);
        Assert.False(forwards.Range.IsEmpty);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Ranges_lie_within_what_was_seen_and_values_that_are_not_finite_are_left_out(string kind)
    {
        IRangeEstimator estimator = RangeEstimation.Parse(kind).Create(Asymmetric);
        Assert.True(estimator.Range.IsEmpty);
        float[] values = Normal(1000, 5, 2);
        values[17] = float.NaN;
        values[400] = float.PositiveInfinity;
        estimator.Observe(values, 0);
        float magnitude = values.Where(float.IsFinite).Max(Math.Abs);
        Assert.Equal(2, estimator.NonFiniteCount);
        Assert.InRange(estimator.Range.Minimum, -magnitude, 0);
        Assert.InRange(estimator.Range.Maximum, 0.5f, magnitude);
    }

    [Fact]
    public void Constant_and_zero_tensors_are_safe()
    {
        foreach (string kind in AllKinds)
        {
            foreach (float value in (float[])[0f, 3.5f, -2f, 1e-40f])
            {
                IRangeEstimator estimator = RangeEstimation.Parse(kind).Create(Asymmetric);
                estimator.Observe(Enumerable.Repeat(value, 64).ToArray(), 0);
                ValueRange range = estimator.Range;
                Assert.True(float.IsFinite(range.Minimum) && float.IsFinite(range.Maximum), $"{kind} of {value}: {range}");
                Assert.True(float.IsFinite(QuantizationParameters.Asymmetric(range).Scale), kind);
            }
        }
    }

    [Theory]
    [InlineData(1e-8f)]
    [InlineData(1e-9f)]
    [InlineData(1e-20f)]
    [InlineData(1e-36f)]
    public void Histograms_of_very_different_widths_are_merged(float small)
    {
        var wide = new StreamingHistogram();
        wide.Add([1000f, -1000f]);
        var narrow = new StreamingHistogram();
        narrow.Add(Enumerable.Range(1, 100).Select(i => small * i).ToArray());
        wide.Merge(narrow);
        Assert.Equal(102, wide.Total);
        Assert.Equal(100, wide.Counts[StreamingHistogram.BinsPerSide]);
    }

    [Fact]
    public void A_growing_histogram_counts_as_one_that_had_the_final_width() => Properties.Check(
        Gen.Choose(0, int.MaxValue).Zip(Gen.Choose(1, 6)), problem =>
        {
            (int seed, int parts) = problem;
            float[][] batches = [.. Enumerable.Range(0, parts).Select(i => Normal(50, seed + i, MathF.Pow(10, i - 3)))];
            var whole = new StreamingHistogram();
            whole.Add(batches.SelectMany(b => b).ToArray());
            var streamed = new StreamingHistogram();
            foreach (float[] batch in batches)
                streamed.Add(batch);
            Assert.Equal(whole.BinWidth, streamed.BinWidth);
            Assert.Equal(whole.Counts.ToArray(), streamed.Counts.ToArray());
            Assert.Equal(50 * parts, streamed.Total);
            for (int bin = 0; bin < whole.Counts.Length; bin++)
            {
                int inside = batches.SelectMany(b => b).Count(v => v >= whole.LowerEdge(bin) && v < whole.LowerEdge(bin + 1));
                if (whole.Counts[bin] != inside)
                    Assert.Fail($"bin {bin} counts {whole.Counts[bin]}, {inside} values lie in it");
            }
        }, count: 10);

    [Fact]
    public void KL_thresholds_are_those_of_an_independent_implementation()
    {
        foreach (int levels in (int[])[128, 256])
        {
            for (int seed = 0; seed < 6; seed++)
            {
                float[] values = seed % 2 == 0 ? Normal(20_000, seed, 1) : Laplace(20_000, seed);
                values[0] = 30;   // an outlier
                double largest = values.Max(Math.Abs);
                var counts = new double[KlDivergenceMethod.Bins];
                foreach (float value in values)
                    counts[Math.Min(counts.Length - 1, (int)(Math.Abs(value) / largest * counts.Length))]++;
                int expected = NaiveKlThreshold(counts, levels), actual = KlDivergenceMethod.Threshold(counts, levels);
                Assert.InRange(actual, expected - 1, expected + 1);
                Assert.True(actual < counts.Length, "the outlier is clipped");
            }
        }
    }

    [Fact]
    public void KL_from_the_stream_is_the_threshold_of_the_exact_histogram()
    {
        float[] values = Laplace(50_000, 3);
        var estimator = (HistogramEstimator)RangeEstimation.Parse("kl").Create(Symmetric);
        foreach (float[] part in values.Chunk(1000))
            estimator.Observe(part);
        double largest = values.Max(Math.Abs);
        var counts = new double[KlDivergenceMethod.Bins];
        foreach (float value in values)
            counts[Math.Min(counts.Length - 1, (int)(Math.Abs(value) / largest * counts.Length))]++;
        double expected = NaiveKlThreshold(counts, 128) * largest / counts.Length;
        Assert.InRange(estimator.Range.Maximum, expected * 0.9, expected * 1.1);
    }

    [Fact]
    public void Percentiles_are_those_of_the_sorted_values()
    {
        float[] values = Normal(100_000, 9, 3);
        var estimator = (HistogramEstimator)RangeEstimation.Parse("percentile:99.5").Create(Asymmetric);
        foreach (float[] part in values.Chunk(777))
            estimator.Observe(part);
        Array.Sort(values);
        double width = estimator.Histogram.BinWidth * 2;
        Assert.InRange(estimator.Range.Maximum, values[99_500] - width, values[99_500] + width);
        Assert.InRange(estimator.Range.Minimum, values[500] - width, values[500] + width);
    }

    [Theory]
    [InlineData(AciqDistribution.Laplace, new[] { 2.83068299, 3.89722946, 5.02864014, 6.20476633, 7.41312622, 8.64561995, 9.89675982 })]
    [InlineData(AciqDistribution.Gauss, new[] { 1.71063519, 2.15159277, 2.55913646, 2.93620062, 3.28691474, 3.6151146, 3.92403714 })]
    public void ACIQ_thresholds_for_2_to_8_bits_are_the_published_ones(AciqDistribution distribution, double[] published)
    {
        for (int bits = 2; bits <= 8; bits++)
            Assert.InRange(AciqMethod.Factor(distribution, bits) / published[bits - 2], 0.99, 1.01);
    }

    [Fact]
    public void ACIQ_fits_the_distribution_and_mirrors_what_a_rectifier_left()
    {
        float[] laplace = Laplace(100_000, 4);
        Assert.InRange(RangeOf("aciq-laplace", laplace).Maximum / (2 * 9.8968), 0.97, 1.03);   // b = 2
        float[] rectified = [.. laplace.Select(v => Math.Max(0, v))];
        ValueRange half = RangeOf("aciq-laplace", rectified);
        Assert.Equal(0, half.Minimum);
        Assert.InRange(half.Maximum / (2 * AciqMethod.Factor(AciqDistribution.Laplace, 9)), 0.97, 1.03);
        // 4 σ of 100 000 normal values are within the extremes.
        Assert.InRange(RangeOf("aciq-gauss", Normal(100_000, 6, 3)).Maximum / (3 * 3.924), 0.98, 1.02);
    }

    [Fact]
    public void The_squared_error_of_the_MSE_range_is_not_above_that_of_any_other()
    {
        foreach (int bits in (int[])[4, 8])
        {
            foreach (bool symmetric in (bool[])[true, false])
            {
                var target = new QuantizerTarget(bits, symmetric);
                float[] values = [.. Laplace(20_000, bits), 60];
                IRangeEstimator best = RangeEstimation.Parse("mse").Create(target);
                best.Observe(values);
                double error = Error(values, best.Range, target);
                foreach (string other in (string[])["minmax", "percentile:99.9", "kl", "aciq-laplace", "aciq-gauss"])
                {
                    IRangeEstimator estimator = RangeEstimation.Parse(other).Create(target);
                    estimator.Observe(values);
                    Assert.True(error <= Error(values, estimator.Range, target) * 1.02, $"{other} has a smaller error for {target}");
                }
            }
        }
    }

    [Fact]
    public void Aggregators_do_what_they_are_called()
    {
        float[] tops = [1, 2, 3, 4, 100];
        float Of(string kind)
        {
            IRangeEstimator estimator = RangeEstimation.Parse(kind).Create(Asymmetric);
            for (int i = 0; i < tops.Length; i++)
                estimator.Observe([-tops[i] / 2, tops[i]], i);
            Assert.Equal(-estimator.Range.Maximum / 2, estimator.Range.Minimum, 1e-4f);
            return estimator.Range.Maximum;
        }

        Assert.Equal(100, Of("minmax/max"));
        Assert.Equal(1, Of("minmax/min"));
        Assert.Equal(22, Of("minmax/mean"));
        Assert.Equal(22, Of("mean"));
        Assert.Equal(3, Of("minmax/median"));
        Assert.Equal(3, Of("minmax/mean_no_outliers"));     // without 1 and 100
        Assert.Equal(3, Of("minmax/median_no_outliers"));
        Assert.Equal(3, Of("minmax/hodges_lehmann"));       // the median of 1 1.5 2 2 2.5 2.5 3 3 3.5 4 50.5 51 51.5 52 100
        double moving = 1;
        foreach (float top in tops[1..])
            moving += 0.1 * (top - moving);
        Assert.Equal((float)moving, Of("moving"));
    }

    [Fact]
    public void Ten_thousand_samples_need_no_more_memory_than_a_hundred()
    {
        foreach (string kind in (string[])["percentile", "kl", "mse", "mean", "quantile:0.99/hodges_lehmann"])
        {
            IRangeEstimator[] estimators = [.. Enumerable.Range(0, 100).Select(_ => RangeEstimation.Parse(kind).Create(Asymmetric))];
            float[] sample = Normal(40, 1, 1);
            long before = GC.GetTotalMemory(forceFullCollection: true);
            for (int i = 0; i < 10_000; i++)
                for (int tensor = 0; tensor < (i < 100 ? estimators.Length : 2); tensor++)
                    estimators[tensor].Observe(sample, i);
            long grown = GC.GetTotalMemory(forceFullCollection: true) - before;
            Assert.True(grown < 100 << 20, $"{kind}: 100 tensors hold {grown >> 20} MiB");   // other tests run meanwhile
            GC.KeepAlive(estimators);
        }
    }

    [Theory]
    [InlineData("nothing")]
    [InlineData("percentile:0.2")]
    [InlineData("percentile:abc")]
    [InlineData("minmax/nobody")]
    [InlineData("median/mean")]
    public void Unknown_names_are_refused_with_the_known_ones(string name)
    {
        string message = Assert.Throws<QuantizationException>(() => RangeEstimation.Parse(name)).Message;
        Assert.Contains(name, message, StringComparison.Ordinal);
        Assert.Contains("percentile", message, StringComparison.Ordinal);
    }

    private static ValueRange RangeOf(string kind, float[] values)
    {
        IRangeEstimator estimator = RangeEstimation.Parse(kind).Create(Symmetric);
        estimator.Observe(values);
        return estimator.Range;
    }

    private static double Error(float[] values, ValueRange range, QuantizerTarget target) => MeanSquaredErrorMethod.Error(
        Array.ConvertAll(values, v => (double)v), Array.ConvertAll(values, _ => 1.0), range, target);

    // Straight from the definition: builds both distributions for every candidate.
    private static int NaiveKlThreshold(double[] counts, int levels)
    {
        double best = double.PositiveInfinity;
        int threshold = counts.Length;
        for (int i = levels; i <= counts.Length; i++)
        {
            double[] p = counts[..i], q = new double[i];
            double outliers = counts[i..].Sum();
            if (p[^1] == 0 && outliers > 0)
                continue;
            for (int level = 0; level < levels; level++)
            {
                int from = level * i / levels, to = (level + 1) * i / levels;
                double sum = p[from..to].Sum();
                int filled = p[from..to].Count(c => c > 0);
                for (int bin = from; bin < to; bin++)
                    q[bin] = p[bin] > 0 ? sum / filled : 0;
            }

            p[^1] += outliers;
            double pTotal = p.Sum(), qTotal = q.Sum(), divergence = 0;
            for (int bin = 0; bin < i; bin++)
                if (p[bin] > 0)
                    divergence += p[bin] / pTotal * Math.Log(p[bin] / pTotal / (q[bin] / qTotal));
            if (divergence < best)
                (best, threshold) = (divergence, i);
        }

        return threshold;
    }

    private static float[] Normal(int count, int seed, float deviation)
    {
        var values = new float[count];
        NormalDistribution.Fill(new Random(seed), values, deviation);
        return values;
    }

    // b = 2.
    private static float[] Laplace(int count, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count)
            .Select(_ => (float)(-2 * Math.Log(1 - random.NextDouble()) * (random.Next(2) == 0 ? 1 : -1)))];
    }
}
