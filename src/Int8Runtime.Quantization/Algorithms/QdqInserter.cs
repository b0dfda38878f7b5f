// Writes quantizers into a graph: QuantizeLinear → DequantizeLinear on activations, integer constants for weights.
using Int8Runtime.Graph;

namespace Int8Runtime.Quantization;

/// <summary>
/// Turns a planned f32 graph into QDQ form. Each quantized value gets one QuantizeLinear/DequantizeLinear pair that all its
/// readers share; weights become s8 and biases s32 constants behind a DequantizeLinear per channel.
/// </summary>
internal sealed class QdqInserter(
    QuantizationPlan plan, IReadOnlyDictionary<GraphValue, ActivationQuantization> parameters, WeightFormat weightFormat)
{
    private readonly ModelGraph _graph = plan.Graph;

    /// <summary>Changes the graph of the plan.</summary>
    public void Run()
    {
        // Weights first: the scale of a node's source is found by the source value, which the second step replaces.
        GraphNode[] nodes = [.. _graph.Nodes];
        foreach (GraphNode node in nodes)
            if (OperatorPolicy.ActivationInputs(node).Any(plan.Contains) && IsWeighted(node))
                QuantizeWeights(node);
        foreach (GraphNode node in nodes)
            if (plan.Contains(node.Output))
                QuantizeConstantOperands(node);
        foreach (GraphValue value in plan.Values.ToArray())
            QuantizeActivation(value);
        _graph.RemoveDeadNodes();
        _graph.SortTopologically();
        _graph.Validate();
    }

    private bool IsWeighted(GraphNode node) => plan.IsQuantized(node) && node.OpType is "Conv" or "Gemm" or "MatMul";

    private void QuantizeActivation(GraphValue value)
    {
        GraphUse[] uses = [.. value.Uses];
        (GraphValue scale, GraphValue zeroPoint) = AddParameters(value.Name, parameters[plan.GroupOf(value)]);
        GraphAttributes? axis = scale.Constant!.Rank == 0 ? null : new GraphAttributes { { "axis", 1 } };
        GraphValue quantized = _graph.AddOperation("QuantizeLinear", value.Name + "_q", [value, scale, zeroPoint], axis);
        GraphValue dequantized = _graph.AddOperation("DequantizeLinear", value.Name + "_dq", [quantized, scale, zeroPoint], axis);
        foreach (GraphUse use in uses)
            use.Node.SetInput(use.InputIndex, dequantized);
    }

    private (GraphValue Scale, GraphValue ZeroPoint) AddParameters(string name, ActivationQuantization q)
    {
        float[] scales = q.Channels;
        var zeros = new byte[Math.Max(1, scales.Length)];
        zeros.AsSpan().Fill((byte)q.Tensor.ZeroPoint);
        return (
            _graph.AddConstant(name + "_scale", scales.Length == 0 ? TensorData.Scalar(q.Tensor.Scale) : TensorData.Vector<float>(scales)),
            _graph.AddConstant(name + "_zp", new TensorData(q.Tensor.DataType, scales.Length == 0 ? [] : [scales.Length], zeros)));
    }

    private void QuantizeConstantOperands(GraphNode node)
    {
        ActivationQuantization quantization = parameters[plan.GroupOf(node.Output)];
        foreach (GraphUse use in QuantizationPlan.ConstantActivations(node).ToArray())
        {
            GraphValue operand = node.Input(use.InputIndex);
            GraphValue integers = _graph.AddConstant(operand.Name + "_q", Quantize(operand.Constant!, quantization.Tensor));
            (GraphValue scale, GraphValue zeroPoint) = AddParameters(operand.Name, quantization);
            node.SetInput(use.InputIndex, _graph.AddOperation("DequantizeLinear", operand.Name + "_dq", [integers, scale, zeroPoint]));
        }
    }

    private static TensorData Quantize(TensorData constant, QuantizationParameters p)
    {
        (int min, int max) = p.DataType.IntegerRange();
        ReadOnlySpan<float> values = constant.AsSpan<float>();
        var bytes = new byte[values.Length];
        for (int i = 0; i < values.Length; i++)
            bytes[i] = (byte)(int)Math.Clamp(MathF.Round(values[i] / p.Scale, MidpointRounding.ToEven) + p.ZeroPoint, min, max);
        return new TensorData(p.DataType, constant.Shape, bytes);
    }

    private void QuantizeWeights(GraphNode node)
    {
        GraphValue source = node.Input(0), weights = node.Input(1);
        ActivationQuantization before = parameters[plan.GroupOf(source)];
        int axis = OperatorPolicy.WeightAxis(node);
        TensorData constant = weights.Constant!;
        float[] bias = BiasOf(node, constant.Shape[axis]);
        WeightQuantization quantized;
        try
        {
            quantized = WeightQuantization.Create(constant, axis, weightFormat, before.Channels.Append(before.Tensor.Scale).Min(),
                bias, OperatorPolicy.PairsOf(node));
        }
        catch (QuantizationException exception)
        {
            throw new QuantizationException($"{node}: {exception.Message}", exception);
        }

        node.SetInput(1, Dequantize(weights.Name, quantized.Values,
            weightFormat.PerChannel ? quantized.Scales : quantized.Scales[..1], axis));
        if (bias.Length > 0)
        {
            (TensorData values, float[] scales) = quantized.QuantizeBias(bias, o => before.ScaleBefore(o, bias.Length));
            node.SetInput(2, Dequantize(node.Input(2).Name, values, scales, axis: 0));
        }
    }

    // Each channel's bias; Gemm lets it broadcast from a scalar or a row.
    private static float[] BiasOf(GraphNode node, int channels)
    {
        if (node.OpType == "MatMul" || node.ConstantInput(2) is not { } constant)
            return [];
        ReadOnlySpan<float> values = constant.AsSpan<float>();
        if (values.Length == channels)
            return values.ToArray();
        var bias = new float[channels];
        if (values.Length != 1)
            throw new QuantizationException($"{node}: the bias has {values.Length} elements for {channels} outputs");
        bias.AsSpan().Fill(values[0]);
        return bias;
    }

    private GraphValue Dequantize(string name, TensorData values, float[] scales, int axis)
    {
        GraphValue integers = _graph.AddConstant(name + "_q", values);
        if (scales.Length == 1 && values.Shape[axis] != 1)
            return _graph.AddOperation("DequantizeLinear", name + "_dq",
                [integers, _graph.AddConstant(name + "_scale", TensorData.Scalar(scales[0]))]);
        GraphValue scale = _graph.AddConstant(name + "_scale", TensorData.Vector<float>(scales));
        return _graph.AddOperation("DequantizeLinear", name + "_dq", [integers, scale], new GraphAttributes { { "axis", axis } });
    }
}
