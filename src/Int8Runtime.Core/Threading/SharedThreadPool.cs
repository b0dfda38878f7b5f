// The process-wide pool: a short spin for the next piece of work, then sleep.
using System.Diagnostics;

namespace Int8Runtime;

/// <summary>
/// A pool whose workers spin for a bounded time after a piece of work and then park, so that an idle process uses no CPU.
/// One piece of work runs at a time; a call that finds the pool busy runs on its own thread alone, so the pool can be
/// called from any number of threads without deadlock or oversubscription. The calling thread takes over the parts of
/// workers that have not begun when its own is done, so a busy machine costs speed-up but never waiting time.
/// </summary>
public sealed unsafe class SharedThreadPool : IThreadPool, IDisposable
{
    // Short enough not to show up as CPU load.
    private static readonly long SpinTicks = Stopwatch.Frequency / 20_000;

    // While a model runs, its next layer comes soon: to wake a parked worker takes some ten microseconds, longer than a small layer.
    private static readonly long AwakeTicks = Stopwatch.Frequency / 500;

    private static readonly Lazy<SharedThreadPool> DefaultPool = new(() => new SharedThreadPool(DefaultWorkers()));

    private readonly Worker[] _workers;
    private delegate*<void*, int, int, void> _body;
    private void* _state;
    private int _participants;
    private int _pending;

    // What is left to be claimed: generation of the work in the upper half, then 16 bits each for the number of participants
    // and the next one. One word, so that a worker which comes late cannot claim a part of other work than it has seen.
    private long _claims;
    private int _busy;
    private int _runs;
    private Exception? _failure;
    private volatile bool _stopping;

    /// <summary>Starts a pool.</summary>
    /// <param name="maximumWorkers">Workers including the calling thread; at least 1.</param>
    public SharedThreadPool(int maximumWorkers)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maximumWorkers, 1);
        MaximumWorkers = maximumWorkers;
        _workers = new Worker[maximumWorkers - 1];
        for (int i = 0; i < _workers.Length; i++)
            _workers[i] = new Worker(this, i + 1);
    }

    /// <summary>
    /// The pool that engines share: one worker for each processor the process may use (.NET's view, which honours
    /// cpusets and cgroup limits), or <c>INT8RT_NUM_THREADS</c>.
    /// </summary>
    public static SharedThreadPool Default => DefaultPool.Value;

    /// <inheritdoc/>
    public int MaximumWorkers { get; }

    /// <inheritdoc/>
    public void Run(int participants, delegate*<void*, int, int, void> body, void* state)
    {
        participants = Math.Min(participants, MaximumWorkers);
        if (participants <= 1 || _stopping || Interlocked.CompareExchange(ref _busy, 1, 0) != 0)
        {
            body(state, 0, 1);
            return;
        }

        try
        {
            _body = body;
            _state = state;
            _participants = participants;
            _failure = null;
            Volatile.Write(ref _pending, participants - 1);
            Volatile.Write(ref _claims, (((_claims >> 32) + 1) << 32) | ((long)participants << 16) | 1);
            for (int i = 0; i < participants - 1; i++)
                _workers[i].Start();
            try
            {
                body(state, 0, participants);
            }
            finally
            {
                // A worker that the system has not woken yet must not hold up the others: take its part.
                RunUnclaimed();

                // The workers read the caller's stack: never leave before they are done, not even on an exception.
                var spinner = new SpinWait();
                while (Volatile.Read(ref _pending) != 0)
                    spinner.SpinOnce(sleep1Threshold: -1);
            }

            if (_failure is { } failure)
                System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(failure);
        }
        finally
        {
            Volatile.Write(ref _busy, 0);
        }
    }

    /// <summary>
    /// Says that pieces of work will follow each other until the result is disposed: workers then wait longer before they park, and let
    /// other threads of the machine go first. Of several such runs at once, only one could use the workers, so nothing changes.
    /// </summary>
    internal Awake KeepAwake() => new(this);

    /// <summary>Stops the workers. Later calls run on the calling thread.</summary>
    public void Dispose()
    {
        _stopping = true;
        foreach (Worker worker in _workers)
            worker.Start();
    }

    // Runs what nobody has claimed yet; nothing, if the work was over before this thread came to it.
    private void RunUnclaimed()
    {
        while (TryClaim(out int participant))
        {
            // The fields hold until the part is counted as done.
            try
            {
                _body(_state, participant, _participants);
            }
            catch (Exception exception)
            {
                Volatile.Write(ref _failure, exception);
            }

            Interlocked.Decrement(ref _pending);
        }
    }

    private bool TryClaim(out int participant)
    {
        long claims = Volatile.Read(ref _claims);
        while (true)
        {
            participant = (int)(claims & 0xFFFF);
            if (participant >= (int)((claims >> 16) & 0xFFFF))
                return false;
            long seen = Interlocked.CompareExchange(ref _claims, claims + 1, claims);
            if (seen == claims)
                return true;
            claims = seen;
        }
    }

    private static int DefaultWorkers()
    {
        string? text = Environment.GetEnvironmentVariable("INT8RT_NUM_THREADS");
        if (string.IsNullOrEmpty(text))
            return Environment.ProcessorCount;
        return int.TryParse(text, out int threads) && threads is >= 1 and <= 1024
            ? threads
            : throw new FormatException($"INT8RT_NUM_THREADS is '{text}'; it must be a number from 1 to 1024.");
    }

    /// <summary>Ends a run.</summary>
    internal readonly ref struct Awake
    {
        private readonly SharedThreadPool? _pool;

        public Awake(SharedThreadPool pool)
        {
            _pool = pool;
            Interlocked.Increment(ref pool._runs);
        }

        public void Dispose()
        {
            if (_pool is { } pool) // not of a default value
                Interlocked.Decrement(ref pool._runs);
        }
    }

    private sealed class Worker
    {
        private readonly SharedThreadPool _pool;
        private readonly int _index;
        private readonly SemaphoreSlim _wake = new(0);
        private int _state; // 0: nothing to do, 1: work waits, 2: parked

        public Worker(SharedThreadPool pool, int index)
        {
            _pool = pool;
            _index = index;
            new Thread(Loop) { IsBackground = true, Name = $"int8rt-{index}" }.Start();
        }

        public void Start()
        {
            if (Interlocked.Exchange(ref _state, 1) == 2)
                _wake.Release();
        }

        private void Loop()
        {
            while (true)
            {
                WaitForWork();
                if (_pool._stopping)
                    return;
                _pool.RunUnclaimed();
            }
        }

        private void WaitForWork()
        {
            long start = Stopwatch.GetTimestamp();
            while (Volatile.Read(ref _state) != 1 || Interlocked.CompareExchange(ref _state, 0, 1) != 1)
            {
                long waited = Stopwatch.GetTimestamp() - start;
                if (waited < SpinTicks)
                    Thread.SpinWait(4); // some 150 ns, so that work is seen soon
                else if (waited < AwakeTicks && Volatile.Read(ref _pool._runs) == 1)
                    Thread.Yield();
                else if (Interlocked.CompareExchange(ref _state, 2, 0) == 0)
                    _wake.Wait();
            }
        }
    }
}
