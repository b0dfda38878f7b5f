// Where parallel work runs.
namespace Int8Runtime;

/// <summary>
/// Runs one piece of work on several threads. A host may bring its own; the default is process-wide. Implementations
/// must be callable from any thread and may run the work on fewer workers than asked for, down to the caller alone.
/// </summary>
public unsafe interface IThreadPool
{
    /// <summary>Most workers that one call can get, including the calling thread.</summary>
    int MaximumWorkers { get; }

    /// <summary>
    /// Calls <paramref name="body"/>(state, worker, workers) once for each worker, workers ≤ <paramref name="participants"/>
    /// being the number that really take part, and returns when all calls have returned. Must not allocate.
    /// </summary>
    void Run(int participants, delegate*<void*, int, int, void> body, void* state);
}

/// <summary>Work for several workers, as a value so that starting it allocates nothing.</summary>
internal interface IParallelBody
{
    /// <summary>Does the share of worker <paramref name="worker"/> of <paramref name="workers"/>.</summary>
    void Run(int worker, int workers);
}

/// <summary>Bridges <see cref="IParallelBody"/> and <see cref="IThreadPool"/>, and splits ranges.</summary>
internal static unsafe class Parallel
{
    /// <summary>Runs <paramref name="body"/>, on the calling thread alone if <paramref name="participants"/> is 1.</summary>
    public static void Run<TBody>(IThreadPool pool, int participants, scoped ref TBody body)
        where TBody : struct, IParallelBody, allows ref struct
    {
        if (participants <= 1)
        {
            body.Run(0, 1);
            return;
        }

        // The body lives on the caller's stack until the call returns, so its address is stable for the workers.
#pragma warning disable CS8500
        fixed (TBody* state = &body)
            pool.Run(participants, &Invoke<TBody>, state);
    }

    /// <summary>The half-open share [start, end) of <paramref name="count"/> items; shares differ by at most one item.</summary>
    public static (int Start, int End) Share(int count, int worker, int workers)
    {
        int quotient = count / workers, remainder = count % workers;
        int start = (worker * quotient) + Math.Min(worker, remainder);
        return (start, start + quotient + (worker < remainder ? 1 : 0));
    }

    /// <inheritdoc cref="Share(int, int, int)"/>
    public static (long Start, long End) Share(long count, int worker, int workers)
    {
        (long quotient, long remainder) = Math.DivRem(count, workers);
        long start = (worker * quotient) + Math.Min(worker, remainder);
        return (start, start + quotient + (worker < remainder ? 1 : 0));
    }

    private static void Invoke<TBody>(void* state, int worker, int workers)
        where TBody : struct, IParallelBody, allows ref struct => ((TBody*)state)->Run(worker, workers);
#pragma warning restore CS8500
}
