// Parameters and floating-point operations of a model, node by node.
using Int8Runtime.Graph;
using Int8Runtime.Graph.Shapes;

namespace Int8Runtime.Quantization.Pruning;

/// <summary>What one node costs.</summary>
/// <param name="Filters">Output channels of a convolution; 0 for other nodes.</param>
/// <param name="Parameters">Elements of its f32 constants; one that several nodes read counts for the first of them.</param>
/// <param name="Flops">
/// Floating-point operations for one sample: two for each multiply-accumulate of convolutions, transposed ones too, and products.
/// </param>
public readonly record struct NodeCost(int Filters, long Parameters, long Flops);

/// <summary>Counts parameters and operations.</summary>
public static class ModelCost
{
    /// <summary>The cost of every node, by name.</summary>
    /// <param name="graph">The model, with constants folded.</param>
    /// <param name="inputShapes">Concrete shapes of inputs that are open, with batch size 1.</param>
    /// <exception cref="ModelFormatException">The shapes do not fit the model.</exception>
    public static IReadOnlyDictionary<string, NodeCost> Of(ModelGraph graph, IReadOnlyDictionary<string, Shape>? inputShapes = null)
    {
        ArgumentNullException.ThrowIfNull(graph);
        InferredTensors shapes = ShapeInference.Infer(graph, inputShapes);
        var counted = new HashSet<GraphValue>();
        return graph.Nodes.ToDictionary(
            n => n.Name,
            n => new NodeCost(
                n.Is("Conv") ? shapes[n.Input(1)].Shape[0] : 0,
                n.Inputs.Where(i => i?.Constant is { ElementType: DataType.Float32 } && counted.Add(i))
                    .Sum(i => (long)i!.Constant!.ElementCount),
                2 * MultiplyAccumulates(n, shapes)),
            StringComparer.Ordinal);
    }

    private static long MultiplyAccumulates(GraphNode node, InferredTensors shapes)
    {
        switch (node.OpType)
        {
            case "Conv":
                Shape weights = shapes[node.Input(1)].Shape;
                return shapes[node.Output].Shape.ElementCount * (weights.ElementCount / Math.Max(1, weights[0]));
            case "ConvTranspose":
                // Every element of the source meets the weights of its channel.
                Shape kernels = shapes[node.Input(1)].Shape;
                return shapes[node.Input(0)].Shape.ElementCount * (kernels.ElementCount / Math.Max(1, kernels[0]));
            case "Gemm" or "MatMul":
                Shape a = shapes[node.Input(0)].Shape;
                int depth = node.Is("Gemm") && node.Attributes.GetBoolean("transA") ? a[0] : a[a.Rank - 1];
                return shapes[node.Output].Shape.ElementCount * depth;
            default:
                return 0;
        }
    }
}
