// Additions of constants that exporters leave behind products become their biases, which the quantized product takes in.
using Int8Runtime.Graph;

namespace Int8Runtime.Quantization;

/// <summary>
/// Turns <c>Conv → Add</c> and <c>MatMul → Add</c> with one constant for each output channel into a Conv or Gemm with bias.
/// Left alone, the sum would have to be quantized by itself.
/// </summary>
internal static class BiasFolding
{
    /// <summary>Changes the graph.</summary>
    public static void Run(ModelGraph graph, IReadOnlyDictionary<string, string> exclusions)
    {
        foreach (GraphNode add in graph.Nodes.Where(n => n.Is("Add")).ToArray())
        {
            if (!exclusions.ContainsKey(add.Name) && !TryFold(graph, add, 0, exclusions))
                TryFold(graph, add, 1, exclusions);
        }

        graph.RemoveDeadNodes();
    }

    private static bool TryFold(ModelGraph graph, GraphNode add, int productIndex, IReadOnlyDictionary<string, string> exclusions)
    {
        if (add.ConstantInput(1 - productIndex) is not { ElementType: DataType.Float32 } addend
            || add.Input(productIndex) is not { Producer: { } product } sum || sum.SoleConsumer != add
            || product.ConstantInput(1) is not { ElementType: DataType.Float32 } weights || exclusions.ContainsKey(product.Name))
            return false;
        (int channels, int channelAxis, int rank) = product switch
        {
            _ when product.Is("Conv") => (weights.Shape[0], 1, weights.Rank),
            _ when product.Is("MatMul") && weights.Rank == 2 && RankOf(product.Input(0)) == 2 => (weights.Shape[1], 1, 2),
            _ => (0, 0, 0),
        };
        if (channels == 0 || addend.Rank > rank || !IsPerChannel(addend, rank - addend.Rank, channelAxis, channels))
            return false;
        if (BiasOf(product, channels) is not { } bias)
            return false;

        ReadOnlySpan<float> values = addend.AsSpan<float>();
        for (int c = 0; c < channels; c++)
            bias[c] += values[values.Length == 1 ? 0 : c];
        GraphValue constant = graph.AddConstant(add.Input(1 - productIndex).Name + "_bias", TensorData.Vector<float>(bias));
        GraphValue result = graph.AddValue(graph.UniqueValueName(sum.Name + "_biased"), DataType.Float32, add.Output.Shape);
        GraphValue source = product.Input(0), factors = product.Input(1);
        graph.RemoveNode(product);
        graph.AddNode(
            product.Is("Conv") ? "Conv" : "Gemm", [source, factors, constant], [result], product.Attributes, product.Name, before: add);
        graph.ReplaceUses(add.Output, result);
        graph.RemoveNode(add);
        return true;
    }

    // Shapes between nodes are often not stated, so what flattens a classifier's features is asked as well.
    private static int? RankOf(GraphValue value) => value.Shape?.Rank ?? value.Producer switch
    {
        { OpType: "Flatten" } => 2,
        { OpType: "Reshape" } reshape => reshape.ConstantInput(1)?.ElementCount,
        _ => null,
    };

    private static bool IsPerChannel(TensorData addend, int missingAxes, int channelAxis, int channels)
    {
        for (int d = 0; d < addend.Rank; d++)
            if (addend.Shape[d] != 1 && !(d + missingAxes == channelAxis && addend.Shape[d] == channels))
                return false;
        return true;
    }

    private static float[]? BiasOf(GraphNode product, int channels) => product.OptionalInput(2) switch
    {
        null => new float[channels],
        { Constant: { ElementType: DataType.Float32 } constant } when constant.ElementCount == channels =>
            constant.AsSpan<float>().ToArray(),
        _ => null,
    };
}
