// Multiplications of channels by constants become part of the weights before them.
namespace Int8Runtime.Graph.Passes;

/// <summary>
/// Folds <c>Mul</c> or <c>Div</c> by one constant, or by one constant for each channel, into the weights of a Conv or Gemm.
/// </summary>
internal sealed class ChannelScaleFolding : IGraphPass
{
    public string Name => "channel-scale-folding";

    public void Run(ModelGraph graph, PassLog log)
    {
        foreach (GraphNode node in graph.Nodes.ToArray())
        {
            if (node.Is("Mul"))
            {
                if (!TryFold(graph, log, node, 0))
                    TryFold(graph, log, node, 1);
            }
            else if (node.Is("Div"))
            {
                TryFold(graph, log, node, 0);
            }
        }
    }

    private bool TryFold(ModelGraph graph, PassLog log, GraphNode node, int productIndex)
    {
        GraphValue value = node.Input(productIndex);
        if (node.ConstantInput(1 - productIndex) is not { ElementType: DataType.Float32 } factor || value.Producer is not { } producer
            || value.SoleConsumer != node)
            return false;
        int channels = ProductNode.ScalableChannels(producer);
        int rank = producer.Is("Gemm") ? 2 : producer.ConstantInput(1)?.Rank ?? 0;
        if (channels == 0 || factor.Rank > rank || !IsPerChannel(factor, rank, channels))
            return false;
        float[] values = factor.ToSingleArray(), scale = new float[channels];
        for (int c = 0; c < channels; c++)
        {
            float one = values[values.Length == 1 ? 0 : c];
            scale[c] = node.Is("Div") ? 1 / one : one;
        }

        if (!Array.TrueForAll(scale, float.IsFinite))
            return false;
        string name = producer.Name, folded = node.Name;
        ProductNode.ScaleChannels(graph, producer, node, scale, new float[channels]);
        log.Add(Name, name, $"takes {folded} into its weights");
        return true;
    }

    private static bool IsPerChannel(TensorData factor, int rank, int channels)
    {
        for (int d = 0; d < factor.Rank; d++)
        {
            bool isChannel = d + rank - factor.Rank == 1;
            if (factor.Shape[d] != 1 && !(isChannel && factor.Shape[d] == channels))
                return false;
        }

        return true;
    }
}
