// Constants added to each output channel of a product become its bias.
using Int8Runtime.Graph.Lowering;

namespace Int8Runtime.Graph.Fusion;

/// <summary>Folds the addition of a constant per channel into the bias of a convolution or fully connected layer.</summary>
internal sealed class BiasFusion : IOperationPass
{
    public string Name => "bias-fusion";

    public void Run(OperationGraph graph, PassLog log)
    {
        foreach (Operation addition in graph.Operations.ToArray())
        {
            if (addition.Spec is not BinarySpec { Algorithm: BinaryAlgorithm.Add })
                continue;
            if (!TryFuse(graph, log, addition, 0))
                TryFuse(graph, log, addition, 1);
        }
    }

    private bool TryFuse(OperationGraph graph, PassLog log, Operation addition, int productIndex)
    {
        Edge value = addition[productIndex].Edge;
        Operand constant = addition[1 - productIndex];
        if (value.SoleUse is null || value.Producer is not { } producer || constant.KnownValues() is not { } addend)
            return false;
        Operation? reshape = producer.Spec is ReshapeSpec ? producer : null;
        if (reshape is not null && (reshape[0].Edge.SoleUse is null || reshape[0].Edge.Producer is not { Spec: InnerProductSpec }
            || value.Shape[^1] != reshape[0].Shape[^1]))
            return false;
        Operation product = reshape is null ? producer : reshape[0].Edge.Producer!;
        int axis = reshape is null && product.Spec is ConvolutionSpec ? 1 : value.Shape.Rank - 1;
        if (!PostOpRules.TakesPostOps(product) || product.Spec is MatMulSpec || product.PostOps.Count > 0
            || value.Shape != addition.Output.Shape || !PostOpRules.IsPerChannel(constant.Shape, value.Shape, axis))
            return false;
        Operand? present = product.OptionalOperand(2);
        if (present is not null)
        {
            if (present.KnownValues() is not { } bias)
                return false;
            addend = [.. bias.Zip(addend, (a, b) => a + b)];
        }

        while (product.Operands.Count < 3)
            product.AddOperand(null);
        product.SetOperand(2,
            new Operand(new Edge(addition.Name + ":bias", DataType.Float32, [addend.Length],
                TensorData.Create<float>(addend, [addend.Length]))));
        if (reshape is null)
        {
            graph.Merge(product, addition);
        }
        else
        {
            Edge result = addition.Output;
            graph.Remove(addition);
            reshape.SetOutput(result);
            product.AddFused(addition);
        }

        log.Add(Name, product.Name, $"adds the constant of {addition.Name} as bias");
        return true;
    }
}
