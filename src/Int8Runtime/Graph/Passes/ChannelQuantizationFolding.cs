// Scales of the channels between a convolution and a depthwise convolution become one scale.
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
            GraphNode[] readers = [.. dequantize.Output.Uses.Select(u => u.Node).Distinct()];
            if (dequantize.Output.IsGraphOutput || readers.Length == 0 || !Array.TrueForAll(readers, r => IsDepthwise(r, dequantize, scales.Length))
                || !Array.TrueForAll(scales, s => float.IsFinite(s) && s > 0))
                continue;
            var path = new List<GraphNode>();
            GraphNode? clip = AbsorbedClip(quantize, scales, zeroPoint);
            if (!FindPath(clip ?? quantize, scales.Length, path))
                continue;
            Fold(graph, quantize, dequantize, readers, scales, path, clip);
            log.Add(Name, quantize.Name, $"takes one scale instead of {scales.Length}; {path[^1].Name} and {readers[0].Name} take the others into their weights");
        }
    }

    private static bool SameParameters(GraphNode quantize, GraphNode dequantize)
    {
        for (int i = 1; i < 3; i++)
        {
            TensorData? left = quantize.ConstantInput(i), right = dequantize.ConstantInput(i);
            if (left is null ? quantize.OptionalInput(i) is not null || dequantize.OptionalInput(i) is not null : !left.ContentEquals(right))
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

    private static bool IsDepthwise(GraphNode node, GraphNode dequantize, int channels)
    {
        if (!node.Is("Conv") || node.Input(0) != dequantize.Output || node.Inputs.Skip(1).Contains(dequantize.Output)
            || node.Attributes.GetInteger("group", 1) != channels || WeightsOf(node) is not { } weights)
            return false;
        long axis = dequantize.Attributes.GetInteger("axis", 1);
        return (axis < 0 ? axis + weights.Rank : axis) == 1 && weights.Shape[0] % channels == 0;
    }

    // The Clip whose bounds lie at or beyond the first and last integer of every channel.
    private static GraphNode? AbsorbedClip(GraphNode quantize, float[] scales, TensorData zeroPoint)
    {
        if (quantize.Input(0).Producer is not { } clip || !(clip.Is("Clip") || clip.Is("Relu")) || clip.Output.SoleConsumer != quantize)
            return null;
        bool isRelu = clip.Is("Relu");
        if (!isRelu && (clip.OptionalInput(1) is { IsConstant: false } || clip.OptionalInput(2) is { IsConstant: false }))
            return null;
        double low = isRelu ? 0 : clip.ConstantInput(1)?.ToDoubleArray()[0] ?? double.NegativeInfinity;
        double high = isRelu ? double.PositiveInfinity : clip.ConstantInput(2)?.ToDoubleArray()[0] ?? double.PositiveInfinity;
        (int min, int max) = zeroPoint.ElementType.IntegerRange();
        long zero = zeroPoint.ToInt64Array()[0];
        return Array.TrueForAll(scales, s => Math.Round(low / s) + zero <= min && Math.Round(high / s) + zero >= max) ? clip : null;
    }

    // Collects the nodes from the one before `node` up to a convolution; false where one of them does not commute.
    private static bool FindPath(GraphNode node, int channels, List<GraphNode> path)
    {
        while (true)
        {
            GraphValue value = node.Input(DataInput(node));
            if (value.Producer is not { } producer || value.SoleConsumer != node || producer.Domain.Length > 0)
                return false;
            path.Add(producer);
            switch (producer.OpType)
            {
                case "Conv":
                    return WeightsOf(producer) is { } weights && weights.Shape[0] == channels
                        && producer.OptionalInput(2) is null or { Constant.ElementType: DataType.Float32 };
                case "Relu" or "LeakyRelu" or "MaxPool" or "AveragePool":
                    break;
                case "PRelu" when producer.OptionalInput(1) is { IsConstant: true }:
                    break;
                case "Add" or "Max" or "Min" when ChannelOperand(producer, channels) is not null:
                    break;
                case "Mul" when producer.Inputs.Any(i => i is { IsConstant: true }):
                    break;
                default:
                    return false;
            }

            node = producer;
        }
    }

    private static int DataInput(GraphNode node) => node.OpType is "Add" or "Max" or "Min" or "Mul" && node.ConstantInput(0) is not null ? 1 : 0;

    // The constant of an addition or bound, if it is a number or one number for each channel in the dimension before the last two.
    private static TensorData? ChannelOperand(GraphNode node, int channels)
    {
        if (node.Inputs.Count != 2 || node.ConstantInput(1 - DataInput(node)) is not { ElementType: DataType.Float32 } constant)
            return null;
        bool isNumber = constant.ElementCount == 1;
        bool isPerChannel = constant.ElementCount == channels && constant.Rank >= 3 && constant.Shape[^3] == channels;
        return isNumber || isPerChannel ? constant : null;
    }

    // Weights as constant, or as constant behind a dequantizer with one scale or one for each output.
    private static TensorData? WeightsOf(GraphNode convolution)
    {
        GraphValue weights = convolution.Input(1);
        if (weights.Constant is { ElementType: DataType.Float32, Rank: 4 } real)
            return real;
        return weights.Producer is { } dequantize && dequantize.Is("DequantizeLinear") && dequantize.ConstantInput(0) is { Rank: 4 } integers
            && dequantize.ConstantInput(1) is { ElementType: DataType.Float32 } scales && dequantize.OptionalInput(2) is null or { IsConstant: true }
            && (scales.ElementCount == 1 || (scales.ElementCount == integers.Shape[0] && dequantize.Attributes.GetInteger("axis", 1) is 0 or -4))
            ? integers
            : null;
    }

    private static void Fold(
        ModelGraph graph, GraphNode quantize, GraphNode dequantize, GraphNode[] readers, float[] scales, List<GraphNode> path, GraphNode? clip)
    {
        float common = scales.Max();
        double[] up = Array.ConvertAll(scales, s => (double)common / s);
        if (clip is not null)
            quantize.SetInput(0, clip.Input(0));
        foreach (GraphNode node in path)
        {
            if (node.Is("Conv"))
            {
                ScaleWeights(graph, node, c => up[c]);
                if (node.ConstantInput(2) is { } bias)
                    node.SetInput(2, graph.AddConstant(node.Name + ":bias", Scaled(bias, [scales.Length], up)));
            }
            else if (node.OpType is "Add" or "Max" or "Min")
            {
                TensorData operand = ChannelOperand(node, scales.Length)!;
                node.SetInput(1 - DataInput(node), graph.AddConstant(node.Name + ":channels", Scaled(operand, [scales.Length, 1, 1], up)));
            }
        }

        foreach (GraphNode reader in readers)
        {
            int multiplier = WeightsOf(reader)!.Shape[0] / scales.Length;
            ScaleWeights(graph, reader, o => 1 / up[o / multiplier]);
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

    private static void ScaleWeights(ModelGraph graph, GraphNode convolution, Func<int, double> factor)
    {
        TensorData weights = WeightsOf(convolution)!;
        int outputs = weights.Shape[0];
        if (convolution.Input(1).Constant is not null)
        {
            ReadOnlySpan<float> from = weights.AsSpan<float>();
            TensorData scaled = TensorData.Allocate(DataType.Float32, weights.Shape, out Span<float> to);
            for (int i = 0; i < to.Length; i++)
                to[i] = (float)(from[i] * factor(i / (to.Length / outputs)));
            convolution.SetInput(1, graph.AddConstant(convolution.Name + ":weights", scaled));
            return;
        }

        GraphNode dequantize = convolution.Input(1).Producer!;
        float[] scales = dequantize.ConstantInput(1)!.ToSingleArray();
        float[] values = [.. Enumerable.Range(0, outputs).Select(o => (float)(scales[scales.Length == 1 ? 0 : o] * factor(o)))];
        var operands = new List<GraphValue?> { dequantize.Input(0), graph.AddConstant(convolution.Name + ":scales", TensorData.Vector<float>(values)) };
        if (dequantize.ConstantInput(2) is { } zero)
        {
            TensorData zeros = zero.ElementCount == outputs
                ? zero
                : TensorData.Vector<long>([.. Enumerable.Repeat(zero.ToInt64Array()[0], outputs)]).ConvertTo(zero.ElementType);
            operands.Add(graph.AddConstant(convolution.Name + ":zeros", zeros));
        }

        convolution.SetInput(1, graph.AddOperation(
            "DequantizeLinear", convolution.Name + ":weights", [.. operands], new GraphAttributes { { "axis", 0 } }, before: convolution));
    }
}
