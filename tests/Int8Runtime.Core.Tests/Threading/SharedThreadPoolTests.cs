// The process-wide pool: results, nesting, concurrency, failures, allocation, idleness.
using System.Diagnostics;
using Int8Runtime.TestKit;

namespace Int8Runtime.Core.Tests.Threading;

[CollectionDefinition(nameof(SharedThreadPoolTests), DisableParallelization = true)]
[Collection(nameof(SharedThreadPoolTests))]
public sealed unsafe class SharedThreadPoolTests
{
    // Counts how often each item was visited; items are shared among the workers.
    private struct CountItems(int[] visits) : IParallelBody
    {
        public readonly void Run(int worker, int workers)
        {
            (int start, int end) = Parallel.Share(visits.Length, worker, workers);
            for (int i = start; i < end; i++)
                Interlocked.Increment(ref visits[i]);
        }
    }

    private struct Nested(IThreadPool pool, int[] visits) : IParallelBody
    {
        public readonly void Run(int worker, int workers)
        {
            var inner = new CountItems(visits);
            Parallel.Run(pool, 4, ref inner);
        }
    }

    private struct Failing(int failingWorker) : IParallelBody
    {
        public readonly void Run(int worker, int workers)
        {
            if (worker == Math.Min(failingWorker, workers - 1))
                throw new InvalidDataException($"worker {failingWorker}");
        }
    }

    private struct Nothing : IParallelBody
    {
        public readonly void Run(int worker, int workers)
        {
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(7)]
    public void Every_share_is_done_once(int workers)
    {
        using var pool = new SharedThreadPool(workers);
        foreach (int count in new[] { 0, 1, 6, 7, 8, 1000 })
        {
            var visits = new int[count];
            var body = new CountItems(visits);
            for (int run = 0; run < 50; run++)
                Parallel.Run(pool, workers, ref body);
            Assert.All(visits, visit => Assert.Equal(50, visit));
        }
    }

    [Fact]
    public void Shares_of_more_than_32_bits_cover_everything()
    {
        const long Count = (5L << 32) + 3;
        long next = 0;
        for (int worker = 0; worker < 4; worker++)
        {
            (long start, long end) = Parallel.Share(Count, worker, 4);
            Assert.Equal(next, start);
            Assert.InRange(end - start, Count / 4, (Count / 4) + 1);
            next = end;
        }

        Assert.Equal(Count, next);
    }

    [Fact]
    public void Shares_differ_by_at_most_one()
    {
        for (int count = 0; count < 40; count++)
        {
            int next = 0, smallest = int.MaxValue, largest = 0;
            for (int worker = 0; worker < 7; worker++)
            {
                (int start, int end) = Parallel.Share(count, worker, 7);
                Assert.Equal(next, start);
                next = end;
                (smallest, largest) = (Math.Min(smallest, end - start), Math.Max(largest, end - start));
            }

            Assert.Equal(count, next);
            Assert.InRange(largest - smallest, 0, 1);
        }
    }

    [Fact]
    public void Nested_calls_run_on_their_own_thread()
    {
        using var pool = new SharedThreadPool(3);
        var visits = new int[10];
        var body = new Nested(pool, visits);
        Parallel.Run(pool, 3, ref body);
        Assert.All(visits, visit => Assert.Equal(3, visit));
    }

    [Fact]
    public void Callers_from_many_threads_do_not_disturb_each_other()
    {
        using var pool = new SharedThreadPool(3);
        System.Threading.Tasks.Parallel.For(0, 6, _ =>
        {
            var visits = new int[17];
            var body = new CountItems(visits);
            for (int run = 0; run < 500; run++)
                Parallel.Run(pool, 3, ref body);
            Assert.All(visits, visit => Assert.Equal(500, visit));
        });
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public void Failure_of_a_worker_reaches_the_caller_and_the_pool_survives(int worker)
    {
        using var pool = new SharedThreadPool(3);
        for (int run = 0; run < 20; run++)
        {
            var body = new Failing(worker);
            Assert.Equal($"worker {worker}", Assert.Throws<InvalidDataException>(() => Parallel.Run(pool, 3, ref body)).Message);
        }

        Every_share_is_done_once(3);
        var visits = new int[9];
        var after = new CountItems(visits);
        Parallel.Run(pool, 3, ref after);
        Assert.All(visits, visit => Assert.Equal(1, visit));
    }

    [Fact]
    public void Disposed_pool_runs_on_the_caller()
    {
        var pool = new SharedThreadPool(3);
        pool.Dispose();
        var visits = new int[5];
        var body = new CountItems(visits);
        Parallel.Run(pool, 3, ref body);
        Assert.All(visits, visit => Assert.Equal(1, visit));
    }

    [Fact]
    public void Running_allocates_nothing()
    {
        using var pool = new SharedThreadPool(3);
        Nothing body = default;
        for (int i = 0; i < 100; i++)
            Parallel.Run(pool, 3, ref body);

        // Other threads of the test process may allocate now and then; the workers would do so in every round.
        long fewest = long.MaxValue;
        long caller = Allocations.Fewest(() =>
        {
            long all = GC.GetTotalAllocatedBytes(precise: true);
            for (int i = 0; i < 1000; i++)
                Parallel.Run(pool, 3, ref body);
            fewest = Math.Min(fewest, GC.GetTotalAllocatedBytes(precise: true) - all);
        });

        Assert.Equal(0, caller);
        Assert.InRange(fewest, 0, 999);
    }
}
