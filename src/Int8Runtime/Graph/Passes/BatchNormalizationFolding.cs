// Batch normalization becomes part of the weights before it.
namespace Int8Runtime.Graph.Passes;

/// <summary>
/// Folds BatchNormalization into the weights and bias of the Conv, ConvTranspose or Gemm before it. Elsewhere it stays, and
/// is lowered to a scale and a shift of channels.
/// </summary>
internal sealed class BatchNormalizationFolding : IGraphPass
{
    public string Name => "batch-normalization-folding";

    public void Run(ModelGraph graph, PassLog log)
    {
        foreach (GraphNode node in graph.Nodes.ToArray())
        {
            if (!node.Is("BatchNormalization") || node.Input(0) is not { Producer: { } producer } value || value.SoleConsumer != node
                || node.Outputs.Skip(1).Any(o => o.Uses.Count > 0 || o.IsGraphOutput))
                continue;
            int channels = ProductNode.ScalableChannels(producer);
            if (channels == 0 || BatchNormalizationParameters.TryRead(node) is not { } parameters || parameters.Scale.Length != channels)
                continue;
            string name = producer.Name, folded = node.Name;
            ProductNode.ScaleChannels(graph, producer, node, parameters.Scale, parameters.Shift);
            log.Add(Name, name, $"takes {folded} into its weights");
        }
    }
}
