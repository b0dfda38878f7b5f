// A fully connected layer reads feature maps where they are, instead of a flattened copy.
using Int8Runtime.Graph.Lowering;

namespace Int8Runtime.Graph.Fusion;

/// <summary>
/// Removes the flattening of [N, C, H, W] in front of a fully connected layer: the layer sums over channels and spatial
/// dimensions itself, and its weights are packed in the order in which the feature map lies in memory.
/// </summary>
internal sealed class FlattenAbsorption : IOperationPass
{
    public string Name => "flatten-absorption";

    public void Run(OperationGraph graph, PassLog log)
    {
        foreach (Operation operation in graph.Operations.ToArray())
        {
            if (operation.Spec is not InnerProductSpec || operation[0].Edge.Producer is not { Spec: ReshapeSpec } reshape)
                continue;
            Shape map = reshape[0].Shape;
            if (map.Rank is < 3 or > 5 || map[0] != operation[0].Shape[0] || reshape[0].Quantization is not null)
                continue;
            operation.SetOperand(0, operation[0] with { Edge = reshape[0].Edge });
            operation.AddFused(reshape);
            log.Add(Name, operation.Name, $"reads {map} without {reshape.Name}");
        }

        graph.RemoveDead();
    }
}
