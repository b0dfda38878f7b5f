// Activations that exporters write as several operators.
using Int8Runtime.Graph.Lowering;

namespace Int8Runtime.Graph.Fusion;

/// <summary>x·sigmoid(x) becomes swish; x·hardsigmoid(x) and x·clip(x + 3, 0, 6)/6 become hardswish.</summary>
internal sealed class ActivationPatterns : IOperationPass
{
    public string Name => "activation-patterns";

    public void Run(OperationGraph graph, PassLog log)
    {
        foreach (Operation product in graph.Operations.ToArray())
        {
            if (product.Spec is not BinarySpec { Algorithm: BinaryAlgorithm.Multiply })
                continue;
            if (Match(product, 0) is { } first)
                Replace(graph, log, product, 1, first);
            else if (Match(product, 1) is { } second)
                Replace(graph, log, product, 0, second);
        }

        graph.RemoveDead();
    }

    private static (EltwiseSpec Spec, Operation Gate)? Match(Operation product, int gateIndex)
    {
        Edge x = product[1 - gateIndex].Edge;
        if (product[gateIndex].Edge is not { SoleUse: not null, Producer: { Spec: EltwiseSpec gate } operation })
            return null;
        if (operation[0].Edge == x)
        {
            return gate.Algorithm switch
            {
                EltwiseAlgorithm.Logistic => (new EltwiseSpec(EltwiseAlgorithm.Swish, 1), operation),
                EltwiseAlgorithm.HardSigmoid => (gate with { Algorithm = EltwiseAlgorithm.HardSwish }, operation),
                _ => null,
            };
        }

        // clip(x + 3, 0, 6)/6, the division in either place: Linear(1/6) after the clip, or after the product.
        bool divided = gate is { Algorithm: EltwiseAlgorithm.Linear, Beta: 0 };
        if (divided && (operation[0].Edge is not { SoleUse: not null, Producer: { Spec: EltwiseSpec } inner }
            || MathF.Abs((gate.Alpha * 6) - 1) > 1e-6f))
            return null;
        Operation clip = divided ? operation[0].Edge.Producer! : operation;
        if (clip.Spec is not EltwiseSpec { Algorithm: EltwiseAlgorithm.Clip, Alpha: 0, Beta: 6 }
            || clip[0].Edge is not { SoleUse: not null,
                Producer: { Spec: EltwiseSpec { Algorithm: EltwiseAlgorithm.Linear, Alpha: 1, Beta: 3 } } shift }
            || shift[0].Edge != x)
            return null;
        return divided ? (new EltwiseSpec(EltwiseAlgorithm.HardSwish, 1f / 6f, 0.5f), operation) : null;
    }

    private void Replace(OperationGraph graph, PassLog log, Operation product, int sourceIndex, (EltwiseSpec Spec, Operation Gate) match)
    {
        var fused = new Operation(product.Name, product.OpType, match.Spec, [product[sourceIndex]], [product.Output]);
        fused.AddFused(match.Gate);
        fused.AddFused(product.FusedNodes);
        graph.InsertBefore(product, fused);
        graph.Remove(product);
        log.Add(Name, product.Name, $"{match.Spec.Algorithm} of {match.Gate.Name} and {product.Name}");
    }
}
