// Operations take the dequantizations in front of them into their attributes.
using Int8Runtime.Graph.Lowering;

namespace Int8Runtime.Graph.Fusion;

/// <summary>Lets operations read integers with scale and zero point instead of dequantized tensors.</summary>
internal sealed class DequantizationAbsorption : IOperationPass
{
    public string Name => "dequantization-absorption";

    public void Run(OperationGraph graph, PassLog log)
    {
        foreach (Operation operation in graph.Operations.ToArray())
        {
            switch (operation.Spec)
            {
                case ConvolutionSpec:
                    AbsorbWeighted(log, operation, weightsAxis: 0);
                    break;
                case InnerProductSpec innerProduct:
                    AbsorbWeighted(log, operation, innerProduct.InputMajorWeights ? 1 : 0);
                    break;
                case MatMulSpec:
                    if (Integers(operation[0]) is { } left && Integers(operation[1]) is { } right)
                        Absorb(log, operation, (0, left), (1, right));
                    break;
                case BinarySpec:
                    for (int i = 0; i < 2; i++)
                    {
                        if (!operation[i].IsKnown() && Integers(operation[i]) is { } integers)
                            Absorb(log, operation, (i, integers));
                    }

                    break;
                case ReductionSpec:
                    if (Integers(operation[0]) is { } reduced)
                        Absorb(log, operation, (0, reduced));
                    break;
                case PoolingSpec or ResamplingSpec or EltwiseSpec or PReluSpec:
                    if (Integers(operation[0]) is { } source
                        && QuantizationMovement.CommonQuantization(operation.Output) is { IsPerTensor: true })
                        Absorb(log, operation, (0, source));
                    break;
                case ConvertSpec:
                    if (QuantizationMovement.IsQuantize(operation) && Integers(operation[0]) is { } requantized)
                        Absorb(log, operation, (0, requantized));
                    break;
            }
        }

        graph.RemoveDead();
    }

    // The integers with one scale that a dequantization in front of the operand reads.
    private static Operand? Integers(Operand operand) =>
        operand.Dequantized() is { Quantization: { IsPerTensor: true } quantization } integers && quantization.Type.IsInt8()
            ? integers : null;

    private void AbsorbWeighted(PassLog log, Operation operation, int weightsAxis)
    {
        if (operation[0].Quantization is not null)
            return;   // ConvInteger and MatMulInteger name their integers themselves
        Operand? source = operation[0].Dequantized(), weights = operation[1].Dequantized();
        string? obstacle =
            source is null && weights is null ? null
            : source is null ? "the source is not quantized"
            : weights is null ? "the weights are not quantized"
            : !source.Quantization!.IsPerTensor ? "the source has several scales"
            : !source.Quantization.Type.IsInt8() || !weights.Quantization!.Type.IsInt8()
            ? $"{source.Quantization.Type.ToShortName()} with {weights.Quantization!.Type.ToShortName()} weights has no kernel"
            : !weights.Quantization.IsPerTensor && weights.Quantization.Axis != weightsAxis
            ? "the scales of the weights are not per output channel"
            : null;
        if (obstacle is not null)
            operation.Notes.Add("computes in f32: " + obstacle);
        else if (source is not null && weights is not null)
            Absorb(log, operation, (0, source), (1, weights));
    }

    private void Absorb(PassLog log, Operation operation, params ReadOnlySpan<(int Index, Operand Integers)> operands)
    {
        foreach ((int index, Operand integers) in operands)
            operation.SetOperand(index, integers);
        log.Add(Name, operation.Name, $"reads {operands[0].Integers.Quantization}");
    }
}
