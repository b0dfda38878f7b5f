// Element-wise functions behind a reshape act before it, where they can be fused.
using Int8Runtime.Graph.Lowering;

namespace Int8Runtime.Graph.Fusion;

/// <summary>Exchanges a reshape and the element-wise function that follows it, where a product comes before the reshape.</summary>
internal sealed class ReshapeSinking : IOperationPass
{
    public string Name => "reshape-sinking";

    public void Run(OperationGraph graph, PassLog log)
    {
        foreach (Operation eltwise in graph.Operations.ToArray())
        {
            if (eltwise is not { Spec: EltwiseSpec, OutputQuantization: null } || eltwise[0] is not { Quantization: null } source
                || source.Edge is not { SoleUse: not null, Producer: { Spec: ReshapeSpec } reshape }
                || reshape[0].Edge is not { SoleUse: not null, Producer: { } product } inner || !PostOpRules.IsProduct(product))
                continue;
            Edge result = eltwise.Output;
            eltwise.SetOperand(0, new Operand(inner));
            eltwise.SetOutput(new Edge(inner.Name + ":" + eltwise.OpType, inner.Type, inner.Shape));
            graph.Remove(reshape);
            graph.InsertAfter(eltwise, new Operation(reshape.Name, reshape.OpType, reshape.Spec, [new Operand(eltwise.Output)], [result]));
            log.Add(Name, eltwise.Name, $"acts before the reshape {reshape.Name}");
        }
    }
}
