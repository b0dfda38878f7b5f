// The weights of a layer, seen from the channels that it reads.
using Int8Runtime.Graph;

namespace Int8Runtime.Quantization;

/// <summary>The input channels of a Conv or Gemm with constant weights.</summary>
/// <param name="Node">The layer.</param>
internal readonly record struct WeightedInput(GraphNode Node)
{
    /// <summary>Number of input channels.</summary>
    public int Channels => Node.Is("Conv") ? Weights.Shape[1] * Groups : Weights.Shape[Node.Attributes.GetBoolean("transB") ? 1 : 0];

    /// <summary>True where every output channel reads one input channel.</summary>
    public bool IsDepthwise => Node.Is("Conv") && Weights.Shape[1] == 1 && Groups > 1;

    private TensorData Weights => Node.ConstantInput(1)!;

    private int Groups => Node.Attributes.GetInt32("group", 1);

    /// <summary>The largest magnitude of the weights that read each channel.</summary>
    public float[] Magnitudes()
    {
        var magnitudes = new float[Channels];
        ReadOnlySpan<float> values = Weights.AsSpan<float>();
        for (int i = 0; i < values.Length; i++)
        {
            int channel = ChannelOf(i);
            magnitudes[channel] = Math.Max(magnitudes[channel], Math.Abs(values[i]));
        }

        return magnitudes;
    }

    /// <summary>Multiplies the weights that read each channel by its factor.</summary>
    public void Multiply(ModelGraph graph, ReadOnlySpan<float> factors)
    {
        ReadOnlySpan<float> before = Weights.AsSpan<float>();
        TensorData multiplied = TensorData.Allocate(DataType.Float32, Weights.Shape, out Span<float> products);
        for (int i = 0; i < products.Length; i++)
            products[i] = before[i] * factors[ChannelOf(i)];
        ChannelPair.Replace(graph, Node, 1, multiplied);
    }

    private int ChannelOf(int index)
    {
        Shape shape = Weights.Shape;
        if (Node.Is("Gemm"))
            return Node.Attributes.GetBoolean("transB") ? index % shape[1] : index / shape[1];
        int inputs = shape[1], taps = 1;
        for (int d = 2; d < shape.Rank; d++)
            taps *= shape[d];
        int output = index / (taps * inputs);
        return (output / (shape[0] / Groups) * inputs) + (index / taps % inputs);
    }
}
