// What may be chosen for each operator that can be quantized.
using System.Collections.Frozen;
using Int8Runtime.Graph;
using Int8Runtime.Graph.Passes;

namespace Int8Runtime.Quantization;

/// <summary>The choices that a tuner has for one node.</summary>
/// <param name="Name">Name of the node.</param>
/// <param name="OpType">Its operator.</param>
/// <param name="Precisions">Precisions in which it can be computed.</param>
/// <param name="ActivationTypes">8-bit types of the activations that it reads.</param>
/// <param name="ActivationGranularity">Granularities of their scales.</param>
/// <param name="ActivationSchemes">Symmetric (zero point in the middle) or asymmetric.</param>
/// <param name="WeightTypes">8-bit types of the weights; empty where there are none.</param>
/// <param name="WeightGranularity">Granularities of the weights' scales.</param>
/// <param name="WeightSchemes">Schemes of the weights.</param>
public sealed record OperatorCapability(
    string Name, string OpType, IReadOnlyList<string> Precisions, IReadOnlyList<string> ActivationTypes,
    IReadOnlyList<string> ActivationGranularity, IReadOnlyList<string> ActivationSchemes,
    IReadOnlyList<string> WeightTypes, IReadOnlyList<string> WeightGranularity, IReadOnlyList<string> WeightSchemes);

/// <summary>Lists capabilities.</summary>
public static class OperatorCapabilities
{
    private static readonly string[] s_precisions = ["f32", "int8"], s_types = ["u8", "s8"], s_schemes = ["asymmetric", "symmetric"];

    /// <summary>The capabilities of every node whose precision can be chosen, in the order of execution.</summary>
    /// <remarks>Of a model that is quantized already, nodes keep the capabilities that they had before.</remarks>
    public static IReadOnlyList<OperatorCapability> Of(ModelGraph model)
    {
        ModelGraph graph = GraphSimplification.Simplify(model);
        return
        [
            .. graph.Nodes.Where(n => IsQuantizable(n)).Select(n => RoleOfForm(n) == OperatorRole.Weighted
                ? new OperatorCapability(n.Name, n.OpType, s_precisions, s_types,
                    IsDepthwise(n) ? ["per tensor", "per channel"] : ["per tensor"], s_schemes, ["s8"],
                    ["per channel", "per tensor"], s_schemes)
                : new OperatorCapability(n.Name, n.OpType, s_precisions, s_types, ["per tensor"], s_schemes, [], [], [])),
        ];
    }

    // Weights that are integers already are as good as f32 ones.
    private static bool IsQuantizable(GraphNode node) =>
        OperatorPolicy.RoleOf(node,
            FrozenDictionary<string, string>.Empty).Role is OperatorRole.Weighted or OperatorRole.Computing
                || HasIntegerWeights(node);

    private static OperatorRole RoleOfForm(GraphNode node) =>
        node.OpType is "Conv" or "Gemm" or "MatMul" ? OperatorRole.Weighted : OperatorRole.Computing;

    private static bool HasIntegerWeights(GraphNode node) => (node.Is("Conv") || node.Is("Gemm") || node.Is("MatMul"))
        && node.OptionalInput(1)?.Producer is { } dequantize && dequantize.Is("DequantizeLinear")
        && dequantize.ConstantInput(0) is not null;

    private static bool IsDepthwise(GraphNode node)
    {
        GraphValue weights = node.Input(1);
        TensorData? content = weights.Constant ?? weights.Producer?.ConstantInput(0);
        return node.Is("Conv") && content is { Rank: > 2 } && content.Shape[1] == 1 && node.Attributes.GetInteger("group", 1) > 1;
    }
}
