// Two weighted layers with nothing between them that would keep a factor of a channel from passing.
using Int8Runtime.Graph;

namespace Int8Runtime.Quantization;

/// <summary>A layer whose output channels meet the input channels of exactly one other layer.</summary>
/// <param name="Producer">Conv or Gemm with constant weights.</param>
/// <param name="Activation">What the consumer reads.</param>
/// <param name="Consumer">Conv or Gemm with constant weights.</param>
internal sealed record ChannelPair(GraphNode Producer, GraphValue Activation, GraphNode Consumer)
{
    // f(k·x) = k·f(x) for k > 0, channel by channel.
    private static readonly HashSet<string> Homogeneous = new(StringComparer.Ordinal)
    {
        "Relu", "LeakyRelu", "PRelu", "MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "Dropout", "Identity", "Flatten",
    };

    /// <summary>True where every output channel of the consumer reads one input channel.</summary>
    public bool IsDepthwise => Consumer.Is("Conv") && Consumer.ConstantInput(1)!.Shape[1] == 1 && Consumer.Attributes.GetInt32("group", 1) > 1;

    private int Channels => Producer.ConstantInput(1)!.Shape[OperatorPolicy.WeightAxis(Producer)];

    /// <summary>All pairs of a graph, producers first.</summary>
    public static List<ChannelPair> Find(ModelGraph graph)
    {
        var pairs = new List<ChannelPair>();
        foreach (GraphNode producer in graph.Nodes.Where(IsLayer))
        {
            GraphValue value = producer.Output;
            while (value.SoleConsumer is { } next && Homogeneous.Contains(next.OpType) && next.Domain.Length == 0 && next.Input(0) == value)
                value = next.Output;
            if (value.SoleConsumer is { } consumer && IsLayer(consumer) && consumer.Input(0) == value)
            {
                var pair = new ChannelPair(producer, value, consumer);
                if (pair.Matches())
                    pairs.Add(pair);
            }
        }

        return pairs;
    }

    /// <summary>The largest magnitude of the consumer's weights for each of its input channels.</summary>
    public float[] ConsumerMagnitudes()
    {
        var magnitudes = new float[Channels];
        TensorData weights = Consumer.ConstantInput(1)!;
        ReadOnlySpan<float> values = weights.AsSpan<float>();
        for (int i = 0; i < values.Length; i++)
        {
            int channel = InputChannel(weights.Shape, i);
            magnitudes[channel] = Math.Max(magnitudes[channel], Math.Abs(values[i]));
        }

        return magnitudes;
    }

    /// <summary>Divides the producer's output channels by the factors and multiplies the consumer's weights by them.</summary>
    public void Apply(ModelGraph graph, ReadOnlySpan<float> factors)
    {
        TensorData produced = Producer.ConstantInput(1)!, consumed = Consumer.ConstantInput(1)!;
        int axis = OperatorPolicy.WeightAxis(Producer), inner = 1;
        for (int d = axis + 1; d < produced.Rank; d++)
            inner *= produced.Shape[d];
        TensorData divided = TensorData.Allocate(DataType.Float32, produced.Shape, out Span<float> quotients);
        ReadOnlySpan<float> before = produced.AsSpan<float>();
        for (int i = 0; i < quotients.Length; i++)
            quotients[i] = before[i] / factors[i / inner % factors.Length];
        Replace(graph, Producer, 1, divided);
        if (Producer.ConstantInput(2) is { } bias)
        {
            TensorData shifted = TensorData.Allocate(DataType.Float32, [factors.Length], out Span<float> biases);
            ReadOnlySpan<float> old = bias.AsSpan<float>();
            for (int c = 0; c < biases.Length; c++)
                biases[c] = old[old.Length == 1 ? 0 : c] / factors[c];
            Replace(graph, Producer, 2, shifted);
        }

        TensorData multiplied = TensorData.Allocate(DataType.Float32, consumed.Shape, out Span<float> products);
        before = consumed.AsSpan<float>();
        for (int i = 0; i < products.Length; i++)
            products[i] = before[i] * factors[InputChannel(consumed.Shape, i)];
        Replace(graph, Consumer, 1, multiplied);
    }

    private static void Replace(ModelGraph graph, GraphNode node, int input, TensorData content) =>
        node.SetInput(input, graph.AddConstant(node.Input(input).Name + "_aligned", content));

    private static bool IsLayer(GraphNode node) => (node.Is("Conv") || node.Is("Gemm")) && OperatorPolicy.IsWeighted(node);

    // The number of input channels of the consumer has to be that of the producer's output: flattening a plane would mix them.
    private bool Matches()
    {
        TensorData weights = Consumer.ConstantInput(1)!;
        int inputs = Consumer.Is("Conv")
            ? weights.Shape[1] * Consumer.Attributes.GetInt32("group", 1)
            : weights.Shape[Consumer.Attributes.GetBoolean("transB") ? 1 : 0];
        bool biasFits = Producer.ConstantInput(2) is not { } bias || bias.ElementCount == Channels || bias.ElementCount == 1;
        return inputs == Channels && biasFits && Producer != Consumer;
    }

    private int InputChannel(Shape shape, int index)
    {
        if (Consumer.Is("Gemm"))
            return Consumer.Attributes.GetBoolean("transB") ? index % shape[1] : index / shape[1];
        int inputs = shape[1], taps = 1;
        for (int d = 2; d < shape.Rank; d++)
            taps *= shape[d];
        int outputsPerGroup = shape[0] / Consumer.Attributes.GetInt32("group", 1);
        int output = index / (taps * inputs);
        return (output / outputsPerGroup * inputs) + (index / taps % inputs);
    }
}
