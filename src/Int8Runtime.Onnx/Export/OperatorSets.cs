// The operator set that a graph needs: most consumers of quantized models are old, so the file states the lowest one.
using System.Collections.Frozen;
using Int8Runtime.Graph;

namespace Int8Runtime.Onnx.Export;

/// <summary>Finds the operator set to write.</summary>
internal static class OperatorSets
{
    /// <summary>Per-axis quantization needs operator set 13.</summary>
    public const int Lowest = 13;

    // Operators that are newer than the lowest set.
    private static readonly FrozenDictionary<string, int> s_introduced = new Dictionary<string, int>
    {
        ["Trilu"] = 14, ["HardSwish"] = 14,
        ["Bernoulli"] = 15,
        ["GridSample"] = 16, ["RoiAlign"] = 16,
        ["LayerNormalization"] = 17, ["SequenceMap"] = 17, ["DFT"] = 17, ["STFT"] = 17, ["MelWeightMatrix"] = 17,
        ["BlackmanWindow"] = 17, ["HammingWindow"] = 17, ["HannWindow"] = 17,
        ["BitwiseAnd"] = 18, ["BitwiseNot"] = 18, ["BitwiseOr"] = 18, ["BitwiseXor"] = 18, ["CenterCropPad"] = 18, ["Col2Im"] = 18,
        ["Mish"] = 18, ["OptionalGetElement"] = 18,
        ["DeformConv"] = 19,
        ["AffineGrid"] = 20, ["Gelu"] = 20, ["ImageDecoder"] = 20,
        ["GroupNormalization"] = 21,
        ["Attention"] = 23, ["RMSNormalization"] = 23, ["RotaryEmbedding"] = 23,
        ["Swish"] = 24, ["TensorScatter"] = 24,
    }.ToFrozenDictionary();

    /// <summary>The IR version that came with an operator set.</summary>
    public static int IrVersionOf(int operatorSet) => operatorSet switch
    {
        <= 14 => 7,
        <= 18 => 8,
        <= 20 => 9,
        <= 22 => 10,
        23 => 11,
        _ => 12,
    };

    /// <summary>The lowest set that has all operators of the graph in the forms used.</summary>
    public static int For(ModelGraph graph)
    {
        int version = Lowest;
        foreach (GraphNode node in graph.Nodes)
        {
            if (node.Domain.Length == 0)
                version = Math.Max(version, Needed(node));
        }
        return version;
    }

    private static int Needed(GraphNode node)
    {
        if (s_introduced.TryGetValue(node.OpType, out int introduced))
            return introduced;
        bool Has(string attribute) => node.Attributes.Contains(attribute);
        return node.OpType switch
        {
            "QuantizeLinear" or "DequantizeLinear" when Has("block_size") || Has("output_dtype") || IsWide(node.OptionalInput(2))
                || node.Input(0).ElementType.IsInt4() || node.OptionalInput(2)?.ElementType.IsInt4() == true => 21,
            "Resize" when node.Attributes.GetString("coordinate_transformation_mode") == "half_pixel_symmetric" => 19,
            "Resize" when Has("antialias") || Has("axes") || Has("keep_aspect_ratio_policy") => 18,
            "AveragePool" when Has("dilations") => 19,
            "Pad" when node.Attributes.GetString("mode") == "wrap" => 19,
            "Pad" when node.OptionalInput(3) is not null => 18,
            "Split" when IsUneven(node) => 18,
            "ScatterElements" or "ScatterND" when node.Attributes.GetString("reduction", "none") is "max" or "min" => 18,
            "ScatterElements" or "ScatterND" when Has("reduction") => 16,
            "Shape" when Has("start") || Has("end") => 15,
            "Reshape" when node.Attributes.GetBoolean("allowzero") => 14,
            "Add" or "Sub" or "Mul" or "Div" or "Relu" when node.Inputs.Any(i => IsNarrow(i?.ElementType)) => 14,
            _ when AttributeAxes.Applies(node) && (node.OptionalInput(1) is { IsConstant: false } || Has("noop_with_empty_axes")) => 18,
            _ => Lowest,
        };
    }

    private static bool IsWide(GraphValue? zeroPoint) => zeroPoint?.ElementType is DataType.Int16 or DataType.UInt16;

    private static bool IsNarrow(DataType? type) =>
        type is DataType.Int8 or DataType.UInt8 or DataType.Int16 or DataType.UInt16;

    // Without sizes, sets before 18 divide into equal parts only; the extent is known where the shape is.
    private static bool IsUneven(GraphNode node)
    {
        if (node.OptionalInput(1) is not null)
            return false;
        int axis = node.Attributes.GetInt32("axis");
        GraphShape? shape = node.Input(0).Shape;
        if (shape is null)
            return false;
        axis = axis < 0 ? axis + shape.Rank : axis;
        return axis >= 0 && axis < shape.Rank && shape[axis].Extent is { } extent && extent % node.Outputs.Count != 0;
    }
}
