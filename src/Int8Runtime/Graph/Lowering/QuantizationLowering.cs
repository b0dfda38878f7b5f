// QuantizeLinear, DequantizeLinear, and Cast between the types that reorders convert.
namespace Int8Runtime.Graph.Lowering;

/// <summary>Changes of type.</summary>
internal sealed class QuantizationLowering : INodeLowering
{
    public IReadOnlyList<string> OpTypes { get; } = ["QuantizeLinear", "DequantizeLinear", "Cast"];

    public void Lower(GraphNode node, LoweringContext context)
    {
        Operand source = context.OperandOf(node, 0);
        DataType from = source.Edge.Type, to = node.Output.ElementType;
        if (node.Is("Cast"))
        {
            // Integers become f32 exactly as a reorder without scales does; the other way a cast truncates and a reorder rounds.
            // Real types are rounded as the operator wants.
            bool isReal = IsReal(from) && IsReal(to);
            if (isReal || (to == DataType.Float32 && (from.IsInt8() || from == DataType.Int32)))
                context.Emit(node, new ConvertSpec(), source);
            else
                context.EmitHost(node, $"no primitive casts {from.ToShortName()} to {to.ToShortName()}");
            return;
        }

        bool quantizes = node.Is("QuantizeLinear");
        DataType integer = quantizes ? to : from, real = quantizes ? from : to;
        if (QuantizationView.IsBlocked(NodeOperands.Of(node)))
        {
            context.EmitHost(node, "no primitive converts with scales for blocks");
            return;
        }

        bool known = node.ConstantInput(1) is not null && node.OptionalInput(2) is null or { IsConstant: true };
        bool served = integer.IsInt8() || (!quantizes && integer == DataType.Int32);
        if (!known || !served || real != DataType.Float32)
        {
            context.EmitHost(node, known
                ? $"no primitive converts {from.ToShortName()} to {to.ToShortName()} with these scales"
                : "scale or zero point are computed");
            return;
        }

        QuantizationView view = QuantizationView.Of(NodeOperands.Of(node));
        var quantization = new Quantization(integer, [.. view.Scales], [.. view.ZeroPoints], view.Axis);
        if (Array.Exists(quantization.Scales, s => !float.IsFinite(s) || s <= 0))
        {
            context.EmitHost(node, "a scale is not positive");
            return;
        }

        Operation convert = context.Emit(node, new ConvertSpec(), quantizes ? source : source with { Quantization = quantization });
        if (quantizes)
            convert.OutputQuantization = quantization;
    }

    private static bool IsReal(DataType type) => type is DataType.Float32 or DataType.Float16 or DataType.BFloat16;
}
