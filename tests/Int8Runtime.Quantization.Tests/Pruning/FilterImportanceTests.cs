// Importances against brute force, and schedules against their conditions.
using Int8Runtime.Quantization.Pruning;

namespace Int8Runtime.Quantization.Tests.Pruning;

public sealed class FilterImportanceTests
{
    [Theory]
    [InlineData(FilterCriterion.L1)]
    [InlineData(FilterCriterion.L2)]
    [InlineData(FilterCriterion.GeometricMedian)]
    public void Importances_equal_brute_force(FilterCriterion criterion)
    {
        var random = new Random(4);
        for (int round = 0; round < 30; round++)
        {
            int filters = random.Next(1, 12), length = random.Next(1, 20);
            float[] weights = [.. Enumerable.Range(0, filters * length).Select(_ => (random.NextSingle() * 4) - 2)];
            bool[] left = [.. Enumerable.Range(0, filters).Select(_ => random.Next(4) > 0)];
            float[] Of(int f) => weights[(f * length)..((f + 1) * length)];
            double[] scores = FilterImportance.Of(weights, filters, criterion, f => left[f]);
            for (int f = 0; f < filters; f++)
            {
                double expected = !left[f] ? 0 : criterion switch
                {
                    FilterCriterion.L1 => Of(f).Sum(w => Math.Abs((double)w)),
                    FilterCriterion.L2 => Math.Sqrt(Of(f).Sum(w => (double)w * w)),
                    _ => Enumerable.Range(0, filters).Where(o => left[o])
                        .Sum(o => Math.Sqrt(Of(f).Zip(Of(o), (a, b) => Math.Pow((double)a - b, 2)).Sum())),
                };
                Assert.Equal(expected, scores[f], 9);
            }

            Assert.Equal(Enumerable.Range(0, filters).OrderBy(f => scores[f]),
                Enumerable.Range(0, filters).OrderBy(f => FilterImportance.Of(weights, filters, criterion, o => left[o])[f]));
        }
    }

    [Fact]
    public void Duplicates_are_less_important_than_unique_filters_by_the_geometric_median()
    {
        var random = new Random(9);
        float[][] filters = [.. Enumerable.Range(0, 10)
            .Select(_ => Enumerable.Range(0, 40).Select(_ => (float)(random.NextDouble() - 0.5)).ToArray())];
        filters[7] = filters[2];
        double[] scores = FilterImportance.Of([.. filters.SelectMany(f => f)], 10, FilterCriterion.GeometricMedian);
        Assert.Equal([2, 7], Enumerable.Range(0, 10).OrderBy(f => scores[f]).Take(2).Order());
    }

    [Theory]
    [InlineData(PruningScheduleKind.Baseline)]
    [InlineData(PruningScheduleKind.Exponential)]
    [InlineData(PruningScheduleKind.ExponentialWithBias)]
    public void Schedules_rise_from_the_initial_rate_to_the_target(PruningScheduleKind kind)
    {
        foreach ((double initial, double target, int steps) in new[] { (0.0, 0.3, 1), (0.1, 0.5, 8), (0, 0.9, 16), (0.4, 0.4, 3) })
        {
            var schedule = new PruningSchedule { Kind = kind, InitialRate = initial, TargetRate = target, Steps = steps };
            double[] rates = [.. Enumerable.Range(0, steps + 3).Select(schedule.RateAt)];
            Assert.Equal(initial, rates[0]);
            Assert.All(rates[steps..], r => Assert.Equal(target, r));
            Assert.Equal(rates.Order(), rates);
            Assert.All(rates, r => Assert.InRange(r, initial, target));
        }
    }

    [Fact]
    public void The_exponential_schedule_removes_the_same_share_of_what_is_left_in_each_step()
    {
        var schedule = new PruningSchedule { Kind = PruningScheduleKind.Exponential, InitialRate = 0.2, TargetRate = 0.6, Steps = 5 };
        double[] left = [.. Enumerable.Range(0, 6).Select(s => 1 - schedule.RateAt(s))];
        Assert.All(Enumerable.Range(1, 5), s => Assert.Equal(left[1] / left[0], left[s] / left[s - 1], 9));
    }

    [Fact]
    public void The_biased_schedule_is_three_quarters_there_after_an_eighth_of_the_steps()
    {
        var schedule = new PruningSchedule { Kind = PruningScheduleKind.ExponentialWithBias, InitialRate = 0.1, TargetRate = 0.5,
            Steps = 16 };
        Assert.Equal(0.1 + (0.75 * 0.4), schedule.RateAt(2), 9);
    }

    [Theory]
    [InlineData(0.5, 0.2, 1)]
    [InlineData(0, 1, 1)]
    [InlineData(-0.1, 0.5, 1)]
    [InlineData(0, 0.5, 0)]
    [InlineData(0, double.NaN, 1)]
    public void Impossible_schedules_are_refused(double initial, double target, int steps) => Assert.Throws<QuantizationException>(
        () => new PruningSchedule { InitialRate = initial, TargetRate = target, Steps = steps }.RateAt(0));
}
