// The table of operators that need more than a copy on import: older forms, and operators that are decomposed.
using System.Collections.Frozen;
using Int8Runtime.Graph;
using Int8Runtime.Onnx.Import.Composed;
using Int8Runtime.Onnx.Import.Fused;
using Int8Runtime.Onnx.Import.Quantized;
using Int8Runtime.Onnx.Import.Upgrades;

namespace Int8Runtime.Onnx.Import;

/// <summary>Adds a node of the file to the graph, in the form that <see cref="ModelGraph.OperatorSet"/>
/// defines.</summary>
internal delegate void NodeImporter(NodeDraft node, ImportContext context);

/// <summary>Finds the importer of an operator.</summary>
internal static class NodeImporters
{
    /// <summary>The domain of the operators that ONNX Runtime adds to the standard.</summary>
    public const string MicrosoftDomain = "com.microsoft";

    private static readonly FrozenDictionary<string, NodeImporter> s_standard = new Dictionary<string, NodeImporter>
    {
        ["AffineGrid"] = ImageCompositions.AffineGrid,
        ["Attention"] = StandardAttention.Import,
        ["BatchNormalization"] = NormalizationUpgrades.BatchNormalization,
        ["CenterCropPad"] = StandardCompositions.CenterCropPad,
        ["Clip"] = AttributesToInputs.Clip,
        ["Col2Im"] = ImageCompositions.Col2Im,
        ["Dropout"] = NormalizationUpgrades.Dropout,
        ["Einsum"] = StandardCompositions.Einsum,
        ["GridSample"] = StandardCompositions.GridSample,
        ["GroupNormalization"] = NormalizationUpgrades.GroupNormalization,
        ["LogSoftmax"] = SoftmaxUpgrade.Import,
        ["Hardmax"] = SoftmaxUpgrade.Import,
        ["LpNormalization"] = NormalizationDecompositions.LpNormalization,
        ["MaxUnpool"] = ImageCompositions.MaxUnpool,
        ["MeanVarianceNormalization"] = NormalizationDecompositions.MeanVariance,
        ["Pad"] = AttributesToInputs.Pad,
        ["QLinearConv"] = QLinearProducts.Conv,
        ["QLinearMatMul"] = QLinearProducts.MatMul,
        ["ReduceL1"] = AttributesToInputs.Axes,
        ["ReduceL2"] = AttributesToInputs.Axes,
        ["ReduceLogSum"] = AttributesToInputs.Axes,
        ["ReduceLogSumExp"] = AttributesToInputs.Axes,
        ["ReduceMax"] = AttributesToInputs.Axes,
        ["ReduceMean"] = AttributesToInputs.Axes,
        ["ReduceMin"] = AttributesToInputs.Axes,
        ["ReduceProd"] = AttributesToInputs.Axes,
        ["ReduceSum"] = AttributesToInputs.Axes,
        ["ReduceSumSquare"] = AttributesToInputs.Axes,
        ["Resize"] = ResizeUpgrade.Resize,
        ["RMSNormalization"] = NormalizationDecompositions.RootMeanSquare,
        ["SimplifiedLayerNormalization"] = NormalizationDecompositions.RootMeanSquare,
        ["ReverseSequence"] = StandardCompositions.ReverseSequence,
        ["RoiAlign"] = RoiAlignUpgrade.Import,
        ["RotaryEmbedding"] = RotaryEmbedding.Standard,
        ["Scatter"] = static (node, context) => Rename(node, context, "ScatterElements"),
        ["Slice"] = AttributesToInputs.Slice,
        ["Softmax"] = SoftmaxUpgrade.Import,
        ["Split"] = AttributesToInputs.Split,
        ["Squeeze"] = AttributesToInputs.Axes,
        ["Sum"] = static (node, context) => Rename(node, context, node.Inputs.Count == 2 ? "Add" : node.OpType),
        ["TensorScatter"] = StandardCompositions.TensorScatter,
        ["TopK"] = AttributesToInputs.TopK,
        ["Unsqueeze"] = AttributesToInputs.Axes,
        ["Upsample"] = ResizeUpgrade.Upsample,
    }.ToFrozenDictionary();

    private static readonly FrozenDictionary<string, NodeImporter> s_microsoft = new Dictionary<string, NodeImporter>
    {
        ["Attention"] = AttentionDecompositions.Attention,
        ["BiasGelu"] = FusedActivations.BiasGelu,
        ["DequantizeLinear"] = static (node, context) => Rename(node, context, "DequantizeLinear"),
        ["DynamicQuantizeMatMul"] = DynamicProducts.DynamicQuantizeMatMul,
        ["EmbedLayerNormalization"] = NormalizationDecompositions.EmbedLayer,
        ["FastGelu"] = FusedActivations.FastGelu,
        ["FusedConv"] = FusedProducts.Conv,
        ["FusedGemm"] = FusedProducts.Gemm,
        ["FusedMatMul"] = FusedProducts.MatMul,
        ["GatherBlockQuantized"] = BlockQuantized.Gather,
        ["Gelu"] = static (node, context) => Rename(node, context, "Gelu"),
        ["MatMulIntegerToFloat"] = DynamicProducts.MatMulIntegerToFloat,
        ["MatMulNBits"] = BlockQuantized.MatMul,
        ["MultiHeadAttention"] = AttentionDecompositions.MultiHead,
        ["NhwcConv"] = ChannelsLastProducts.Conv,
        ["NhwcFusedConv"] = ChannelsLastProducts.Conv,
        ["NhwcMaxPool"] = ChannelsLastProducts.MaxPool,
        ["QAttention"] = AttentionDecompositions.Quantized,
        ["QGemm"] = QLinearProducts.Gemm,
        ["QLinearAdd"] = QLinearElementwise.Add,
        ["QLinearAveragePool"] = QLinearPooling.Average,
        ["QLinearConcat"] = QLinearElementwise.Concat,
        ["QLinearConv"] = QLinearProducts.Conv,
        ["QLinearGlobalAveragePool"] = QLinearPooling.GlobalAverage,
        ["QLinearLeakyRelu"] = QLinearElementwise.LeakyRelu,
        ["QLinearMul"] = QLinearElementwise.Mul,
        ["QLinearReduceMean"] = QLinearPooling.ReduceMean,
        ["QLinearSigmoid"] = QLinearElementwise.Sigmoid,
        ["QLinearSoftmax"] = QLinearElementwise.Softmax,
        ["QLinearWhere"] = QLinearElementwise.Where,
        ["QuantizeLinear"] = static (node, context) => Rename(node, context, "QuantizeLinear"),
        ["QuickGelu"] = FusedActivations.QuickGelu,
        ["RotaryEmbedding"] = RotaryEmbedding.Microsoft,
        ["SimplifiedLayerNormalization"] = NormalizationDecompositions.RootMeanSquare,
        ["SkipLayerNormalization"] = NormalizationDecompositions.SkipLayer,
        ["SkipSimplifiedLayerNormalization"] = NormalizationDecompositions.SkipRootMeanSquare,
    }.ToFrozenDictionary();

    /// <summary>The importer of an operator; operators without an entry are taken over as they are.</summary>
    public static NodeImporter Find(string domain, string opType) =>
        (domain.Length == 0 ? s_standard : s_microsoft).TryGetValue(opType, out NodeImporter? importer)
            ? importer
            : static (node, context) => context.Emit(node);

    private static void Rename(NodeDraft node, ImportContext context, string opType)
    {
        node.OpType = opType;
        node.Domain = "";
        context.Emit(node);
    }
}
