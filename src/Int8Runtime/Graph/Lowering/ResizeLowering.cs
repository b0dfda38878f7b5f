// Resize by whole factors to the nearest element.
namespace Int8Runtime.Graph.Lowering;

/// <summary>Resize in mode nearest where it repeats every element equally often, as the upsampling of detectors and U-Nets does.</summary>
internal sealed class ResizeLowering : INodeLowering
{
    public IReadOnlyList<string> OpTypes { get; } = ["Resize"];

    public void Lower(GraphNode node, LoweringContext context)
    {
        Operand source = context.OperandOf(node, 0);
        ResizeView view = ResizeView.Of(NodeOperands.Of(node));
        if (view.Mode != "nearest" || (source.Edge.Type != DataType.Float32 && !source.Edge.Type.IsInt8()))
        {
            context.EmitHost(node, $"no primitive resizes {source.Edge.Type.ToShortName()} in mode '{view.Mode}'");
            return;
        }

        var factors = new int[source.Shape.Rank];
        for (int d = 0; d < factors.Length; d++)
        {
            factors[d] = view.Output[d] / source.Shape[d];
            for (int i = 0; i < view.Output[d]; i++)
            {
                if (factors[d] * source.Shape[d] != view.Output[d] || Nearest(view, d, i, source.Shape[d]) != i / factors[d])
                {
                    context.EmitHost(node, $"dimension {d} is not enlarged by a whole factor that repeats every element equally often");
                    return;
                }
            }
        }

        context.Emit(node, new RepeatSpec(factors), source);
    }

    // The source index of an output index, as ONNX defines coordinates and rounding.
    private static int Nearest(ResizeView view, int dimension, int index, int extent)
    {
        int length = view.Output[dimension];
        double scale = view.Scales[dimension];
        double position = view.CoordinateMode switch
        {
            "asymmetric" => index / scale,
            "align_corners" => length > 1 ? index * (extent - 1.0) / (length - 1) : 0,
            "pytorch_half_pixel" when length == 1 => 0,
            "half_pixel" or "half_pixel_symmetric" or "pytorch_half_pixel" => ((index + 0.5) / scale) - 0.5,
            _ => double.NaN,
        };
        double rounded = view.NearestMode switch
        {
            "floor" => Math.Floor(position),
            "ceil" => Math.Ceiling(position),
            "round_prefer_ceil" => Math.Floor(position + 0.5),
            _ => Math.Ceiling(position - 0.5),
        };
        return double.IsNaN(rounded) ? -1 : (int)Math.Clamp(rounded, 0, extent - 1);
    }
}
