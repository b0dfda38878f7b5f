// Which loop runs innermost where no tensor's elements are consecutive.
namespace Int8Runtime.X64.Tests;

public sealed class LoopTests
{
    [Fact]
    public void The_innermost_loop_is_long_and_stays_in_few_cache_lines()
    {
        // Every second pixel of every second row of three planes, to twelve interleaved channels.
        Loop channels = new(3, [4, 1_638_400]), rows = new(320, [15_360, 5120]), columns = new(320, [48, 8]);
        Assert.Same(columns, Loop.InnermostOf([rows, columns, channels], 2));
        Loop halves = new(2, [4, 8]);
        Assert.Same(columns, Loop.InnermostOf([columns, halves], 2));
    }

    [Fact]
    public void No_loops_are_one_iteration()
    {
        Loop once = Loop.InnermostOf([], 3);
        Assert.Equal(1, once.Extent);
        Assert.Equal(new long[3], once.Strides);
    }
}
