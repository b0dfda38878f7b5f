// Resize to the nearest element or by linear interpolation.
namespace Int8Runtime.Graph.Lowering;

/// <summary>Resize of spatial dimensions in the modes nearest and linear; what remains is evaluated on the host.</summary>
internal sealed class ResizeLowering : INodeLowering
{
    public IReadOnlyList<string> OpTypes { get; } = ["Resize"];

    public void Lower(GraphNode node, LoweringContext context)
    {
        Operand source = context.OperandOf(node, 0);
        ResizeView view = ResizeView.Of(NodeOperands.Of(node));
        Shape shape = source.Shape;
        string? obstacle =
            source.Edge.Type != DataType.Float32 && !source.Edge.Type.IsInt8() ? $"no primitive resamples {source.Edge.Type.ToShortName()}"
            : view.Mode is not ("nearest" or "linear") ? $"no primitive resamples in mode '{view.Mode}'"
            : view.Extrapolates ? "coordinates outside the source take a constant"
            : node.Attributes.GetBoolean("antialias") ? "no primitive filters before it resamples"
            : node.Attributes.GetBoolean("exclude_outside") ? "elements outside the source are left out of the sum"
            : shape.Rank is < 3 or > 5 ? $"no primitive resamples {shape.Rank} dimensions"
            : shape[0] != view.Output[0] || shape[1] != view.Output[1] ? "batch or channels are resampled"
            : view.Mode == "linear" && source.Edge.Type.IsInt8() && source.Quantization is null
            ? "interpolated integers are not rounded to nearest"
            : null;
        if (obstacle is not null)
        {
            context.EmitHost(node, obstacle);
            return;
        }

        ResamplingAlgorithm algorithm = view.Mode == "linear" ? ResamplingAlgorithm.Linear : ResamplingAlgorithm.Nearest;
        context.Emit(
            node,
            new ResamplingSpec(algorithm, view.Rounding, [.. Enumerable.Range(2, shape.Rank - 2).Select(d => view.MapOf(d, shape[d]))]),
            source);
    }
}
