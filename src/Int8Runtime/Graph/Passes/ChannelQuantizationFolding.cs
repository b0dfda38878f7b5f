// Scales of the channels between a convolution and a depthwise convolution become one scale.
using Int8Runtime.Graph.Evaluation;

namespace Int8Runtime.Graph.Passes;

/// <summary>
/// A quantizer with one scale for each channel, between a convolution and depthwise convolutions, gets one scale: the
/// first convolution and what follows it are multiplied by s/s[c], the weights of the depthwise ones by s[c]/s. What lies between must
/// commute with a positive factor of a channel. A Clip in front of the quantizer goes away where saturation does the same.
/// </summary>
internal sealed class ChannelQuantizationFolding : IGraphPass
{
    public string Name => "channel-quantization-folding";

    public void Run(ModelGraph graph, PassLog log)
    {
        foreach (GraphNode quantize in graph.Nodes.Where(n => n.Is("QuantizeLinear")).ToArray())
        {
            if (quantize.ConstantInput(1) is not { Rank: 1, ElementCount: > 1 } scale || quantize.Output.SoleConsumer is not { } dequantize
                || !dequantize.Is("DequantizeLinear") || dequantize.Input(0) != quantize.Output || !SameParameters(quantize, dequantize)
                || CommonZeroPoint(quantize) is not { } zeroPoint)
                continue;
            float[] scales = scale.ToSingleArray();
            if (!IsChannelAxis(dequantize) || quantize.Input(0).SoleConsumer != quantize
                || ChannelPath.DepthwiseReaders(dequantize.Output, scales.Length) is not { } readers
                || ChannelPath.Find(quantize.Input(0), scales, zeroPoint.ElementType, zeroPoint.ToInt64Array()[0], out _) is not { } path)
                continue;
            Fold(graph, quantize, dequantize, readers, scales, path);
            log.Add(Name, quantize.Name,
                $"takes one scale instead of {scales.Length}; {path.Nodes[^1].Name} and {readers[0].Name} take the others into "
                + "their weights");
        }
    }

    private static bool SameParameters(GraphNode quantize, GraphNode dequantize)
    {
        for (int i = 1; i < 3; i++)
        {
            TensorData? left = quantize.ConstantInput(i), right = dequantize.ConstantInput(i);
            if (left is null ? quantize.OptionalInput(i) is not null || dequantize.OptionalInput(i) is not null
                : !left.ContentEquals(right))
                return false;
        }

        return quantize.Attributes.GetInteger("axis", 1) == dequantize.Attributes.GetInteger("axis", 1);
    }

    // Null where the zero points differ.
    private static TensorData? CommonZeroPoint(GraphNode quantize)
    {
        if (quantize.ConstantInput(2) is not { } zeroPoints)
            return TensorData.Scalar((byte)0);
        long[] values = zeroPoints.ToInt64Array();
        return values.Length > 0 && Array.TrueForAll(values, v => v == values[0])
            ? TensorData.Scalar(values[0]).ConvertTo(zeroPoints.ElementType)
            : null;
    }

    // Readers are convolutions over two dimensions.
    private static bool IsChannelAxis(GraphNode dequantize) => dequantize.Attributes.GetInteger("axis", 1) is 1 or -3;

    private static void Fold(
        ModelGraph graph, GraphNode quantize, GraphNode dequantize, GraphNode[] readers, float[] scales, ChannelPath path)
    {
        float common = scales.Max();
        double[] up = Array.ConvertAll(scales, s => (double)common / s);
        if (path.Clip is { } clip)
            quantize.SetInput(0, clip.Input(0));
        foreach (GraphNode node in path.Nodes)
        {
            if (node.Is("Conv"))
            {
                Scale(graph, node, 1, ChannelPath.WeightsOf(node)!, c => up[c]);
                if (node.OptionalInput(2) is not null)
                    Scale(graph, node, 2, ChannelPath.BiasOf(node)!, c => up[c]);
            }
            else if (node.OpType is "Add" or "Max" or "Min")
            {
                TensorData operand = ChannelPath.ChannelOperand(node, scales.Length)!;
                node.SetInput(1 - ChannelPath.DataInput(node),
                    graph.AddConstant(node.Name + ":channels", Scaled(operand, [scales.Length, 1, 1], up)));
            }
        }

        foreach (GraphNode reader in readers)
        {
            TensorData weights = ChannelPath.WeightsOf(reader)!;
            int multiplier = weights.Shape[0] / scales.Length;
            Scale(graph, reader, 1, weights, o => 1 / up[o / multiplier]);
        }

        GraphValue scale = graph.AddConstant(quantize.Name + ":scale", TensorData.Scalar(common));
        GraphValue zeroPoint = graph.AddConstant(quantize.Name + ":zero_point", CommonZeroPoint(quantize)!);
        foreach (GraphNode node in (GraphNode[])[quantize, dequantize])
        {
            node.SetInput(1, scale);
            if (node.OptionalInput(2) is not null)
                node.SetInput(2, zeroPoint);
        }

        graph.RemoveDeadNodes();
    }

    private static TensorData Scaled(TensorData values, Shape shape, double[] factors)
    {
        float[] numbers = values.ToSingleArray();
        return TensorData.Create<float>([.. factors.Select((f, c) => (float)(numbers[numbers.Length == 1 ? 0 : c] * f))], shape);
    }

    // Multiplies weights or biases, or the scales of the weights' dequantizer, by a factor for each output. A bias of integers becomes one
    // of real numbers first, so that a file that stores it as such gives the same bits.
    private static void Scale(ModelGraph graph, GraphNode convolution, int input, TensorData content, Func<int, double> factor)
    {
        int outputs = content.Shape[0];
        string name = $"{convolution.Name}:{(input == 1 ? "weights" : "bias")}";
        if (input == 2 && convolution.Input(2).Producer is { } bias)
            content = QuantizationOperators.Dequantize(NodeOperands.Of(bias));
        if (input == 2 || convolution.Input(input).Constant is not null)
        {
            ReadOnlySpan<float> from = content.AsSpan<float>();
            TensorData scaled = TensorData.Allocate(DataType.Float32, content.Shape, out Span<float> to);
            for (int i = 0; i < to.Length; i++)
                to[i] = (float)(from[i] * factor(i / (to.Length / outputs)));
            convolution.SetInput(input, graph.AddConstant(name, scaled));
            return;
        }

        GraphNode dequantize = convolution.Input(input).Producer!;
        float[] scales = dequantize.ConstantInput(1)!.ToSingleArray();
        float[] values = [.. Enumerable.Range(0, outputs).Select(o => (float)(scales[scales.Length == 1 ? 0 : o] * factor(o)))];
        var operands = new List<GraphValue?> { dequantize.Input(0), graph.AddConstant(name + "_scales", TensorData.Vector<float>(values)) };
        if (dequantize.ConstantInput(2) is { } zero)
        {
            TensorData zeros = zero.ElementCount == outputs
                ? zero
                : TensorData.Vector<long>([.. Enumerable.Repeat(zero.ToInt64Array()[0], outputs)]).ConvertTo(zero.ElementType);
            operands.Add(graph.AddConstant(name + "_zeros", zeros));
        }

        convolution.SetInput(input,
            graph.AddOperation("DequantizeLinear", name, [.. operands], new GraphAttributes { { "axis", 0 } },
                before: convolution));
    }
}
