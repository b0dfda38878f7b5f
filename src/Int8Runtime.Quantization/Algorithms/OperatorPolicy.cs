// Which operators are quantized, and how their tensors relate.
using System.Collections.Frozen;
using Int8Runtime.Graph;

namespace Int8Runtime.Quantization;

/// <summary>What an operator does to quantized values.</summary>
internal enum OperatorRole
{
    /// <summary>Computes in f32 only.</summary>
    Float,

    /// <summary>Multiplies activations with constant weights: convolution, fully connected layer.</summary>
    Weighted,

    /// <summary>Computes on quantized operands with scales of their own for operands and result.</summary>
    Computing,

    /// <summary>Moves or selects values, so that operand and result have one scale.</summary>
    Moving,

    /// <summary>A function of one value that is fused into its producer, whose result is then not quantized by itself.</summary>
    Activation,
}

/// <summary>Assigns a role to each node of a prepared graph.</summary>
internal static class OperatorPolicy
{
    private static readonly FrozenDictionary<string, OperatorRole> Roles = new Dictionary<string, OperatorRole>
    {
        ["Conv"] = OperatorRole.Weighted,
        ["Gemm"] = OperatorRole.Weighted,
        ["MatMul"] = OperatorRole.Weighted,
        ["Add"] = OperatorRole.Computing,
        ["AveragePool"] = OperatorRole.Computing,
        ["GlobalAveragePool"] = OperatorRole.Computing,
        ["ReduceMean"] = OperatorRole.Computing,
        ["Concat"] = OperatorRole.Moving,
        ["MaxPool"] = OperatorRole.Moving,
        ["GlobalMaxPool"] = OperatorRole.Moving,
        ["Reshape"] = OperatorRole.Moving,
        ["Flatten"] = OperatorRole.Moving,
        ["Squeeze"] = OperatorRole.Moving,
        ["Unsqueeze"] = OperatorRole.Moving,
        ["Transpose"] = OperatorRole.Moving,
        ["Slice"] = OperatorRole.Moving,
        ["Split"] = OperatorRole.Moving,
        ["Pad"] = OperatorRole.Moving,
        ["DepthToSpace"] = OperatorRole.Moving,
        ["SpaceToDepth"] = OperatorRole.Moving,
        ["Relu"] = OperatorRole.Activation,
        ["Clip"] = OperatorRole.Activation,
        ["LeakyRelu"] = OperatorRole.Activation,
        ["Identity"] = OperatorRole.Moving,
        ["Dropout"] = OperatorRole.Moving,
    }.ToFrozenDictionary();

    /// <summary>The role of a node, and for <see cref="OperatorRole.Float"/> the reason.</summary>
    /// <param name="node">The node.</param>
    /// <param name="exclusions">Reasons of the nodes that are not to be quantized, by name.</param>
    public static (OperatorRole Role, string Reason) RoleOf(GraphNode node, IReadOnlyDictionary<string, string> exclusions)
    {
        if (exclusions.TryGetValue(node.Name, out string? exclusion))
            return (OperatorRole.Float, exclusion);
        if (ComputesShape(node))
            return (OperatorRole.Float, "computes a shape, not data");
        if (node.Domain.Length > 0 || !Roles.TryGetValue(node.OpType, out OperatorRole role))
            return (OperatorRole.Float, $"{node.OpType} is computed in f32");
        switch (role)
        {
            case OperatorRole.Weighted when node.ConstantInput(1) is not { ElementType: DataType.Float32 }:
                return (OperatorRole.Float, "the weights are not constant f32");
            case OperatorRole.Weighted when node.OpType != "Conv" && node.ConstantInput(1)!.Rank != 2:
                return (OperatorRole.Float, "the weights are not a matrix");
            case OperatorRole.Weighted when node.OptionalInput(2) is { IsConstant: false }:
                return (OperatorRole.Float, "the bias is not constant");
            case OperatorRole.Weighted when node.OpType == "Gemm" && !IsPlainGemm(node):
                return (OperatorRole.Float, "alpha, beta or a transposed source of Gemm have no int8 form");
            case OperatorRole.Computing when node.OpType == "Add" && node.Inputs.Any(i => i is { IsConstant: true }):
                return (OperatorRole.Float, "one operand is constant");
            case OperatorRole.Moving when node.OpType == "Pad" && !PadsWithZero(node):
                return (OperatorRole.Float, "pads with other values than 0");
            default:
                return (role, "");
        }
    }

    /// <summary>True for operators that multiply activations with constant f32 weights in a form that int8 kernels have.</summary>
    public static bool IsWeighted(GraphNode node) => RoleOf(node, FrozenDictionary<string, string>.Empty).Role == OperatorRole.Weighted;

    /// <summary>The operators that can be quantized.</summary>
    public static IEnumerable<string> OperatorTypes => Roles.Keys;

    /// <summary>The axis of the output channels in the weights of a weighted node.</summary>
    public static int WeightAxis(GraphNode node) => node.OpType switch
    {
        "Conv" => 0,
        "Gemm" => node.Attributes.GetBoolean("transB") ? 0 : 1,
        _ => 1,
    };

    /// <summary>Which weights of a weighted node meet in sums of two products.</summary>
    public static WeightPairs PairsOf(GraphNode node)
    {
        TensorData weights = node.ConstantInput(1)!;
        if (node.Is("Conv"))
        {
            int[]? dilations = node.Attributes.GetInt32s("dilations");
            return WeightPairs.ForConvolution(
                new MemoryDescriptor(weights.Shape, weights.ElementType), node.Attributes.GetInt32("group", 1),
                dilations is [.., var width] ? width : 1);
        }

        // The rows of a matrix behind a flattened map belong to channels and pixels; kernels read the map with its channels last.
        bool isTransposed = node.Is("Gemm") && node.Attributes.GetBoolean("transB");
        GraphShape? map = node.Input(0).Producer is { OpType: "Flatten" or "Reshape" } flatten ? flatten.Input(0).Shape : null;
        int[] extents = map is { Rank: > 2 } shape && Enumerable.Range(1, shape.Rank - 1).All(d => shape[d].Extent is not null)
            ? [.. Enumerable.Range(1, shape.Rank - 1).Select(d => shape[d].Extent!.Value)]
            : [];
        int rows = weights.Shape[isTransposed ? 1 : 0], columns = weights.Shape[isTransposed ? 0 : 1];
        if (extents.Length == 0 || extents.Aggregate(1L, (a, b) => a * b) != rows)
            return isTransposed ? WeightPairs.ForInnerProduct(new MemoryDescriptor(weights.Shape, weights.ElementType))
                : PairsOfMatrix(weights);
        var strides = new long[extents.Length + 1];
        long stride = isTransposed ? 1 : columns;
        for (int d = extents.Length; d > 0; d--)
        {
            strides[d] = stride;
            stride *= extents[d - 1];
        }

        strides[0] = isTransposed ? stride : 1;
        return WeightPairs.ForInnerProduct(MemoryDescriptor.Strided([columns, .. extents], weights.ElementType, strides));
    }

    /// <summary>Which weights of a matrix [inputs, outputs] meet.</summary>
    public static WeightPairs PairsOfMatrix(TensorData weights) =>
        WeightPairs.ForMatMul(new MemoryDescriptor(weights.Shape, weights.ElementType));

    /// <summary>The activations that a node reads: its operands that are not weights, shapes or parameters.</summary>
    public static IEnumerable<GraphValue> ActivationInputs(GraphNode node)
    {
        int count = node.OpType is "Add" ? 2 : node.OpType is "Concat" ? node.Inputs.Count : 1;
        return node.Inputs.Take(count).OfType<GraphValue>().Where(v => !v.IsConstant);
    }

    // Extents of tensors, and what follows from them and constants alone.
    private static bool ComputesShape(GraphNode node)
    {
        if (node.OpType is "Shape" or "Size")
            return true;
        GraphNode?[] producers = [.. node.Inputs.Where(i => i is { IsConstant: false }).Select(i => i!.Producer)];
        return producers.Length > 0 && Array.TrueForAll(producers, p => p is not null && ComputesShape(p));
    }

    private static bool IsPlainGemm(GraphNode node) => node.Attributes.GetSingle("alpha", 1) == 1
        && node.Attributes.GetSingle("beta", 1) == 1 && !node.Attributes.GetBoolean("transA");

    private static bool PadsWithZero(GraphNode node) => node.Attributes.GetString("mode", "constant") == "constant"
        && (node.OptionalInput(2) is null
            || node.ConstantInput(2) is { ElementType: DataType.Float32, ElementCount: 1 } value && value.AsSpan<float>()[0] == 0);
}
