// Operators that move elements without computing: reshapes, Transpose, Slice, Split, Pad, Concat, Identity.
using System.Collections.Immutable;

namespace Int8Runtime.Graph.Lowering;

/// <summary>Movement of elements that primitives can read and write through strides.</summary>
internal sealed class MovementLowering : INodeLowering
{
    public IReadOnlyList<string> OpTypes { get; } =
        ["Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Dropout", "Transpose", "Slice", "Split", "Pad", "Concat",
            "DepthToSpace", "SpaceToDepth"];

    public void Lower(GraphNode node, LoweringContext context)
    {
        Operand source = context.OperandOf(node, 0);
        if (!IsMovable(source.Edge.Type) || LoweringContext.ExtentsOf(node.Output).ElementCount == 0)
        {
            context.EmitHost(node, $"no primitive moves {source.Edge}");
            return;
        }

        switch (node.OpType)
        {
            case "Transpose":
                TransposeView transpose = TransposeView.Of(NodeOperands.Of(node));
                context.Emit(node, new TransposeSpec([.. transpose.Order]), source);
                break;
            case "Slice":
                SliceView slice = SliceView.Of(NodeOperands.Of(node));
                if (slice.Steps.Any(s => s < 0))
                    context.EmitHost(node, "a step is negative");
                else
                    context.Emit(node, new SliceSpec(slice.Starts, slice.Steps), source);
                break;
            case "DepthToSpace" or "SpaceToDepth":
                LowerBlocks(node, context, source);
                break;
            case "Split":
                LowerSplit(node, context, source);
                break;
            case "Pad":
                PadView pad = PadView.Of(NodeOperands.Of(node));
                if (pad.Mode != "constant" || pad.Begin.Concat(pad.End).Any(p => p < 0))
                    context.EmitHost(node, $"padding of mode '{pad.Mode}' or with negative extents has no primitive");
                else if (pad.Begin.Concat(pad.End).All(p => p == 0))
                    context.Emit(node, new ReshapeSpec(), source);
                else
                    context.Emit(node, new PadSpec(pad.Begin, pad.End, pad.Value), source);
                break;
            case "Concat":
                int axis = NodeOperands.Of(node).AxisAttribute(0, source.Shape.Rank);
                Operand?[] parts = [.. Enumerable.Range(0, node.Inputs.Count).Select(i => context.OperandOf(node, i))
                    .Where(p => p.Shape.ElementCount > 0)];
                context.Emit(node, new ConcatSpec(axis), parts);
                break;
            default:
                if (node.Is("Dropout") && node.OptionalInput(2) is { } training && training.Constant?.ToInt64Array() is not [0]
                    && node.ConstantInput(1)?.ToDoubleArray() is not [0])
                    throw new NodeLoweringException("it drops elements at random: export the model for inference");
                if (node.Outputs.Count > 1 && (node.Outputs[1].Uses.Count > 0 || node.Outputs[1].IsGraphOutput))
                    context.EmitHost(node, "the mask is used");
                else
                    context.Emit(node, new ReshapeSpec(), source);
                break;
        }
    }

    // Blocks of pixels and channels change places: a transpose between two reshapes.
    private static void LowerBlocks(GraphNode node, LoweringContext context, Operand source)
    {
        Shape from = source.Shape, to = LoweringContext.ExtentsOf(node.Output);
        int block = node.Attributes.GetInt32("blocksize");
        (int[] divided, int[] order) = node.OpType switch
        {
            "SpaceToDepth" => (new[] { from[0], from[1], to[2], block, to[3], block }, new[] { 0, 3, 5, 1, 2, 4 }),
            _ when node.Attributes.GetString("mode", "DCR") == "CRD" =>
                ([from[0], to[1], block, block, from[2], from[3]], [0, 1, 4, 2, 5, 3]),
            _ => ([from[0], block, block, to[1], from[2], from[3]], [0, 3, 4, 1, 5, 2]),
        };
        Operand blocks = context.Reshape(node, source, divided);
        Shape moved = Array.ConvertAll(order, d => divided[d]);
        Operand result = new(context.EmitStep(node, new TransposeSpec([.. order]), source.Edge.Type, moved, blocks).Output);
        context.Emit(node, new ReshapeSpec(), result);
    }

    private static bool IsMovable(DataType type) => type is DataType.Float32 or DataType.Int32 || type.IsInt8();

    private static void LowerSplit(GraphNode node, LoweringContext context, Operand source)
    {
        SplitView split = SplitView.Of(NodeOperands.Of(node));
        int start = 0;
        for (int i = 0; i < node.Outputs.Count; i++)
        {
            Shape starts = Shape.Filled(source.Shape.Rank, 0).With(split.Axis, start);
            context.Operations.Add(new Operation(node.Name, node.OpType, new SliceSpec(starts, Shape.Filled(starts.Count, 1)),
                [source], [context.Define(node.Outputs[i])]));
            start += split.Sizes[i];
        }
    }
}
