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
        bool isBlocked = QuantizationView.IsBlocked(NodeOperands.Of(node));
        if ((isBlocked || from.IsInt4()) && TryLowerWeights(node, context, source))
            return;
        if (isBlocked)
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

    // Constant weights of 8 bits or fewer stay integers; products read them, or they become real numbers when something else does.
    private static bool TryLowerWeights(GraphNode node, LoweringContext context, Operand source)
    {
        if (!node.Is("DequantizeLinear") || node.Output.ElementType != DataType.Float32 || source.Edge.Constant is not { } content
            || node.ConstantInput(1) is null || node.OptionalInput(2) is { IsConstant: false })
            return false;
        QuantizationView view = QuantizationView.Of(NodeOperands.Of(node));
        DataType? type = content.ElementType switch
        {
            DataType.Int8 or DataType.Int4 or DataType.Int2 => DataType.Int8,
            DataType.UInt8 or DataType.UInt4 or DataType.UInt2 => DataType.UInt8,
            _ => null,
        };
        if (type is not { } integer || view.Scales.Any(s => !float.IsFinite(s) || s <= 0))
            return false;
        var edge = new Edge(source.Edge.Name, integer, source.Shape, content.AsInt8());
        var quantization = new Quantization(integer, Owned(view.Scales), Owned(view.ZeroPoints), view.Axis) { BlockSize = view.BlockSize };
        context.Emit(node, new ConvertSpec(), new Operand(edge, quantization));
        return true;
    }

    // Scales of blocks are many; the view gives up its arrays.
    private static T[] Owned<T>(IReadOnlyList<T> values) => values as T[] ?? [.. values];

    private static bool IsReal(DataType type) => type is DataType.Float32 or DataType.Float16 or DataType.BFloat16;
}
