// Quantization of activations at run time: no samples are needed.
using Int8Runtime.Graph;
using Int8Runtime.Graph.Passes;

namespace Int8Runtime.Quantization;

/// <summary>
/// Turns products with constant weights into <c>DynamicQuantizeLinear → MatMulInteger or ConvInteger → Cast → Mul → Add</c>: the
/// range of an activation is found anew for each inference, so that nothing is clipped, at the cost of a pass over the activation.
/// Weights are s8, symmetric, per output channel. Products that read the same activation share its quantization.
/// </summary>
public static class DynamicQuantizer
{
    /// <summary>Converts a model.</summary>
    /// <param name="model">The f32 model; it is not changed.</param>
    /// <param name="options">Exclusions, bits and granularity of the weights; null for the defaults.</param>
    /// <exception cref="QuantizationException">There is no product that can be converted.</exception>
    public static QuantizationResult Convert(ModelGraph model, QuantizationOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        options ??= new QuantizationOptions();
        Dictionary<string, string> exclusions = Exclusions.ByUser(model, options.Ignored);
        ModelGraph graph = GraphSimplification.Simplify(model);
        Exclusions.AddStructural(exclusions, graph, options);
        var nodes = new List<NodePrecision>();
        var activations = new Dictionary<GraphValue, QuantizedValue>();
        foreach (GraphNode node in graph.Nodes.ToArray())
        {
            (OperatorRole role, string reason) = OperatorPolicy.RoleOf(node, exclusions);
            bool isProduct = role == OperatorRole.Weighted;
            nodes.Add(new NodePrecision(node.Name, node.OpType, isProduct,
                isProduct ? "" : reason.Length > 0 ? reason : "only products are quantized dynamically"));
            if (isProduct)
                Replace(graph, node, options, activations);
        }

        if (nodes.TrueForAll(n => !n.IsQuantized))
            throw new QuantizationException($"model '{model.Name}' has no convolution or fully connected layer that can be quantized");
        graph.RemoveDeadNodes();
        graph.SortTopologically();
        graph.Validate();
        return new QuantizationResult(graph, new QuantizationReport([], nodes, 0));
    }

    private static void Replace(ModelGraph graph, GraphNode node, QuantizationOptions options,
        Dictionary<GraphValue, QuantizedValue> activations)
    {
        bool isConvolution = node.Is("Conv");
        GraphValue source = node.Input(0);
        TensorData weights = node.ConstantInput(1)!;
        if (node.Attributes.GetBoolean("transB"))
            weights = Transposed(weights);
        WeightQuantization quantized = WeightQuantization.Create(
            weights, isConvolution ? 0 : 1, options.WeightFormat, 1, [],
            isConvolution ? OperatorPolicy.PairsOf(node) : OperatorPolicy.PairsOfMatrix(weights));
        int channels = quantized.Scales.Length;
        int[] perChannel = isConvolution ? [channels, .. Enumerable.Repeat(1, weights.Rank - 2)] : [channels];

        if (!activations.TryGetValue(source, out QuantizedValue? activation))
            activations[source] = activation = QuantizedValue.Create(graph, source);
        GraphValue integers = graph.AddConstant(node.Name + "_weights_q", quantized.Values);
        GraphAttributes? attributes = isConvolution ? node.Attributes : null;
        GraphValue sum = graph.AddOperation(
            isConvolution ? "ConvInteger" : "MatMulInteger", node.Name + "_sum",
            [activation.Integers, integers, activation.ZeroPoint], attributes);
        GraphValue real = graph.AddOperation("Cast", node.Name + "_real", [sum], new GraphAttributes { { "to", 1L } });
        GraphValue scales = graph.AddConstant(node.Name + "_scales", TensorData.Create<float>(quantized.Scales, perChannel));
        GraphValue scale = graph.AddOperation("Mul", node.Name + "_scale", [activation.Scale, scales]);
        GraphValue result = graph.AddOperation("Mul", node.Name + "_scaled", [real, scale]);
        if (node.ConstantInput(2) is { } bias)
        {
            TensorData shift = bias.ElementCount == channels ? bias.Reshaped(perChannel) : bias;
            result = graph.AddOperation("Add", node.Name + "_dynamic", [result, graph.AddConstant(node.Name + "_bias", shift)]);
        }

        GraphValue old = node.Output;
        result.Shape = old.Shape;
        graph.ReplaceUses(old, result);
        graph.RemoveNode(node);
    }

    private static TensorData Transposed(TensorData matrix)
    {
        int rows = matrix.Shape[0], columns = matrix.Shape[1];
        ReadOnlySpan<float> values = matrix.AsSpan<float>();
        TensorData result = TensorData.Allocate(DataType.Float32, [columns, rows], out Span<float> transposed);
        for (int r = 0; r < rows; r++)
            for (int c = 0; c < columns; c++)
                transposed[(c * rows) + r] = values[(r * columns) + c];
        return result;
    }

    private sealed record QuantizedValue(GraphValue Integers, GraphValue Scale, GraphValue ZeroPoint)
    {
        public static QuantizedValue Create(ModelGraph graph, GraphValue value)
        {
            GraphValue Output(string suffix) => graph.AddValue(graph.UniqueValueName(value.Name + suffix));
            var quantized = new QuantizedValue(Output("_dynamic_q"), Output("_dynamic_scale"), Output("_dynamic_zp"));
            graph.AddNode("DynamicQuantizeLinear", [value], [quantized.Integers, quantized.Scale, quantized.ZeroPoint]);
            return quantized;
        }
    }
}
