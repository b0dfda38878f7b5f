// What a pruning did and why.
namespace Int8Runtime.Quantization.Pruning;

/// <summary>Before and after.</summary>
public readonly record struct Change(long Before, long After)
{
    /// <summary>The share that is gone, 0 to 1.</summary>
    public double Reduction => Before == 0 ? 0 : 1 - (After / (double)Before);
}

/// <summary>The pruning of one convolution.</summary>
/// <param name="Name">Name of the node.</param>
/// <param name="Filters">Output channels.</param>
/// <param name="Parameters">Elements of weights and bias.</param>
/// <param name="Flops">Floating-point operations for one sample.</param>
/// <param name="Fixed">Filters that cannot be removed.</param>
/// <param name="Reason">Why those cannot be removed, or why none was; empty where nothing stands in the way.</param>
public sealed record PrunedLayer(string Name, Change Filters, Change Parameters, Change Flops, int Fixed, string Reason);

/// <summary>The cost of one node that has parameters or multiplies.</summary>
/// <param name="Name">Name of the node.</param>
/// <param name="OpType">Operator.</param>
/// <param name="Parameters">Elements of its f32 constants.</param>
/// <param name="Flops">Floating-point operations for one sample.</param>
public sealed record NodeChange(string Name, string OpType, Change Parameters, Change Flops);

/// <summary>What a pruning did.</summary>
/// <param name="Layers">All convolutions, in the order of execution.</param>
/// <param name="Parameters">Elements of all f32 constants of the model.</param>
/// <param name="Flops">Floating-point operations of the model for one sample.</param>
/// <param name="Rates">The rate of each step of the schedule.</param>
/// <param name="Difference">
/// Largest difference between the outputs of the masked and the shrunk model on some samples, relative to the largest output.
/// </param>
public sealed record PruningReport(
    IReadOnlyList<PrunedLayer> Layers, Change Parameters, Change Flops, IReadOnlyList<double> Rates, double Difference)
{
    /// <summary>Filters of all convolutions; depthwise ones, which follow their producer, are not counted.</summary>
    public Change Filters { get; init; }

    /// <summary>The nodes that the totals consist of, in the order of execution: convolutions, products, normalizations.</summary>
    public IReadOnlyList<NodeChange> Nodes { get; init; } = [];
}
