// Integer weights and f32 activations: the file shrinks, the arithmetic stays.
using Int8Runtime.Graph;
using Int8Runtime.Graph.Passes;

namespace Int8Runtime.Quantization;

/// <summary>How weights are stored.</summary>
public sealed record WeightOnlyOptions
{
    /// <summary>8: s8 per output channel, for every product. 4: matrix products in groups; convolutions stay at 8.</summary>
    public int Bits { get; init; } = 8;

    /// <summary>
    /// Inputs of a matrix product that share a scale (4 bits only), at least 1; the last group may have fewer. ONNX Runtime has kernels
    /// for powers of two from 16 on, and multiplies other groups out to f32.
    /// </summary>
    public int GroupSize { get; init; } = 32;

    /// <summary>Whether groups of 4-bit weights have no zero point of their own.</summary>
    public bool IsSymmetric { get; init; }

    /// <summary>Nodes that keep f32 weights.</summary>
    public IgnoredScope Ignored { get; init; } = new() { Patterns = [] };
}

/// <summary>
/// Stores weights as integers behind a DequantizeLinear: s8 with a scale for each channel, or, of matrix products, u4 with a scale and
/// zero point for each block of inputs (ONNX operator set 21). Convolutions, whose weights are few where products have many, have 8
/// bits in both cases. Needs no samples. 4 bits are asymmetric by default: without zero points they are too coarse.
/// </summary>
public static class WeightOnlyQuantizer
{
    /// <summary>Converts a model.</summary>
    /// <param name="model">The f32 model; it is not changed.</param>
    /// <param name="options">Form of the weights; null for the defaults.</param>
    /// <exception cref="QuantizationException">There are no such weights, or the options have no form.</exception>
    public static QuantizationResult Convert(ModelGraph model, WeightOnlyOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        options ??= new WeightOnlyOptions();
        if (options.Bits is not (4 or 8))
            throw new QuantizationException($"weights of {options.Bits} bits have no storage form; use 8 or 4");
        Dictionary<string, string> exclusions = Exclusions.ByUser(model, options.Ignored);
        ModelGraph graph = GraphSimplification.Simplify(model);
        var nodes = new List<NodePrecision>();
        var stored = new List<StoredWeights>();
        foreach (GraphNode node in graph.Nodes.ToArray())
        {
            (OperatorRole role, string reason) = OperatorPolicy.RoleOf(node, exclusions);
            bool fits = role == OperatorRole.Weighted;
            nodes.Add(new NodePrecision(node.Name, node.OpType, false,
                fits ? "only its weights are integers" : reason.Length > 0 ? reason : "no weights"));
            if (!fits)
                continue;
            bool isGrouped = options.Bits == 4 && !node.Is("Conv");
            int elements = node.ConstantInput(1)!.ElementCount;
            long bytes = isGrouped ? StoreGroups(graph, node, options) : StoreBytes(graph, node);
            stored.Add(new StoredWeights(
                node.Name, node.OpType, isGrouped ? 4 : 8, isGrouped ? options.GroupSize : 0, elements, bytes));
        }

        if (stored.Count == 0)
            throw new QuantizationException(
                $"model '{model.Name}' has no convolution or fully connected layer with constant weights to store in {options.Bits} bits");
        graph.RemoveDeadNodes();
        graph.SortTopologically();
        graph.Validate();
        int convolutions = stored.Count(w => w.OpType == "Conv");
        return new QuantizationResult(graph, new QuantizationReport([], nodes, 0)
        {
            StoredWeights = stored,
            Notes = options.Bits == 4 && convolutions > 0
                ? [$"the weights of {convolutions} convolutions have 8 bits; 4 bits are for matrix products"]
                : [],
        });
    }

    // Both return the bytes that are stored.
    private static long StoreBytes(ModelGraph graph, GraphNode node)
    {
        int axis = OperatorPolicy.WeightAxis(node);
        GraphValue weights = node.Input(1);
        WeightQuantization quantized = WeightQuantization.PerChannel(weights.Constant!, axis, 1, []);
        GraphValue integers = graph.AddConstant(weights.Name + "_q", quantized.Values);
        GraphValue scales = graph.AddConstant(weights.Name + "_scale", TensorData.Vector<float>(quantized.Scales));
        node.SetInput(1, graph.AddOperation(
            "DequantizeLinear", weights.Name + "_dq", [integers, scales], new GraphAttributes { { "axis", axis } }, before: node));
        return quantized.Values.ElementCount + (sizeof(float) * (long)quantized.Scales.Length);
    }

    private static long StoreGroups(ModelGraph graph, GraphNode node, WeightOnlyOptions options)
    {
        TensorData constant = node.ConstantInput(1)!;
        bool transposed = node.Attributes.GetBoolean("transB");
        int inputs = constant.Shape[transposed ? 1 : 0], outputs = constant.Shape[transposed ? 0 : 1];
        float[] matrix = constant.AsSpan<float>().ToArray();
        if (transposed)
        {
            ReadOnlySpan<float> rows = constant.AsSpan<float>();
            for (int k = 0; k < inputs; k++)
                for (int n = 0; n < outputs; n++)
                    matrix[(k * outputs) + n] = rows[(n * inputs) + k];
        }

        GroupedWeights grouped = GroupedWeights.Quantize(matrix, inputs, outputs, options.Bits, options.GroupSize, options.IsSymmetric);
        string name = node.Input(1).Name;
        // Inputs are rows, unless the node transposes its weights.
        TensorData Store(int rows, Func<int, int, byte> element) => (transposed
            ? new TensorData(DataType.UInt4, [outputs, rows], Fill(outputs, rows, (n, r) => element(r, n)))
            : new TensorData(DataType.UInt4, [rows, outputs], Fill(rows, outputs, element))).Packed();
        var scales = new float[grouped.Scales.Length];
        for (int n = 0; n < outputs; n++)
            for (int g = 0; g < grouped.Groups; g++)
                scales[transposed ? (n * grouped.Groups) + g : (g * outputs) + n] = grouped.Scales[(n * grouped.Groups) + g];
        GraphValue values = graph.AddConstant(name + "_q4", Store(inputs, grouped.ValueOf));
        GraphValue zeros = graph.AddConstant(
            name + "_zero_points", Store(grouped.Groups, (g, n) => grouped.ZeroPoints[(n * grouped.Groups) + g]));
        GraphValue scale = graph.AddConstant(
            name + "_scales", TensorData.Create<float>(scales, transposed ? [outputs, grouped.Groups] : [grouped.Groups, outputs]));
        node.SetInput(1, graph.AddOperation(
            "DequantizeLinear", name + "_dq", [values, scale, zeros],
            new GraphAttributes { { "axis", transposed ? 1L : 0L }, { "block_size", (long)options.GroupSize } }, before: node));
        static long Packed(GraphValue constant) => (constant.Constant!.ElementCount + 1L) / 2;
        return Packed(values) + Packed(zeros) + (sizeof(float) * (long)scales.Length);
    }

    private static byte[] Fill(int rows, int columns, Func<int, int, byte> element)
    {
        var bytes = new byte[rows * columns];
        for (int r = 0; r < rows; r++)
            for (int c = 0; c < columns; c++)
                bytes[(r * columns) + c] = element(r, c);
        return bytes;
    }
}
