// An idle pool costs nothing: its workers use no processor time.
namespace Int8Runtime.Core.Tests.Threading;

[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class AloneCollection
{
    public const string Name = "runs alone";
}

[Collection(AloneCollection.Name)]
public sealed class IdlePoolTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Idle_workers_sleep(bool whileAModelRuns)
    {
        if (!OperatingSystem.IsLinux())
        {
            Console.WriteLine($"not run: {nameof(Idle_workers_sleep)}, the time of single threads is read from /proc");
            return;
        }

        using var pool = new SharedThreadPool(4);
        using SharedThreadPool.Awake run = whileAModelRuns ? pool.KeepAwake() : default;
        Nothing body = default;
        Parallel.Run(pool, 4, ref body);
        Assert.True(Eventually(() => WorkerThreads().Count() >= 3), "the workers cannot be seen");

        // A tick is 10 ms; three spinning workers would use 30 ticks of each free processor.
        Assert.True(Eventually(() => TicksWithin(TimeSpan.FromMilliseconds(300)) <= 2), "the workers do not sleep");
    }

    private static bool Eventually(Func<bool> condition) => SpinWait.SpinUntil(condition, TimeSpan.FromSeconds(30));

    private static long TicksWithin(TimeSpan interval)
    {
        long before = WorkerThreads().Sum(TicksOf);
        Thread.Sleep(interval);
        return WorkerThreads().Sum(TicksOf) - before;
    }

    private static IEnumerable<string> WorkerThreads() => Directory.GetDirectories("/proc/self/task")
        .Where(task => File.ReadAllText(Path.Combine(task, "comm")).StartsWith("int8rt-", StringComparison.Ordinal));

    // User and system time: fields 14 and 15 of stat, the 12th and 13th after the name in parentheses.
    private static long TicksOf(string task)
    {
        string stat = File.ReadAllText(Path.Combine(task, "stat"));
        string[] fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        return long.Parse(fields[11]) + long.Parse(fields[12]);
    }

    private struct Nothing : IParallelBody
    {
        public readonly void Run(int worker, int workers)
        {
        }
    }
}
