// Runs the f32 model over a data set and shows intermediate values to collectors.
using Int8Runtime.Graph;

namespace Int8Runtime.Quantization;

/// <summary>Shows chosen values of a model for every sample.</summary>
internal static class ValueObserver
{
    /// <summary>Observes the values for every sample of the set.</summary>
    /// <param name="engine">Runs the model.</param>
    /// <param name="graph">The f32 model; it is copied, not changed.</param>
    /// <param name="values">Values of <paramref name="graph"/> to observe.</param>
    /// <param name="samples">The samples.</param>
    /// <param name="createState">Creates the state of one worker.</param>
    /// <param name="observe">Takes in one value of one sample, with the sample's index.</param>
    /// <param name="merge">Takes the second state into the first.</param>
    /// <param name="progress">Told after each sample.</param>
    /// <param name="cancellation">Ends the pass between two samples.</param>
    /// <param name="result">The states of all workers, merged.</param>
    /// <exception cref="QuantizationException">The set does not fit the model's input.</exception>
    public static void Run<TState>(
        CpuEngine engine, ModelGraph graph, IReadOnlyCollection<GraphValue> values, IDataset samples,
        Func<TState> createState, Action<TState, GraphValue, TensorMemory, int> observe, Action<TState, TState> merge,
        IProgress<SampleProgress>? progress, CancellationToken cancellation, out TState result)
    {
        SampleFeed feed = SampleFeed.Of(graph, samples);
        string[] observed = [.. values.Where(v => !v.IsGraphInput).Select(v => v.Name)];
        using CompiledModel model = engine.Compile(graph, new CompileOptions { Observe = observed });
        IReadOnlyList<TState> workers = SampleRunner.Run(
            engine, model, feed, samples, createState,
            (state, sample, request) =>
            {
                foreach (GraphValue value in values)
                    observe(state, value, value.IsGraphInput ? request.Input(value.Name) : request.Output(value.Name), sample);
            },
            progress, cancellation);
        result = workers[0];
        foreach (TState other in workers.Skip(1))
            merge(result, other);
    }
}
