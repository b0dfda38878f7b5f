// Element-wise functions, scalings and residual additions become post-ops of the product before them.
using Int8Runtime.Graph.Lowering;

namespace Int8Runtime.Graph.Fusion;

/// <summary>
/// Fuses what follows a convolution, matrix product or binary operation and is its only reader. Of two products that a residual addition
/// joins, the one that finishes later takes the addition, so that the other operand exists when it runs.
/// </summary>
internal sealed class PostOpFusion : IOperationPass
{
    public string Name => "post-op-fusion";

    public void Run(OperationGraph graph, PassLog log)
    {
        foreach (Operation consumer in graph.Operations.ToArray())
        {
            if (consumer.PostOps.Count > 0 || consumer.OutputQuantization is not null || consumer.Output.Type != DataType.Float32)
                continue;
            if (consumer.Spec is EltwiseSpec eltwise)
                FuseEltwise(graph, log, consumer, eltwise);
            else if (consumer.Spec is BinarySpec binary)
                FuseBinary(graph, log, consumer, binary);
        }
    }

    private void FuseEltwise(OperationGraph graph, PassLog log, Operation consumer, EltwiseSpec eltwise)
    {
        Edge value = consumer[0].Edge;
        if (consumer[0].Quantization is not null || value.SoleUse is null || value.Producer is not { } producer
            || !(PostOpRules.TakesPostOps(producer) || TakesActivation(producer)))
            return;
        producer.PostOps.Add(new FusedEltwise(eltwise.Algorithm, eltwise.Alpha, eltwise.Beta));
        graph.Merge(producer, consumer);
        log.Add(Name, producer.Name, $"applies {consumer.Name} ({consumer.OpType})");
    }

    // A sum of two tensors goes on with a rectifier, a scale of channels with a shift.
    private static bool TakesActivation(Operation producer) =>
        producer is { Spec: BinarySpec, OutputQuantization: null, Output.Type: DataType.Float32, PostOps.Count: < PostOp.MaximumChainLength };

    private void FuseBinary(OperationGraph graph, PassLog log, Operation consumer, BinarySpec binary)
    {
        bool commutes = binary.Algorithm is BinaryAlgorithm.Add or BinaryAlgorithm.Multiply or BinaryAlgorithm.Maximum or BinaryAlgorithm.Minimum;
        int chosen = -1, latest = -1;
        for (int i = 0; i < (commutes ? 2 : 1); i++)
        {
            Edge value = consumer[i].Edge;
            if (consumer[i].Quantization is not null || value.SoleUse is null || value.Shape != consumer.Output.Shape
                || value.Producer is not { } producer || !(PostOpRules.TakesPostOps(producer) || (TakesActivation(producer) && consumer[1 - i].IsKnown()))
                || !CanRead(consumer, binary, consumer[1 - i]))
                continue;
            int position = graph.Operations.TakeWhile(o => o != producer).Count();
            if (position > latest)
                (chosen, latest) = (i, position);
        }

        if (chosen < 0)
            return;
        Operation product = consumer[chosen].Edge.Producer!;
        Operand other = consumer[1 - chosen];
        product.PostOps.Add(new FusedBinary(binary.Algorithm, product.AddOperand(other)));
        graph.Merge(product, consumer);
        log.Add(Name, product.Name, $"applies {consumer.Name} ({consumer.OpType}) with {other.Edge.Name}");
    }

    // Integers can be the second operand of an addition only: they become the previous content of the destination.
    private static bool CanRead(Operation consumer, BinarySpec binary, Operand operand) => operand.Quantization is null
        ? operand.Edge.Type == DataType.Float32
        : binary.Algorithm == BinaryAlgorithm.Add && operand.Shape == consumer.Output.Shape;
}
