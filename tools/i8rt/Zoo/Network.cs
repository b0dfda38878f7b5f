// Builds the graph of a network layer by layer, with seeded random weights.
using Int8Runtime.Diagnostics;
using Int8Runtime.Graph;

namespace Int8Runtime.Cli.Zoo;

/// <summary>A feature map while a network is built: [batch, channels, height, width].</summary>
/// <param name="Value">The value of the graph.</param>
/// <param name="Channels">Channels.</param>
/// <param name="Height">Rows.</param>
/// <param name="Width">Columns.</param>
/// <param name="IsFlat">Whether the value is [batch, channels].</param>
internal readonly record struct FeatureMap(GraphValue Value, int Channels, int Height, int Width, bool IsFlat = false);

/// <summary>Window of a layer, in pixels.</summary>
/// <param name="Height">Rows of the kernel.</param>
/// <param name="Width">Columns of the kernel.</param>
/// <param name="Stride">Step in both directions.</param>
/// <param name="Padding">Rows and columns added on each side; null keeps the extent at stride 1 (half the kernel).</param>
/// <param name="Dilation">Distance of neighbouring taps.</param>
internal readonly record struct Window(int Height, int Width, int Stride = 1, int? Padding = null, int Dilation = 1)
{
    /// <summary>A square window.</summary>
    public static Window Square(int size, int stride = 1, int? padding = null, int dilation = 1) =>
        new(size, size, stride, padding, dilation);

    /// <summary>Rows added above and below.</summary>
    public int PaddingHeight => Padding ?? (Height - 1) / 2 * Dilation;

    /// <summary>Columns added on the left and on the right.</summary>
    public int PaddingWidth => Padding ?? (Width - 1) / 2 * Dilation;
}

/// <summary>
/// Layers as the published networks use them. Weights are normally distributed with variance 2 / fan-in in front of rectifiers
/// (He et al., "Delving deep into rectifiers", 2015) and less in front of residual sums, so that activations stay in a sane range.
/// </summary>
/// <param name="name">Name of the graph.</param>
/// <param name="seed">Equal seeds give equal weights.</param>
/// <param name="batch">Samples in a batch.</param>
/// <param name="progress">Is told the number of parameters so far; null for nobody.</param>
/// <param name="cancellation">Ends the filling of weights.</param>
internal sealed class Network(
    string name, int seed, int batch, Action<long>? progress = null, CancellationToken cancellation = default)
{
    /// <summary>Gain of a layer that is followed by a rectifier.</summary>
    public const double Rectified = 2;

    /// <summary>Gain of a layer without activation.</summary>
    public const double Linear = 1;

    /// <summary>Gain of the last layer of a residual branch: sums of many branches stay in range.</summary>
    public const double Branch = 0.1;

    // Parameters that are filled between two looks at the cancellation.
    private const int Chunk = 1 << 20;

    private readonly ulong _stream = SplitMix64.At((ulong)seed);
    private ulong _filled;
    private int _layer;

    /// <summary>The graph so far.</summary>
    public ModelGraph Graph { get; } = new(name);

    /// <summary>Images in a batch.</summary>
    public int Batch => batch;

    /// <summary>Numbers that training would set: weights, biases, scales and shifts of normalizations.</summary>
    public long Parameters { get; private set; }

    /// <summary>The picture that the network looks at.</summary>
    public FeatureMap Picture(int channels, int height, int width) =>
        new(Graph.AddInput("data", DataType.Float32, new GraphShape(batch, channels, height, width)), channels, height, width);

    /// <summary>Makes a value an output of the model.</summary>
    public void Output(string name, GraphValue value)
    {
        GraphValue output = Graph.AddValue(name);
        Graph.AddNode("Identity", [value], [output]);
        Graph.AddOutput(output);
    }

    /// <summary>A convolution.</summary>
    public FeatureMap Conv(FeatureMap x, int channels, Window window, int groups = 1, bool bias = true, double gain = Rectified)
    {
        int inputs = x.Channels / groups;
        Shape shape = [channels, inputs, window.Height, window.Width];
        GraphValue weights = Weights(shape, gain / (inputs * window.Height * window.Width));
        var attributes = new GraphAttributes
        {
            { "kernel_shape", new long[] { window.Height, window.Width } },
            { "strides", new long[] { window.Stride, window.Stride } },
            { "dilations", new long[] { window.Dilation, window.Dilation } },
            { "pads", new long[] { window.PaddingHeight, window.PaddingWidth, window.PaddingHeight, window.PaddingWidth } },
            { "group", (long)groups },
        };
        GraphValue y = Add("Conv", attributes, x.Value, weights, bias ? Vector(channels, 0, 0.02) : null);
        return new FeatureMap(y, channels,
            Extent(x.Height, window.Height, window, window.PaddingHeight), Extent(x.Width, window.Width, window, window.PaddingWidth));
    }

    /// <summary>A convolution without bias, and a batch normalization.</summary>
    public FeatureMap ConvNormalized(FeatureMap x, int channels, Window window, int groups = 1, double gain = Rectified) =>
        Normalize(Conv(x, channels, window, groups, bias: false, gain));

    /// <summary>A transposed convolution that doubles both extents.</summary>
    public FeatureMap UpConv(FeatureMap x, int channels)
    {
        GraphValue weights = Weights([x.Channels, channels, 2, 2], Linear / x.Channels);
        var attributes = new GraphAttributes { { "kernel_shape", new long[] { 2, 2 } }, { "strides", new long[] { 2, 2 } } };
        return new FeatureMap(Add("ConvTranspose", attributes, x.Value, weights, Vector(channels, 0, 0.02)), channels,
            x.Height * 2, x.Width * 2);
    }

    /// <summary>A batch normalization whose statistics are near 0 and 1.</summary>
    public FeatureMap Normalize(FeatureMap x)
    {
        GraphValue scale = Vector(x.Channels, 1, 0.05), shift = Vector(x.Channels, 0, 0.05);
        Parameters -= 2L * x.Channels; // statistics are not trained
        GraphValue mean = Vector(x.Channels, 0, 0.05), variance = Vector(x.Channels, 1, 0.02);
        return x with { Value = Add("BatchNormalization", [], x.Value, scale, shift, mean, variance) };
    }

    /// <summary>max(x, 0).</summary>
    public FeatureMap Relu(FeatureMap x) => x with { Value = Add("Relu", [], x.Value) };

    /// <summary>x limited to 0 … 6.</summary>
    public FeatureMap Relu6(FeatureMap x) =>
        x with { Value = Add("Clip", [], x.Value, Constant("zero", TensorData.Scalar(0f)), Constant("six", TensorData.Scalar(6f))) };

    /// <summary>Logistic function.</summary>
    public GraphValue Sigmoid(GraphValue x) => Add("Sigmoid", [], x);

    /// <summary>Softmax over an axis.</summary>
    public GraphValue Softmax(GraphValue x, int axis) => Add("Softmax", new GraphAttributes { { "axis", (long)axis } }, x);

    /// <summary>Largest value of each window.</summary>
    public FeatureMap MaxPool(FeatureMap x, Window window, bool ceiling = false) => Pool("MaxPool", x, window, ceiling, []);

    /// <summary>Mean of each window.</summary>
    public FeatureMap AveragePool(FeatureMap x, Window window, bool countsPadding = false) =>
        Pool("AveragePool", x, window, false, new GraphAttributes { { "count_include_pad", countsPadding ? 1L : 0L } });

    /// <summary>Mean of each channel.</summary>
    public FeatureMap GlobalAverage(FeatureMap x) => new(Add("GlobalAveragePool", [], x.Value), x.Channels, 1, 1);

    /// <summary>Local response normalization across channels with Caffe's usual parameters.</summary>
    public FeatureMap ResponseNormalize(FeatureMap x) => x with
    {
        Value = Add("LRN", new GraphAttributes { { "size", 5L }, { "alpha", 1e-4f }, { "beta", 0.75f }, { "bias", 1f } }, x.Value),
    };

    /// <summary>Each pixel divided by its length over the channels and multiplied by a factor for each channel.</summary>
    public FeatureMap NormalizeLength(FeatureMap x, float factor)
    {
        GraphValue length = Add("ReduceL2", new GraphAttributes { { "keepdims", 1L } }, x.Value, Constant("axes", TensorData.Vector(1L)));
        TensorData factors = TensorData.Allocate(DataType.Float32, [1, x.Channels, 1, 1], out Span<float> values);
        values.Fill(factor);
        Parameters += x.Channels;
        return x with { Value = Add("Mul", [], Add("Div", [], x.Value, length), Constant("factor", factors)) };
    }

    /// <summary>Every pixel repeated twice in both directions.</summary>
    public FeatureMap Double(FeatureMap x)
    {
        GraphValue y = Add("Resize", new GraphAttributes
        {
            { "mode", "nearest" }, { "coordinate_transformation_mode", "asymmetric" }, { "nearest_mode", "floor" },
        }, x.Value, null, Constant("scales", TensorData.Vector(1f, 1f, 2f, 2f)));
        return new FeatureMap(y, x.Channels, x.Height * 2, x.Width * 2);
    }

    /// <summary>Sum of two equal shapes.</summary>
    public FeatureMap Sum(FeatureMap a, FeatureMap b) => a with { Value = Add("Add", [], a.Value, b.Value) };

    /// <summary>Channels of all branches, one after the other.</summary>
    public FeatureMap Concat(params ReadOnlySpan<FeatureMap> branches)
    {
        int channels = 0;
        var values = new GraphValue[branches.Length];
        for (int i = 0; i < branches.Length; i++)
        {
            values[i] = branches[i].Value;
            channels += branches[i].Channels;
        }

        return branches[0] with { Value = Join(1, values), Channels = channels };
    }

    /// <summary>Values joined along an axis.</summary>
    public GraphValue Join(int axis, params ReadOnlySpan<GraphValue> values) =>
        Add("Concat", new GraphAttributes { { "axis", (long)axis } }, values.ToArray());

    /// <summary>A fully connected layer over all elements of a map.</summary>
    public FeatureMap Dense(FeatureMap x, int outputs, double gain = Rectified)
    {
        int inputs = x.Channels * x.Height * x.Width;
        GraphValue flat = x.IsFlat ? x.Value : Add("Flatten", new GraphAttributes { { "axis", 1L } }, x.Value);
        GraphValue y = Add("Gemm", new GraphAttributes { { "transB", 1L } }, flat, Weights([outputs, inputs], gain / inputs),
            Vector(outputs, 0, 0.02));
        return new FeatureMap(y, outputs, 1, 1, IsFlat: true);
    }

    /// <summary>Mean of each channel, a fully connected layer and softmax: the end of most classifiers.</summary>
    public void Classify(FeatureMap x, int classes = 1000) => Output("prob", Softmax(Dense(GlobalAverage(x), classes, Linear).Value, 1));

    /// <summary>[batch, anchors · values, height, width] as [batch, height · width · anchors, values].</summary>
    public GraphValue Anchors(FeatureMap x, int values)
    {
        GraphValue channelsLast = Add("Transpose", new GraphAttributes { { "perm", new long[] { 0, 2, 3, 1 } } }, x.Value);
        return Add("Reshape", [], channelsLast, Constant("shape", TensorData.Vector(batch, -1L, values)));
    }

    /// <summary>A node with one output.</summary>
    public GraphValue Add(string operation, GraphAttributes attributes, params ReadOnlySpan<GraphValue?> inputs) =>
        Graph.AddOperation(operation, $"{operation.ToLowerInvariant()}{++_layer}", inputs, attributes);

    /// <summary>A constant.</summary>
    public GraphValue Constant(string constant, TensorData content) => Graph.AddConstant(constant, content);

    /// <summary>Random weights with the given variance.</summary>
    public GraphValue Weights(Shape shape, double variance)
    {
        TensorData tensor = TensorData.Allocate(DataType.Float32, shape, out Span<float> values);
        Fill(values, 0, Math.Sqrt(variance));
        return Constant("weights", tensor);
    }

    private GraphValue Vector(int count, double mean, double deviation)
    {
        TensorData tensor = TensorData.Allocate(DataType.Float32, [count], out Span<float> values);
        Fill(values, mean, deviation);
        return Constant("vector", tensor);
    }

    // Sums of four uniform numbers of 16 bits: near enough to a normal distribution, and quick for a hundred million weights.
    private void Fill(Span<float> values, double mean, double deviation)
    {
        double scale = deviation * Math.Sqrt(3) / 65536;
        for (int first = 0; first < values.Length; first += Chunk)
        {
            cancellation.ThrowIfCancellationRequested();
            foreach (ref float value in values.Slice(first, Math.Min(Chunk, values.Length - first)))
            {
                ulong bits = SplitMix64.At(_stream + _filled++);
                long sum = (long)((bits & 0xFFFF) + ((bits >> 16) & 0xFFFF) + ((bits >> 32) & 0xFFFF) + (bits >> 48)) - (2 * 65535);
                value = (float)(mean + (sum * scale));
            }

            progress?.Invoke(Parameters + first);
        }

        Parameters += values.Length;
    }

    private FeatureMap Pool(string operation, FeatureMap x, Window window, bool ceiling, GraphAttributes attributes)
    {
        attributes.Add("kernel_shape", new long[] { window.Height, window.Width });
        attributes.Add("strides", new long[] { window.Stride, window.Stride });
        attributes.Add("pads", new long[] { window.PaddingHeight, window.PaddingWidth, window.PaddingHeight, window.PaddingWidth });
        if (ceiling)
            attributes.Add("ceil_mode", 1L);
        int round = ceiling ? window.Stride - 1 : 0;
        int height = ((x.Height + (2 * window.PaddingHeight) - window.Height + round) / window.Stride) + 1;
        int width = ((x.Width + (2 * window.PaddingWidth) - window.Width + round) / window.Stride) + 1;
        return new FeatureMap(Add(operation, attributes, x.Value), x.Channels, height, width);
    }

    private static int Extent(int extent, int kernel, Window window, int padding) =>
        ((extent + (2 * padding) - (((kernel - 1) * window.Dilation) + 1)) / window.Stride) + 1;
}
