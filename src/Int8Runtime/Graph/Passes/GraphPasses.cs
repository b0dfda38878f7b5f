// The passes over model graphs, in the order in which they run.
namespace Int8Runtime.Graph.Passes;

/// <summary>The ordered list; a reader starts here. These passes run once for a model, before any shape is known.</summary>
internal static class GraphPasses
{
    public static IReadOnlyList<IGraphPass> All { get; } =
    [
        new FakeQuantizeConversion(),   // before constants are folded: their integers are wanted
        new Cleanup(),
        new TransposeCancellation(),
        new PadFolding(),
        new BatchNormalizationFolding(),   // after padding, which would stand between a convolution and its normalization
        new ChannelScaleFolding(),
        new LayerNormalizationPatterns(),
        new GeluPatterns(),
        new ChannelQuantizationFolding(),
    ];
}
