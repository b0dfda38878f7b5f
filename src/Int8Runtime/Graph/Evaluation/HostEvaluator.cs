// The table of operators that run in plain C#.
using System.Collections.Frozen;
using System.Diagnostics.CodeAnalysis;
using Int8Runtime.Graph.Evaluation.OpenVino;
using Int8Runtime.Graph.Shapes;

namespace Int8Runtime.Graph.Evaluation;

/// <summary>Evaluates nodes on the host.</summary>
public static class HostEvaluator
{
    private static readonly FrozenDictionary<string, IHostOperator> s_table = Build();

    /// <summary>The standard operators in the table.</summary>
    internal static IEnumerable<string> Operators => AllOperators.Where(k => !OperatorDomains.IsForeign(k));

    /// <summary>All operators in the table, those of other domains with the domain in front.</summary>
    internal static IEnumerable<string> AllOperators => s_table.Keys;

    /// <summary>Finds the host form of a standard operator.</summary>
    public static bool TryGet(string opType, [NotNullWhen(true)] out IHostOperator? evaluator) =>
        s_table.TryGetValue(opType, out evaluator);

    /// <summary>Finds the host form of the operator of a node.</summary>
    public static bool TryGet(GraphNode node, [NotNullWhen(true)] out IHostOperator? evaluator)
    {
        return s_table.TryGetValue(OperatorDomains.KeyOf(node), out evaluator);
    }

    /// <summary>Evaluates a node.</summary>
    /// <exception cref="UnsupportedModelException">The operator has no host form.</exception>
    /// <exception cref="ModelFormatException">The operands do not fit the operator.</exception>
    public static TensorData[] Evaluate(GraphNode node, IReadOnlyList<TensorData?> inputs)
    {
        if (!TryGet(node, out IHostOperator? evaluator))
            throw new UnsupportedModelException($"{node}: the operator is not supported.");
        TensorData[] outputs = [];
        OperatorGuard.Run(node, () => outputs = evaluator.Evaluate(NodeOperands.Of(node, inputs)));
        return outputs;
    }

    private static FrozenDictionary<string, IHostOperator> Build()
    {
        var table = new Dictionary<string, IHostOperator>();

        // The same elements, the same order.
        One("Identity", o => Content(o, 0));
        Many("Dropout", Dropout);
        foreach (string opType in (string[])["Reshape", "Flatten", "Squeeze", "Unsqueeze"])
            One(opType, o => Content(o, 0).Reshaped(ReshapeShape.TargetOf(o)));

        // The same elements elsewhere.
        One("Transpose", LayoutOperators.Transpose);
        One("Slice", LayoutOperators.Slice);
        One("Expand", LayoutOperators.Expand);
        One("Tile", LayoutOperators.Tile);
        One("Pad", LayoutOperators.Pad);
        One("Concat", LayoutOperators.Concat);
        Many("Split", LayoutOperators.Split);
        One("DepthToSpace", LayoutOperators.DepthToSpace);
        One("SpaceToDepth", LayoutOperators.SpaceToDepth);
        One("Trilu", LayoutOperators.Trilu);
        One("Resize", ResizeOperator.Evaluate);
        One("GridSample", GridSampling.Sample);

        // Indices.
        One("Gather", IndexingOperators.Gather);
        One("GatherElements", IndexingOperators.GatherElements);
        One("GatherND", IndexingOperators.GatherND);
        One("ScatterND", ScatterOperators.ScatterND);
        One("ScatterElements", ScatterOperators.ScatterElements);
        One("NonZero", IndexingOperators.NonZero);
        Many("Unique", SetOperators.Unique);
        One("Compress", SetOperators.Compress);
        One("NonMaxSuppression", BoxOperators.NonMaxSuppression);
        One("RoiAlign", BoxOperators.RoiAlign);
        One("MaxRoiPool", RegionPooling.Maximum);
        One("OneHot", IndexingOperators.OneHot);

        // Tensors from shapes and numbers.
        One("Shape", ConstructionOperators.ShapeOf);
        One("Size", ConstructionOperators.SizeOf);
        One("ConstantOfShape", ConstructionOperators.ConstantOfShape);
        One("Range", ConstructionOperators.Range);
        One("EyeLike", ConstructionOperators.EyeLike);
        One("Cast", ConstructionOperators.Cast);
        One("CastLike", ConstructionOperators.Cast);

        // Arithmetic.
        foreach (string opType in BinaryOperators.Arithmetic)
            One(opType, BinaryOperators.Evaluate);
        foreach (string opType in ComparisonOperators.Names)
            One(opType, ComparisonOperators.Evaluate);
        foreach (string opType in UnaryOperators.Names)
            One(opType, UnaryOperators.Evaluate);
        foreach (string opType in BitOperators.Names)
            One(opType, BitOperators.Evaluate);
        foreach (string opType in SoftmaxOperators.Names)
            One(opType, SoftmaxOperators.Evaluate);
        One("MatMul", ProductOperators.MatMul);
        Many("MaxPool", PoolingOperators.Max);
        One("LpPool", PoolingOperators.Lp);
        One("GlobalLpPool", PoolingOperators.GlobalLp);
        One("Pow", BinaryOperators.Pow);
        One("Where", SelectionOperators.Where);
        One("Clip", SelectionOperators.Clip);
        One("CumSum", ScanOperators.CumSum);
        Many("LayerNormalization", NormalizationOperators.LayerNormalization);
        foreach (string opType in (string[])["GroupNormalization", "InstanceNormalization"])
            One(opType, NormalizationOperators.GroupNormalization);
        foreach (string opType in ReductionOperators.Names)
            One(opType, ReductionOperators.Evaluate);
        One("ArgMax", SearchOperators.ArgMax);
        One("ArgMin", SearchOperators.ArgMin);
        Many("TopK", SearchOperators.TopK);
        One("QuantizeLinear", QuantizationOperators.Quantize);
        One("DequantizeLinear", QuantizationOperators.Dequantize);
        Many("DynamicQuantizeLinear", QuantizationOperators.DynamicQuantize);
        OpenVinoOperators.Register(table);
        return table.ToFrozenDictionary();

        void One(string opType, Func<NodeOperands, TensorData> evaluate) => table.Add(opType, new HostOperator(evaluate));
        void Many(string opType, Func<NodeOperands, TensorData[]> evaluate) => table.Add(opType, new HostOperator(evaluate));
    }

    /// <summary>The content of an operand.</summary>
    internal static TensorData Content(NodeOperands operands, int index) => operands.KnownValue(index, "elements");

    // In inference everything passes, and the mask says so.
    private static TensorData[] Dropout(NodeOperands operands)
    {
        if (operands.Scalar(2, "training mode") is not (null or 0) && operands.Scalar(1, "ratio") is not 0)
            throw new UnsupportedModelException(
                $"{operands.Node} is in training mode. Export the model for inference.");
        TensorData mask = TensorData.Allocate(DataType.Boolean, operands[0].Shape, out Span<byte> passes);
        passes.Fill(1);
        return [Content(operands, 0), mask];
    }
}
