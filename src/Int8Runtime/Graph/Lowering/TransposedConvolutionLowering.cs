// ConvTranspose, as a deconvolution whose weights are in the order of a convolution's.
using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Int8Runtime.Graph.Evaluation;

namespace Int8Runtime.Graph.Lowering;

/// <summary>Transposed convolutions. The model's weights [C, O/groups, taps…] become [O, C/groups, taps…].</summary>
internal sealed class TransposedConvolutionLowering : INodeLowering
{
    // Reordered weights live as long as the model's, so that a specialization for other shapes finds them packed.
    private static readonly ConditionalWeakTable<TensorData, ConcurrentDictionary<int, TensorData>> s_reordered = [];

    public IReadOnlyList<string> OpTypes { get; } = ["ConvTranspose"];

    public void Lower(GraphNode node, LoweringContext context)
    {
        TransposedConvolutionView view = TransposedConvolutionView.Of(NodeOperands.Of(node));
        Operand source = context.OperandOf(node, 0), weights = context.OperandOf(node, 1);
        if (source.Edge.Type != DataType.Float32 || source.Shape.Rank > 5)
        {
            context.EmitHost(node, $"no primitive convolves {source.Edge}");
            return;
        }

        // The extent of the result says how far padding, or additional outputs, reach behind the last element.
        SlidingWindow window = view.Window;
        int[] after = [.. Enumerable.Range(0, window.Output.Count).Select(i => ((source.Shape[i + 2] - 1) * window.Strides[i])
            + ((window.Kernel[i] - 1) * window.Dilations[i]) + 1 - window.PadBegin[i] - window.Output[i])];
        var spec = new ConvolutionSpec(window.Strides, window.Dilations, window.PadBegin, after, view.Group) { IsTransposed = true };
        Operand? bias = node.OptionalInput(2) is null ? null : context.OperandOf(node, 2);
        context.Emit(node, spec, source, Reordered(node, context, weights, view.Group), bias);
    }

    private static Operand Reordered(GraphNode node, LoweringContext context, Operand weights, int groups)
    {
        Shape shape = Reordered(weights.Shape, groups);
        if (weights.Edge.Constant is { } content)
            return new Operand(context.ConstantEdge(weights.Edge.Name, Reordered(content, groups)));
        if (weights.Dequantized() is { Edge.Constant: { } integers, Quantization: { } quantization }
            && (quantization.IsPerTensor || quantization.Axis == 1))
        {
            // Scales for the outputs of a group serve every group.
            if (!quantization.IsPerTensor)
                quantization = new Quantization(
                    quantization.Type, Repeated(quantization.Scales, groups), Repeated(quantization.ZeroPoints, groups), axis: 0);
            Operand reordered = new(context.ConstantEdge(weights.Edge.Name, Reordered(integers, groups)), quantization);
            return new Operand(context.EmitStep(node, new ConvertSpec(), DataType.Float32, shape, reordered).Output);
        }

        Shape taps = weights.Shape[2..];
        int inputs = weights.Shape[0] / groups, outputs = weights.Shape[1];
        Operand split = context.Reshape(node, weights, [groups, inputs, outputs, .. taps]);
        int[] order = [0, 2, 1, .. Enumerable.Range(3, taps.Count)];
        Edge exchanged = context.EmitStep(
            node, new TransposeSpec([.. order]), weights.Edge.Type, [groups, outputs, inputs, .. taps], split).Output;
        return context.Reshape(node, new Operand(exchanged), shape);
    }

    private static Shape Reordered(Shape weights, int groups) => [weights[1] * groups, weights[0] / groups, .. weights[2..]];

    private static TensorData Reordered(TensorData content, int groups) =>
        s_reordered.GetValue(content, _ => new ConcurrentDictionary<int, TensorData>()).GetOrAdd(groups, _ =>
        {
            Shape shape = content.Shape, taps = shape[2..];
            int inputs = shape[0] / groups, outputs = shape[1], tapCount = checked((int)taps.ElementCount);
            return ElementCopy.Strided(
                content, [groups, outputs, inputs, tapCount], 0, [inputs * outputs * tapCount, tapCount, outputs * tapCount, 1])
                .Reshaped(Reordered(shape, groups));
        });

    private static T[] Repeated<T>(T[] values, int count) => [.. Enumerable.Repeat(values, count).SelectMany(v => v)];
}
