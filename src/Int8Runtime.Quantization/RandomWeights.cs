// Replaces the weights of a model by seeded random values.
using Int8Runtime.Graph;

namespace Int8Runtime.Quantization;

/// <summary>
/// Gives convolutions and fully connected layers random weights, so that a model whose weights are constant or absent can
/// be timed under realistic numbers: zeros and denormals distort speed.
/// </summary>
public static class RandomWeights
{
    /// <summary>
    /// Returns a copy whose weights are normally distributed with variance 2 / fan-in (He et al., "Delving deep into
    /// rectifiers", 2015), which keeps activations of a rectified network in range. Biases become zero; batch
    /// normalizations become the identity.
    /// </summary>
    /// <param name="model">The model, with constants folded.</param>
    /// <param name="seed">Equal seeds give equal weights.</param>
    public static ModelGraph Apply(ModelGraph model, int seed)
    {
        ArgumentNullException.ThrowIfNull(model);
        ModelGraph graph = model.Clone();
        var random = new Random(seed);
        foreach (GraphNode node in graph.Nodes)
        {
            switch (node.OpType)
            {
                case "Conv" or "Gemm" or "MatMul" when node.ConstantInput(1) is { ElementType: DataType.Float32 } weights:
                    double fanIn = node.OpType == "Conv" || node.Attributes.GetBoolean("transB")
                        ? weights.ElementCount / Math.Max(1, weights.Shape[0])
                        : weights.Rank > 1 ? weights.Shape[^2] : weights.ElementCount;
                    Replace(graph, node, 1, Normal(random, weights.Shape, Math.Sqrt(2 / fanIn)));
                    if (node.ConstantInput(2) is { ElementType: DataType.Float32 } bias)
                        Replace(graph, node, 2, Filled(bias.Shape, 0));
                    break;
                case "BatchNormalization" when node.ConstantInput(1) is { } scale:
                    for (int i = 1; i <= 4; i++)
                        Replace(graph, node, i, Filled(scale.Shape, i is 1 or 4 ? 1 : 0));
                    break;
            }
        }

        graph.RemoveDeadNodes();
        return graph;
    }

    private static void Replace(ModelGraph graph, GraphNode node, int input, TensorData content) =>
        node.SetInput(input, graph.AddConstant(node.Input(input).Name + "_random", content));

    private static TensorData Normal(Random random, Shape shape, double deviation)
    {
        TensorData tensor = TensorData.Allocate(DataType.Float32, shape, out Span<float> values);
        NormalDistribution.Fill(random, values, deviation);
        return tensor;
    }

    private static TensorData Filled(Shape shape, float value)
    {
        TensorData tensor = TensorData.Allocate(DataType.Float32, shape, out Span<float> values);
        values.Fill(value);
        return tensor;
    }
}
