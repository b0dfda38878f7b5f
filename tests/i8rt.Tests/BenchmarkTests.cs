// How long a model is timed, and how progress is counted.
namespace Int8Runtime.Cli.Tests;

public sealed class BenchmarkTests
{
    [Fact]
    public void There_is_room_for_all_runs_that_fit_the_time_asked_for()
    {
        Assert.True(ModelBenchmark.CapacityFor(seconds: 3, elapsed: 0.04, runs: 1000) >= 3 / 0.00004);
        Assert.True(ModelBenchmark.CapacityFor(seconds: 3, elapsed: 0.3, runs: 3) >= 30);
        Assert.Equal(10, ModelBenchmark.CapacityFor(seconds: 1, elapsed: 300, runs: 3));
        Assert.Equal(1_000_000, ModelBenchmark.CapacityFor(seconds: 3600, elapsed: 0.001, runs: 1000));
    }

    [Fact]
    public void A_bar_begins_anew_with_each_pass_and_never_goes_back_within_one()
    {
        var passes = new ProgressPasses();
        Assert.Equal((1, 1), passes.Report(1, 3));
        Assert.Equal((1, 2), passes.Report(2, 3));
        Assert.Equal((1, 2), passes.Report(1, 3)); // overtaken
        Assert.Equal((1, 3), passes.Report(3, 3));
        Assert.Equal((2, 1), passes.Report(1, 3)); // as many again
        Assert.Equal((3, 5), passes.Report(5, 16)); // another number
        Assert.Equal((3, 16), passes.Report(16, 16));
    }
}
