// How far the outputs of two models are apart.
using Int8Runtime.Graph;

namespace Int8Runtime.Quantization.Reporting;

/// <summary>Compares what two models say about the same samples.</summary>
public static class OutputComparison
{
    /// <summary>Measures the first output.</summary>
    /// <param name="engine">Runs the models.</param>
    /// <param name="exact">The model that is right.</param>
    /// <param name="judged">The model to be judged; its inputs and outputs have the same names.</param>
    /// <param name="samples">The samples.</param>
    /// <param name="cancellation">Ends the work between two samples.</param>
    /// <exception cref="QuantizationException">The samples do not fit the models.</exception>
    public static Similarity Measure(CpuEngine engine, ModelGraph exact, ModelGraph judged, IDataset samples,
        CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(exact);
        return new TensorComparison(engine, exact, judged).Run(samples, [], [], null, cancellation).Output;
    }
}
