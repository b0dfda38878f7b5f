// The passes over operations, in the order in which they run.
namespace Int8Runtime.Graph.Fusion;

/// <summary>The ordered list; a reader starts here.</summary>
internal static class OperationPasses
{
    /// <summary>The passes; each set of input shapes goes through them.</summary>
    public static IReadOnlyList<IOperationPass> All { get; } =
    [
        new QuantizationMovement(),       // dequantizations down to the operations that compute, quantizations up
        new ActivationPatterns(),
        new DequantizationAbsorption(),   // integers as sources: before fusion, so that post-ops see which products are integer
        new BiasFusion(),
        new ReshapeSinking(),
        new PostOpFusion(),               // relies on absorbed sources of residual additions
        new QuantizationAbsorption(),     // the end of each chain
        new FlattenAbsorption(),
        new ConcatElision(),              // needs to know who writes each tensor
        new BandFusion(),                 // last: decides by the final types
    ];
}
