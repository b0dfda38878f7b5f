// Operations take the quantizations behind them into their attributes.
using Int8Runtime.Graph.Lowering;

namespace Int8Runtime.Graph.Fusion;

/// <summary>Lets operations write integers instead of real numbers that are quantized afterwards.</summary>
internal sealed class QuantizationAbsorption : IOperationPass
{
    public string Name => "quantization-absorption";

    public void Run(OperationGraph graph, PassLog log)
    {
        foreach (Operation quantize in graph.Operations.ToArray())
        {
            if (!QuantizationMovement.IsQuantize(quantize) || quantize[0].Edge is not { Producer: { } producer } real)
                continue;
            if (Obstacle(producer, real, quantize.OutputQuantization!) is { } obstacle)
            {
                if (obstacle.Length > 0)
                    producer.Notes.Add("writes f32: " + obstacle);
                continue;
            }

            Quantization quantization = quantize.OutputQuantization!;
            producer.OutputQuantization = quantization;
            graph.Merge(producer, quantize);
            log.Add(Name, producer.Name, $"writes {quantization}");
        }
    }

    // Why the producer cannot write the integers; empty where that needs no remark.
    private static string? Obstacle(Operation producer, Edge real, Quantization quantization)
    {
        bool readsIntegers = producer.Operands.Count > 0 && producer.OptionalOperand(0)?.Quantization is not null;
        return producer.Spec switch
        {
            HostSpec => "",
            _ when producer.OutputQuantization is not null => "",
            ConvertSpec when producer[0].Quantization is not null && producer[0].Edge.Constant is not null => "",
            _ when real.SoleUse is null => "the result is also read as f32",
            _ when !quantization.IsPerTensor => "the quantization has several scales",
            ConvolutionSpec or InnerProductSpec or MatMulSpec => readsIntegers ? null : "",
            PoolingSpec or ResamplingSpec or EltwiseSpec => readsIntegers ? null : "",
            BinarySpec or PReluSpec or ReductionSpec or SumSpec or SelectSpec => null,
            _ => "",
        };
    }
}
