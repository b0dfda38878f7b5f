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
    public bool IsDepthwise => Read.IsDepthwise;

    /// <summary>The consumer's weights by input channel.</summary>
    public WeightedInput Read => new(Consumer);

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

    /// <summary>Divides the producer's output channels by the factors and multiplies the consumer's weights by them.</summary>
    public void Apply(ModelGraph graph, ReadOnlySpan<float> factors)
    {
        TensorData produced = Producer.ConstantInput(1)!;
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

        Read.Multiply(graph, factors);
    }

    internal static void Replace(ModelGraph graph, GraphNode node, int input, TensorData content) =>
        node.SetInput(input, graph.AddConstant(node.Input(input).Name + "_aligned", content));

    private static bool IsLayer(GraphNode node) => (node.Is("Conv") || node.Is("Gemm")) && OperatorPolicy.IsWeighted(node);

    // The number of input channels of the consumer has to be that of the producer's output: flattening a plane would mix them.
    private bool Matches()
    {
        bool biasFits = Producer.ConstantInput(2) is not { } bias || bias.ElementCount == Channels || bias.ElementCount == 1;
        return Read.Channels == Channels && biasFits && Producer != Consumer;
    }
}
