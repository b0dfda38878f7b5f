// How long a model is timed.
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
}
