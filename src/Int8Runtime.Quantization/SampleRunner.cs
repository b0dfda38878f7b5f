// Runs a model over every sample of a data set on all threads.
using System.Runtime.ExceptionServices;
using Int8Runtime.Graph;

namespace Int8Runtime.Quantization;

/// <summary>How far a pass over a data set has come.</summary>
/// <param name="Done">Samples done.</param>
/// <param name="Total">Samples in all.</param>
public readonly record struct SampleProgress(int Done, int Total);

/// <summary>
/// Feeds samples one by one to as many requests as the engine has threads. Loading, preprocessing and inference of
/// different samples overlap; each worker collects into a state of its own.
/// </summary>
internal static class SampleRunner
{
    /// <summary>Runs the model on every sample and returns the workers' states.</summary>
    /// <param name="engine">The engine that compiled the model.</param>
    /// <param name="model">The model.</param>
    /// <param name="feed">Fills its inputs with the samples.</param>
    /// <param name="samples">The samples.</param>
    /// <param name="createState">Creates the state of one worker.</param>
    /// <param name="observe">Called after each run with the worker's state, the sample's index and the finished request.</param>
    /// <param name="progress">Told after each sample.</param>
    /// <param name="cancellation">Ends the pass between two samples.</param>
    /// <exception cref="ArgumentException">There are no samples.</exception>
    public static IReadOnlyList<TState> Run<TState>(
        CpuEngine engine, CompiledModel model, SampleFeed feed, IDataset samples, Func<TState> createState,
        Action<TState, int, InferenceRequest> observe, IProgress<SampleProgress>? progress, CancellationToken cancellation)
    {
        if (samples.Count == 0)
            throw new ArgumentException("The data set has no samples.", nameof(samples));
        int workers = Math.Clamp(engine.Threads, 1, samples.Count);
        var states = new TState[workers];
        int next = -1, done = 0;
        bool failed = false;
        void Work(int worker)
        {
            TState state = states[worker] = createState();
            using InferenceRequest request = model.CreateRequest(feed.Shapes);
            for (int i = Interlocked.Increment(ref next); i < samples.Count
                && !Volatile.Read(ref failed); i = Interlocked.Increment(ref next))
            {
                cancellation.ThrowIfCancellationRequested();
                feed.Load(i, request);
                request.Run();
                observe(state, i, request);
                progress?.Report(new SampleProgress(Interlocked.Increment(ref done), samples.Count));
            }
        }

        // One sample that fails ends the pass: the others need not finish.
        void WorkUntilFailure(int worker)
        {
            try
            {
                Work(worker);
            }
            catch
            {
                Volatile.Write(ref failed, true);
                throw;
            }
        }

        if (workers == 1)
        {
            Work(0);
            return states;
        }

        try
        {
            System.Threading.Tasks.Parallel.For(0, workers, new ParallelOptions { MaxDegreeOfParallelism = workers }, WorkUntilFailure);
        }
        catch (AggregateException exception) when (exception.InnerException is not null)
        {
            ExceptionDispatchInfo.Throw(exception.InnerException);
        }

        return states;
    }
}
