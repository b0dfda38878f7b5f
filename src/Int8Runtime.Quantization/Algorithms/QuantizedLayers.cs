// Finds the weighted layers of a QDQ graph and changes their biases.
using Int8Runtime.Graph;

namespace Int8Runtime.Quantization;

/// <summary>A weighted node of a QDQ graph with the quantizers around it, and its f32 twin.</summary>
/// <param name="Node">The node in the QDQ graph.</param>
/// <param name="Reference">The node of the same name in the f32 graph.</param>
/// <param name="Source">Name of the f32 value whose quantized form the node reads.</param>
/// <param name="Quantization">The quantizer of that value.</param>
/// <param name="Weights">The integer weights.</param>
/// <param name="WeightScales">One scale for each output channel.</param>
internal sealed record QuantizedLayer(
    GraphNode Node, GraphNode Reference, string Source, ActivationQuantization Quantization, TensorData Weights, float[] WeightScales)
{
    /// <summary>Number of output channels.</summary>
    public int Outputs => WeightScales.Length;

    /// <summary>The f32 bias, or zeros.</summary>
    public float[] FloatBias()
    {
        var bias = new float[Outputs];
        if (Reference.ConstantInput(2) is { } constant)
        {
            ReadOnlySpan<float> values = constant.AsSpan<float>();
            for (int c = 0; c < Outputs; c++)
                bias[c] = values[values.Length == 1 ? 0 : c];
        }

        return bias;
    }

    /// <summary>The bias that the node has now, as rounded, or zeros.</summary>
    public double[] PresentBias()
    {
        var bias = new double[Outputs];
        if (Node.OptionalInput(2)?.Producer is { } dequantizer && dequantizer.ConstantInput(0) is { ElementType: DataType.Int32 } integers)
        {
            for (int c = 0; c < Outputs; c++)
                bias[c] = integers.AsSpan<int>()[c] * (double)(Quantization.ScaleBefore(c, Outputs) * WeightScales[c]);
        }

        return bias;
    }

    /// <summary>
    /// Gives the node a bias, in s32 with the scale of the products. A node without bias is replaced by one with bias; the
    /// layer with the present node is returned.
    /// </summary>
    public QuantizedLayer WithBias(ModelGraph graph, ReadOnlySpan<double> bias)
    {
        TensorData values = TensorData.Allocate(DataType.Int32, [bias.Length], out Span<int> integers);
        var scales = new float[bias.Length];
        for (int c = 0; c < bias.Length; c++)
        {
            scales[c] = Quantization.ScaleBefore(c, Outputs) * WeightScales[c];
            integers[c] = (int)Math.Clamp(Math.Round(bias[c] / scales[c], MidpointRounding.ToEven), int.MinValue, int.MaxValue);
        }

        GraphValue constant = graph.AddConstant(Node.Name + "_bias_q", values);
        if (Node.OptionalInput(2)?.Producer is { } dequantizer)
        {
            dequantizer.SetInput(0, constant);
            return this;
        }

        GraphValue scale = graph.AddConstant(Node.Name + "_bias_scale", TensorData.Vector<float>(scales));
        GraphValue dequantized = graph.AddOperation(
            "DequantizeLinear", Node.Name + "_bias_dq", [constant, scale], new GraphAttributes { { "axis", 0 } }, before: Node);
        return this with { Node = QuantizedLayers.AddInput(graph, Node, dequantized) };
    }
}

/// <summary>Reads the weighted layers of QDQ graphs.</summary>
internal static class QuantizedLayers
{
    /// <summary>The layers whose bias can be changed: Conv and Gemm, whose source has its channels in dimension 1.</summary>
    public static IReadOnlyList<QuantizedLayer> Find(ModelGraph graph, ModelGraph reference)
    {
        Dictionary<string, GraphNode> twins = reference.Nodes.ToDictionary(n => n.Name, StringComparer.Ordinal);
        return [.. graph.Nodes.Where(n => n.Is("Conv") || n.Is("Gemm")).Select(n => Read(n, twins)).OfType<QuantizedLayer>()];
    }

    /// <summary>Replaces a node by one with a third operand.</summary>
    public static GraphNode AddInput(ModelGraph graph, GraphNode node, GraphValue third)
    {
        GraphValue result = graph.AddValue(graph.UniqueValueName(node.Output.Name + "_biased"), DataType.Float32, node.Output.Shape);
        GraphValue source = node.Input(0), weights = node.Input(1), old = node.Output;
        GraphNode? next = graph.Nodes.SkipWhile(n => n != node).Skip(1).FirstOrDefault();
        graph.RemoveNode(node);
        GraphNode replacement = graph.AddNode(node.OpType, [source, weights, third], [result], node.Attributes, node.Name, before: next);
        graph.ReplaceUses(old, result);
        return replacement;
    }

    private static QuantizedLayer? Read(GraphNode node, Dictionary<string, GraphNode> twins)
    {
        if (!twins.TryGetValue(node.Name, out GraphNode? twin) || !OperatorPolicy.IsWeighted(twin)
            || node.Input(0).Producer is not { OpType: "DequantizeLinear" } activation
            || activation.Input(0).Producer is not { OpType: "QuantizeLinear" } quantizer
            || node.Input(1).Producer is not { OpType: "DequantizeLinear" } weights
            || weights.ConstantInput(0) is not { ElementType: DataType.Int8 } integers || weights.ConstantInput(1) is not { } weightScale
            || quantizer.ConstantInput(1) is not { } scale
            || (node.OptionalInput(2) is { } bias && bias.Producer is not { OpType: "DequantizeLinear" }))
            return null;
        int outputs = integers.Shape[OperatorPolicy.WeightAxis(twin)];
        float[] scales = weightScale.AsSpan<float>().ToArray();
        if (scales.Length == 1)
            scales = [.. Enumerable.Repeat(scales[0], outputs)];
        TensorData? zero = quantizer.ConstantInput(2);
        DataType type = zero?.ElementType ?? DataType.UInt8;
        int zeroPoint = zero is null ? 0 : type == DataType.UInt8 ? zero.Bytes.Span[0] : (sbyte)zero.Bytes.Span[0];
        return new QuantizedLayer(
            node, twin, quantizer.Input(0).Name, Quantization(type, scale.AsSpan<float>(), zeroPoint), integers, scales);
    }

    private static ActivationQuantization Quantization(DataType type, ReadOnlySpan<float> scales, int zeroPoint)
    {
        float largest = 0;
        foreach (float scale in scales)
            largest = Math.Max(largest, scale);
        return new ActivationQuantization(new QuantizationParameters(type, largest, zeroPoint), scales.Length == 1 ? [] : scales.ToArray());
    }
}
