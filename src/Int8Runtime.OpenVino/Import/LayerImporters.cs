// The table of layers: a reader who asks which operators of OpenVINO are known starts here.
using System.Collections.Frozen;
using Int8Runtime.Graph;
using Int8Runtime.OpenVino.Import.Layers;

namespace Int8Runtime.OpenVino.Import;

/// <summary>Turns a layer into nodes of the graph.</summary>
internal delegate void LayerImporter(LayerContext layer);

/// <summary>Finds the importer of a layer by type, and checks that its version is known.</summary>
internal static class LayerImporters
{
    private static readonly FrozenDictionary<string, (int Newest, LayerImporter Import)> s_table = Build();

    /// <summary>The types that are read, with the newest operator set whose form is understood.</summary>
    public static IEnumerable<(string Type, int Newest)> Known =>
        s_table.Select(e => (e.Key, e.Value.Newest)).OrderBy(e => e.Key, StringComparer.Ordinal);

    /// <summary>The importer of a layer.</summary>
    /// <exception cref="UnsupportedModelException">There is none for its type or version.</exception>
    public static LayerImporter Find(IrLayer layer)
    {
        if (!s_table.TryGetValue(layer.Type, out (int Newest, LayerImporter Import) entry))
        {
            throw new UnsupportedModelException(layer.Type is "TensorIterator" or "Loop" or "If" or "ReadValue" or "Assign"
                ? $"{layer}: control flow and state are not supported. Export the model without loops."
                : $"{layer}: the layer type is not supported. Convert the model with other operators.");
        }

        return layer.OperatorSet >= 1 && layer.OperatorSet <= entry.Newest
            ? entry.Import
            : throw new UnsupportedModelException(
                $"{layer}: this version of the layer is not supported; versions up to opset{entry.Newest} are. Convert the "
                    + "model with another OpenVINO.");
    }

    private static FrozenDictionary<string, (int, LayerImporter)> Build()
    {
        var table = new Dictionary<string, (int, LayerImporter)>();
        foreach ((string type, string opType, int newest) in ElementwiseLayers.Unary)
            Add(type, newest, layer => layer.Emit(opType, [layer.Input(0)]));
        foreach ((string type, string opType, int newest) in ElementwiseLayers.Binary)
            Add(type, newest, layer => ElementwiseLayers.ImportBinary(layer, opType));
        foreach ((string type, string opType) in ReductionLayers.Types)
            Add(type, 4, layer => ReductionLayers.Reduce(layer, opType));

        Add("Clamp", 1, ElementwiseLayers.Clamp);
        Add("Divide", 1, ElementwiseLayers.Divide);
        Add("Elu", 1, static layer => layer.Emit("Elu", [layer.Input(0)], new GraphAttributes { { "alpha", layer.Real("alpha") } }));
        Add("FloorMod", 1, ElementwiseLayers.FloorMod);
        Add("Gelu", 7, ElementwiseLayers.Gelu);
        Add("HSigmoid", 5, ElementwiseLayers.HSigmoid);
        Add("HardSigmoid", 1, ElementwiseLayers.HardSigmoid);
        Add("IsFinite", 10, ElementwiseLayers.IsFinite);
        Add("Mod", 1, static layer => layer.Emit("Mod", [layer.Input(0), layer.Input(1)], new GraphAttributes { { "fmod", 1 } }));
        Add("Multiply", 1, QuantizationLayers.Multiply);
        Add("NotEqual", 1, ElementwiseLayers.NotEqual);
        Add("PReLU", 1, ElementwiseLayers.PRelu);
        Add("Round", 5, ElementwiseLayers.Round);
        Add("Select", 1, static layer => layer.Emit("Where", [layer.Input(0), layer.Input(1), layer.Input(2)]));
        Add("Selu", 1, ElementwiseLayers.Selu);
        Add("SquaredDifference", 1, ElementwiseLayers.SquaredDifference);
        Add("Subtract", 1, QuantizationLayers.Subtract);
        Add("Swish", 4, ElementwiseLayers.Swish);

        Add("Convolution", 1, ConvolutionLayers.Convolution);
        Add("GroupConvolution", 1, ConvolutionLayers.GroupConvolution);
        Add("ConvolutionBackpropData", 1, ConvolutionLayers.Transposed);
        Add("GroupConvolutionBackpropData", 1, ConvolutionLayers.GroupTransposed);
        Add("MatMul", 1, ConvolutionLayers.MatMul);
        Add("AvgPool", 1, PoolingLayers.Average);
        Add("MaxPool", 8, PoolingLayers.Maximum);

        Add("BatchNormInference", 5, NormalizationLayers.Batch);
        Add("GroupNormalization", 12, NormalizationLayers.Group);
        Add("LogSoftmax", 5, static layer => NormalizationLayers.Softmax(layer, "LogSoftmax"));
        Add("LRN", 1, NormalizationLayers.Lrn);
        Add("MVN", 6, NormalizationLayers.Mvn);
        Add("NormalizeL2", 1, NormalizationLayers.L2);
        Add("SoftMax", 8, static layer => NormalizationLayers.Softmax(layer, "Softmax"));
        Add("Softmax", 8, static layer => NormalizationLayers.Softmax(layer, "Softmax"));

        Add("Broadcast", 3, ShapeLayers.Broadcast);
        Add("Concat", 1, static layer => layer.Emit("Concat", layer.AllInputs(),
            new GraphAttributes { { "axis", layer.Integer("axis") } }));
        Add("DepthToSpace", 1, LayoutLayers.DepthToSpace);
        Add("Pad", 12, LayoutLayers.Pad);
        Add("Range", 4, ShapeLayers.Range);
        Add("ReorgYolo", 2, LayoutLayers.ReorgYolo);
        Add("Reshape", 1, ShapeLayers.Reshape);
        Add("Reverse", 1, LayoutLayers.Reverse);
        Add("ShapeOf", 3, ShapeLayers.ShapeOf);
        Add("ShuffleChannels", 3, LayoutLayers.ShuffleChannels);
        Add("Slice", 8, LayoutLayers.Slice);
        Add("SpaceToDepth", 1, LayoutLayers.SpaceToDepth);
        Add("Split", 1, LayoutLayers.Split);
        Add("Squeeze", 15, static layer => ShapeLayers.Axes(layer, "Squeeze"));
        Add("StridedSlice", 1, LayoutLayers.StridedSlice);
        Add("Tile", 1, ShapeLayers.Tile);
        Add("Transpose", 1, ShapeLayers.Transpose);
        Add("Unsqueeze", 1, static layer => ShapeLayers.Axes(layer, "Unsqueeze"));
        Add("VariadicSplit", 1, LayoutLayers.VariadicSplit);
        Add("Interpolate", 11, InterpolateLayers.Interpolate);

        Add("CumSum", 3, IndexingLayers.CumSum);
        Add("EmbeddingBagOffsetsSum", 3, IndexingLayers.BagOffsets);
        Add("EmbeddingBagPackedSum", 3, IndexingLayers.BagPacked);
        Add("EmbeddingSegmentsSum", 3, IndexingLayers.Segments);
        Add("Gather", 8, IndexingLayers.Gather);
        Add("GatherElements", 6, static layer => layer.Emit(
            "GatherElements", [layer.Input(0), layer.Input(1)], new GraphAttributes { { "axis", layer.Integer("axis") } }));
        Add("GatherND", 8, IndexingLayers.GatherND);
        Add("NonZero", 3, IndexingLayers.NonZero);
        Add("OneHot", 1, IndexingLayers.OneHot);
        Add("ScatterElementsUpdate", 12, IndexingLayers.ScatterElements);
        Add("ScatterNDUpdate", 15, IndexingLayers.ScatterND);
        Add("ScatterUpdate", 3, IndexingLayers.Scatter);
        Add("TopK", 11, IndexingLayers.TopK);

        Add("Einsum", 7, ComposedLayers.Einsum);
        Add("GridSample", 9, ComposedLayers.GridSample);
        Add("ReverseSequence", 1, ComposedLayers.ReverseSequence);
        Add("ScaledDotProductAttention", 13, ComposedLayers.Attention);

        Add("Convert", 1, QuantizationLayers.Convert);
        Add("ConvertLike", 1, static layer => layer.Emit("CastLike", [layer.Input(0), layer.Input(1)]));
        Add("FakeQuantize", 1, QuantizationLayers.FakeQuantize);

        Add("DetectionOutput", 8, DetectionLayers.DetectionOutput);
        Add("NonMaxSuppression", 9, DetectionLayers.NonMaxSuppression);
        Add("PriorBox", 8, DetectionLayers.PriorBox);
        Add("PriorBoxClustered", 1, DetectionLayers.PriorBox);
        Add("Proposal", 4, DetectionLayers.Proposal);
        Add("PSROIPooling", 1, DetectionLayers.PositionSensitivePooling);
        Add("RegionYolo", 1, DetectionLayers.RegionYolo);
        Add("ROIPooling", 2, DetectionLayers.RoiPooling);
        Add("ROIAlign", 9, DetectionLayers.RoiAlign);
        return table.ToFrozenDictionary(StringComparer.Ordinal);

        void Add(string type, int newest, LayerImporter importer) => table.Add(type, (newest, importer));
    }
}
