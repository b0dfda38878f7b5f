// Element-wise functions, scalings and residual additions become post-ops of the product before them.
using Int8Runtime.Graph.Lowering;

namespace Int8Runtime.Graph.Fusion;

/// <summary>
/// Fuses what follows a convolution, matrix product or binary operation and is its only reader. Of two products that a residual addition
/// joins, the one that finishes later takes the addition, so that the other operand exists when it runs.
/// </summary>
internal sealed class PostOpFusion : IOperationPass
{
    // What RoundInRegisters adds to a chain.
    private const int RoundingPostOps = 4;

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

    // A sum of two tensors goes on with a rectifier, a scale of channels with a shift, one function of an element with the next.
    private static bool TakesActivation(Operation producer) =>
        producer is { Spec: BinarySpec or EltwiseSpec, OutputQuantization: null, Output.Type: DataType.Float32,
            PostOps.Count: < PostOp.MaximumChainLength };

    private void FuseBinary(OperationGraph graph, PassLog log, Operation consumer, BinarySpec binary)
    {
        bool commutes = binary.Algorithm is BinaryAlgorithm.Add or BinaryAlgorithm.Multiply or BinaryAlgorithm.Maximum
            or BinaryAlgorithm.Minimum;
        int chosen = -1, best = -1;
        for (int i = 0; i < (commutes ? 2 : 1); i++)
        {
            if (ProducerOf(consumer[i], consumer[1 - i]) is not { } candidate || consumer[i].Shape != consumer.Output.Shape
                || !CanRead(consumer, binary, consumer[1 - i]))
                continue;
            bool needsRounding = consumer[i].Quantization is not null;
            int rank = (needsRounding ? 0 : graph.Operations.Count) + graph.Operations.TakeWhile(o => o != candidate).Count();
            if (rank > best)
                (chosen, best) = (i, rank);
        }

        if (chosen < 0)
            return;
        if (consumer[chosen].Quantization is not null)
            RoundInRegisters(graph, log, consumer, chosen);
        Operation product = consumer[chosen].Edge.Producer!;
        Operand other = consumer[1 - chosen];
        product.PostOps.Add(new FusedBinary(binary.Algorithm, product.AddOperand(other)));
        graph.Merge(product, consumer);
        log.Add(Name, product.Name, $"applies {consumer.Name} ({consumer.OpType}) with {other.Edge.Name}");
    }

    // The operation that computes an operand which nobody else reads and can go on with the other one, with or without a
    // quantizer between the two.
    private static Operation? ProducerOf(Operand operand, Operand other)
    {
        Edge value = operand.Edge;
        if (value.SoleUse is null || value.Producer is not { } producer)
            return null;
        if (operand.Quantization is null)
            return PostOpRules.TakesPostOps(producer) || (TakesActivation(producer) && other.IsKnown()) ? producer : null;
        return QuantizationMovement.IsQuantize(producer) && operand.Quantization.IsPerTensor && producer[0].Edge.SoleUse is not null
            && producer[0].Edge.Producer is { } product && PostOpRules.TakesPostOps(product)
            && product.PostOps.Count + RoundingPostOps <= PostOp.MaximumChainLength - 2
            ? product
            : null;
    }

    // A quantizer in front of a residual addition rounds and saturates what is added. Done in registers it costs four
    // instructions for a vector instead of a trip through memory, and the sum stays what the model states.
    private void RoundInRegisters(OperationGraph graph, PassLog log, Operation consumer, int operand)
    {
        Operation quantize = consumer[operand].Edge.Producer!;
        Quantization steps = consumer[operand].Quantization!;
        Operation product = quantize[0].Edge.Producer!;
        (int min, int max) = steps.Type.IntegerRange();
        float scale = steps.Scales[0];
        int zeroPoint = steps.ZeroPoints[0];
        product.PostOps.Add(new FusedEltwise(EltwiseAlgorithm.Linear, 1 / scale, 0));
        product.PostOps.Add(new FusedEltwise(EltwiseAlgorithm.Round, 0, 0));
        product.PostOps.Add(new FusedEltwise(EltwiseAlgorithm.Clip, min - zeroPoint, max - zeroPoint));
        product.PostOps.Add(new FusedEltwise(EltwiseAlgorithm.Linear, scale, 0));
        consumer.SetOperand(operand, new Operand(quantize[0].Edge));
        product.AddFused(quantize);
        graph.Remove(quantize);
        log.Add(Name, product.Name, $"rounds to {steps} in registers");
    }

    // Integers can be the second operand of an addition only: they become the previous content of the destination.
    private static bool CanRead(Operation consumer, BinarySpec binary, Operand operand) => operand.Quantization is null
        ? operand.Edge.Type == DataType.Float32
        : binary.Algorithm == BinaryAlgorithm.Add && operand.Shape == consumer.Output.Shape;
}
