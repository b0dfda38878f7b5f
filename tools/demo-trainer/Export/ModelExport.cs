// The trained network as an ONNX graph. Batch normalization stays a node of its own: folding it is the importer's work.
using Int8Runtime.Graph;

namespace Int8Runtime.DemoTrainer;

/// <summary>Writes a network into a <see cref="ModelGraph"/>.</summary>
internal sealed class ModelExport
{
    private readonly ModelGraph _graph = new("int8runtime_demo")
    {
        Provenance = new ModelProvenance
        {
            ProducerName = "Int8Runtime demo-trainer",
            Description = "Ten drawn shapes, 32x32 RGB, (x/255 - mean)/std as for CIFAR-10",
        },
    };

    private ModelExport()
    {
    }

    /// <summary>Input <c>image</c> [N, 3, 32, 32], output <c>logits</c> [N, 10]; the batch N is free.</summary>
    public static ModelGraph Export(Sequential network)
    {
        var export = new ModelExport();
        GraphDimension batch = GraphDimension.Named("N");
        GraphValue value = export._graph.AddInput(
            "image", DataType.Float32, new GraphShape(batch, 3, SceneArtist.Side, SceneArtist.Side));
        GraphValue logits = export.Append(network, value, "");
        (logits.ElementType, logits.Shape) = (DataType.Float32, new GraphShape(batch, Outline.All.Length));
        export._graph.AddOutput(logits);
        return export._graph;
    }

    private GraphValue Append(Layer layer, GraphValue x, string name)
    {
        switch (layer)
        {
            case Sequential chain:
                for (int i = 0; i < chain.Layers.Count; i++)
                    x = Append(chain.Layers[i], x, $"{(name.Length > 0 ? name + "." : "")}{i}");
                return x;
            case Residual residual:
                GraphValue sum = Operation("Add", name + ".add", x, Append(residual.Body, x, name));
                return Operation("Relu", name + ".relu", sum);
            case Convolution convolution:
                return Convolve(name, x, convolution.Weights, convolution.Kernel, stride: 1, groups: 1);
            case DepthwiseConvolution depthwise:
                return Convolve(name, x, depthwise.Weights, 3, depthwise.Stride, depthwise.Weights.Dimensions[0]);
            case BatchNormalization normalization:
                return Normalize(name, x, normalization);
            case GlobalAveragePooling:
                return Operation("Flatten", name + ".flatten", Operation("GlobalAveragePool", name + ".pool", x));
            case FullyConnected full:
                return _graph.AddOperation("Gemm", "logits",
                    [x, Constant(name + ".weight", full.Weights), Constant(name + ".bias", full.Bias)],
                    new GraphAttributes { { "transB", 1L } });
            default:
                throw new NotSupportedException($"There is no ONNX form of {layer.GetType().Name}.");
        }
    }

    private GraphValue Convolve(string name, GraphValue x, Parameter weights, int kernel, int stride, int groups)
    {
        long side = kernel, pad = kernel / 2;
        return _graph.AddOperation("Conv", name + ".conv", [x, Constant(name + ".weight", weights)], new GraphAttributes
        {
            { "kernel_shape", new[] { side, side } },
            { "pads", new[] { pad, pad, pad, pad } },
            { "strides", new long[] { stride, stride } },
            { "group", (long)groups },
        });
    }

    private GraphValue Normalize(string name, GraphValue x, BatchNormalization layer)
    {
        GraphValue y = _graph.AddOperation("BatchNormalization", name + ".norm",
            [
                x, Constant(name + ".gamma", layer.Gamma), Constant(name + ".beta", layer.Beta),
                _graph.AddConstant(name + ".mean", TensorData.Vector<float>(layer.RunningMean)),
                _graph.AddConstant(name + ".variance", TensorData.Vector<float>(layer.RunningVariance)),
            ],
            new GraphAttributes { { "epsilon", BatchNormalization.Epsilon } });
        return layer.HasRelu ? Operation("Relu", name + ".relu", y) : y;
    }

    private GraphValue Operation(string type, string name, params GraphValue[] inputs) => _graph.AddOperation(type, name, inputs);

    private GraphValue Constant(string name, Parameter parameter) =>
        _graph.AddConstant(name, TensorData.Create<float>(parameter.Values, Shape.Create(parameter.Dimensions)));
}
