// The table of shape inference: a reader who asks which operators the graph layer knows starts here.
using System.Collections.Frozen;
using System.Diagnostics.CodeAnalysis;
using Int8Runtime.Graph.Evaluation.OpenVino;

namespace Int8Runtime.Graph.Shapes;

/// <summary>Finds the shape inference of an operator.</summary>
public static class OperatorShapes
{
    private static readonly FrozenDictionary<string, IOperatorShape> s_table = Build();

    /// <summary>All operators in the table, those of other domains with the domain in front.</summary>
    internal static IEnumerable<string> AllOperators => s_table.Keys;

    /// <summary>Finds the shape inference of a standard operator.</summary>
    public static bool TryGet(string opType, [NotNullWhen(true)] out IOperatorShape? shape) =>
        s_table.TryGetValue(opType, out shape);

    /// <summary>Finds the shape inference of the operator of a node.</summary>
    public static bool TryGet(GraphNode node, [NotNullWhen(true)] out IOperatorShape? shape) =>
        s_table.TryGetValue(OperatorDomains.KeyOf(node), out shape);

    private static FrozenDictionary<string, IOperatorShape> Build()
    {
        var table = new Dictionary<string, IOperatorShape>();
        Add(new SameShape(),
            "Abs", "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "BatchNormalization", "BitwiseNot", "Ceil", "Celu", "Cos",
            "Cosh", "CumSum",
            "Elu", "Erf", "Exp", "Floor", "Gelu", "GroupNormalization", "HardSigmoid", "HardSwish", "Hardmax", "Identity",
            "InstanceNormalization", "LRN", "LeakyRelu", "Log", "LogSoftmax", "Mish", "Neg", "Reciprocal", "Relu", "Round",
            "Selu", "Shrink", "Sigmoid", "Sign", "Sin", "Sinh", "Softmax", "Softplus", "Softsign", "Sqrt", "Swish", "Tan", "Tanh", "ThresholdedRelu", "Trilu");
        Add(new SameShape(DataType.Boolean), "IsInf", "IsNaN");
        Add(new NegationShape(), "Not");
        Add(new SlopesShape(), "PRelu");
        Add(new ClipShape(), "Clip");
        Add(new ScatterShape(), "ScatterElements", "ScatterND");
        Add(new DropoutShape(), "Dropout");
        Add(new CastShape(), "Cast", "CastLike");
        Add(new EyeShape(), "EyeLike");
        Add(new LayerNormalizationShape(), "LayerNormalization");
        Add(new QuantizeShape(), "QuantizeLinear");
        Add(new DequantizeShape(), "DequantizeLinear");
        Add(new DynamicQuantizeShape(), "DynamicQuantizeLinear");
        Add(new BroadcastShape(), "Add", "BitShift", "BitwiseAnd", "BitwiseOr", "BitwiseXor", "Div", "Max", "Mean", "Min", "Mod",
            "Mul", "Pow", "Sub", "Sum");
        Add(new BroadcastShape(DataType.Boolean), "And", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Or", "Xor");
        Add(new WhereShape(), "Where");
        Add(new ConvolutionShape(), "Conv", "ConvInteger");
        Add(new TransposedConvolutionShape(), "ConvTranspose");
        Add(new PoolingShape(), "AveragePool", "LpPool", "MaxPool");
        Add(new GlobalPoolingShape(), "GlobalAveragePool", "GlobalLpPool", "GlobalMaxPool");
        Add(new MatMulShape(), "MatMul", "MatMulInteger");
        Add(new GemmShape(), "Gemm");
        Add(new ReductionShape(),
            "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd", "ReduceSum",
            "ReduceSumSquare");
        Add(new ArgumentShape(), "ArgMax", "ArgMin");
        Add(new TopKShape(), "TopK");
        Add(new ReshapeShape(), "Flatten", "Reshape", "Squeeze", "Unsqueeze");
        Add(new TransposeShape(), "Transpose");
        Add(new ExpandShape(), "Expand");
        Add(new TileShape(), "Tile");
        Add(new DepthSpaceShape(), "DepthToSpace", "SpaceToDepth");
        Add(new ConcatShape(), "Concat");
        Add(new SplitShape(), "Split");
        Add(new SliceShape(), "Slice");
        Add(new PadShape(), "Pad");
        Add(new GatherShape(), "Gather");
        Add(new GatherElementsShape(), "GatherElements");
        Add(new GatherNDShape(), "GatherND");
        Add(new ResizeShape(), "Resize");
        Add(new ShapeOfShape(), "Shape", "Size");
        Add(new ConstantOfShapeShape(), "ConstantOfShape");
        Add(new RangeShape(), "Range");
        Add(new OneHotShape(), "OneHot");
        Add(new RoiAlignShape(), "RoiAlign");
        Add(new MaxRoiPoolShape(), "MaxRoiPool");
        Add(new GridSampleShape(), "GridSample");
        AddOpenVino(new SameShape(), "FakeQuantize");
        AddOpenVino(new DetectionOutputShape(), "DetectionOutput");
        AddOpenVino(new PriorBoxShape(isClustered: false), "PriorBox");
        AddOpenVino(new PriorBoxShape(isClustered: true), "PriorBoxClustered");
        AddOpenVino(new RegionYoloShape(), "RegionYolo");
        AddOpenVino(new ProposalShape(), "Proposal");
        AddOpenVino(new RoiAlignShape("pooled_h", "pooled_w"), "ROIAlign");
        AddOpenVino(new RoiPoolingShape(), "ROIPooling");
        AddOpenVino(new PositionSensitivePoolingShape(), "PSROIPooling");
        AddOpenVino(new EmbeddingShape(bySegments: false), "EmbeddingBagOffsetsSum");
        AddOpenVino(new EmbeddingShape(bySegments: true), "EmbeddingSegmentsSum");
        return table.ToFrozenDictionary();

        void Add(IOperatorShape shape, params ReadOnlySpan<string> opTypes)
        {
            foreach (string opType in opTypes)
                table.Add(opType, shape);
        }

        void AddOpenVino(IOperatorShape shape, params ReadOnlySpan<string> opTypes)
        {
            foreach (string opType in opTypes)
                table.Add(OperatorDomains.KeyOf(OperatorDomains.OpenVino, opType), shape);
        }
    }
}
