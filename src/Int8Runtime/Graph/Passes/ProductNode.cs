// Weights of convolutions and fully connected layers, as passes that scale output channels see them.
namespace Int8Runtime.Graph.Passes;

/// <summary>A Conv, ConvTranspose or Gemm whose weights and bias are f32 constants that nothing else uses in another way.</summary>
internal static class ProductNode
{
    /// <summary>The number of output channels; 0 if the node cannot be scaled.</summary>
    public static int ScalableChannels(GraphNode node)
    {
        if (node.ConstantInput(1) is not { ElementType: DataType.Float32 } weights || weights.Rank < 2
            || (node.OptionalInput(2) is { } bias && bias.Constant is not { ElementType: DataType.Float32 }))
            return 0;
        int channels = node.OpType switch
        {
            "Conv" => weights.Shape[0],
            "ConvTranspose" => weights.Shape[1] * node.Attributes.GetInt32("group", 1),
            "Gemm" when node.Attributes.GetSingle("alpha", 1) == 1 && node.Attributes.GetSingle("beta", 1) == 1 =>
                weights.Shape[node.Attributes.GetBoolean("transB") ? 0 : 1],
            _ => 0,
        };
        bool biasFits = node.ConstantInput(2) is not { } content || content.ElementCount == channels;
        return node.Domain.Length == 0 && biasFits ? channels : 0;
    }

    /// <summary>Replaces the node and its consumer by one node that computes <c>scale[c]·y + shift[c]</c>.</summary>
    public static void ScaleChannels(ModelGraph graph, GraphNode node, GraphNode consumer, ReadOnlySpan<float> scale,
        ReadOnlySpan<float> shift)
    {
        TensorData weights = node.ConstantInput(1)!;
        GraphValue scaled = graph.AddConstant(node.Name + ":weights", Scaled(node, weights, scale.ToArray()));
        float[] bias = node.ConstantInput(2)?.ToSingleArray() ?? new float[scale.Length];
        for (int c = 0; c < bias.Length; c++)
            bias[c] = (bias[c] * scale[c]) + shift[c];
        GraphValue offset = graph.AddConstant(node.Name + ":bias", TensorData.Create<float>(bias, [bias.Length]));
        GraphValue source = node.Input(0), result = consumer.Output;
        (string name, string opType) = (node.Name, node.OpType);
        var attributes = new GraphAttributes();
        foreach ((string key, object value) in node.Attributes)
            attributes.Add(key, value);
        GraphNode? next = graph.Nodes.SkipWhile(n => n != consumer).Skip(1).FirstOrDefault();
        graph.RemoveNode(consumer);
        graph.RemoveNode(node);
        graph.AddNode(opType, [source, scaled, offset], [result], attributes, name, before: next);
    }

    // Computed when the weights are packed: on all cores, and not at all where they are found packed.
    private static TensorData Scaled(GraphNode node, TensorData weights, float[] scale)
    {
        bool outputsFirst = node.Is("Conv") || (node.Is("Gemm") && node.Attributes.GetBoolean("transB"));
        return TensorData.Defer(DataType.Float32, weights.Shape,
            () => outputsFirst ? ScaledRows(weights, scale) : ScaledColumns(weights, scale));
    }

    private static TensorData ScaledRows(TensorData weights, float[] scale)
    {
        ReadOnlySpan<float> from = weights.AsSpan<float>();
        TensorData result = TensorData.Allocate(DataType.Float32, weights.Shape, out Span<float> to);
        int run = from.Length / scale.Length;
        for (int c = 0; c < scale.Length; c++)
        {
            ReadOnlySpan<float> row = from.Slice(c * run, run);
            Span<float> scaled = to.Slice(c * run, row.Length);
            float factor = scale[c];
            for (int i = 0; i < row.Length; i++)
                scaled[i] = row[i] * factor;
        }

        return result;
    }

    // Gemm [K, N], or ConvTranspose [C, N/groups, taps…] where the group of a source channel selects the outputs.
    private static TensorData ScaledColumns(TensorData weights, float[] scale)
    {
        ReadOnlySpan<float> from = weights.AsSpan<float>();
        TensorData result = TensorData.Allocate(DataType.Float32, weights.Shape, out Span<float> to);
        int perGroup = weights.Shape[1], taps = from.Length / (weights.Shape[0] * perGroup);
        int groups = scale.Length / perGroup, sourcesPerGroup = weights.Shape[0] / groups;
        for (int i = 0; i < from.Length; i++)
            to[i] = from[i] * scale[(i / (perGroup * taps) / sourcesPerGroup * perGroup) + (i / taps % perGroup)];
        return result;
    }
}
