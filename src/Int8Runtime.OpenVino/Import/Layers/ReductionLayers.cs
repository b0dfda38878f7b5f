// Reductions.
using Int8Runtime.Graph;

namespace Int8Runtime.OpenVino.Import.Layers;

internal static class ReductionLayers
{
    /// <summary>Layer type and operator.</summary>
    public static readonly (string Type, string OpType)[] Types =
    [
        ("ReduceL1", "ReduceL1"), ("ReduceL2", "ReduceL2"), ("ReduceLogicalAnd", "ReduceMin"), ("ReduceLogicalOr", "ReduceMax"),
        ("ReduceMax", "ReduceMax"), ("ReduceMean", "ReduceMean"), ("ReduceMin", "ReduceMin"), ("ReduceProd", "ReduceProd"),
        ("ReduceSum", "ReduceSum"),
    ];

    public static void Reduce(LayerContext layer, string opType)
    {
        var attributes = new GraphAttributes { { "keepdims", layer.Boolean("keep_dims", false) } };
        GraphValue axes = layer.IntegerList(1);
        if (axes.Constant is { ElementCount: 0 })
            attributes.Add("noop_with_empty_axes", 1);
        if (!layer.Layer.Type.StartsWith("ReduceLogical", StringComparison.Ordinal))
        {
            layer.Emit(opType, [layer.Input(0), axes], attributes);
            return;
        }

        GraphValue numbers = layer.Step(opType, [layer.Cast(layer.Input(0), DataType.Int32), axes], attributes);
        layer.Emit("Cast", [numbers], new GraphAttributes { { "to", ElementTypeCodes.ToCode(DataType.Boolean) } });
    }
}
