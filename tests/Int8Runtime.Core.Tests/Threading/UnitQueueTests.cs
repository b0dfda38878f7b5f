// Units are handed out once each, own shares first, whoever asks.
namespace Int8Runtime.Core.Tests.Threading;

public sealed unsafe class UnitQueueTests
{
    private struct Counting : IParallelBody
    {
        public UnitQueue Queue;
        public int Units;
        public int* Seen;

        public void Run(int worker, int workers)
        {
            int visited = 0;
            while (Queue.TryTake(Units, worker, workers, ref visited, out int unit))
                Interlocked.Increment(ref Seen[unit]);
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(1000)]
    public void Every_unit_is_taken_once(int units)
    {
        int* seen = stackalloc int[units + 1];
        foreach (int workers in (int[])[1, 2, 3, 40])
        {
            using var pool = new SharedThreadPool(workers);
            new Span<int>(seen, units + 1).Clear();
            var body = new Counting { Units = units, Seen = seen };
            Parallel.Run(pool, workers, ref body);
            for (int i = 0; i < units; i++)
                Assert.Equal(1, seen[i]);
        }
    }

    [Fact]
    public void A_worker_takes_its_own_share_in_order_and_then_the_rest_of_the_others()
    {
        var queue = default(UnitQueue);
        var taken = new List<int>();
        int visited = 0;
        while (queue.TryTake(5, worker: 1, workers: 2, ref visited, out int unit))
            taken.Add(unit);
        Assert.Equal([3, 4, 0, 1, 2], taken);
    }
}
