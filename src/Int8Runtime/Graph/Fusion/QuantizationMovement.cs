// Quantizations and dequantizations are moved across operations that only move elements, towards the operations that compute.
using Int8Runtime.Graph.Lowering;

namespace Int8Runtime.Graph.Fusion;

/// <summary>
/// Moves dequantizations down and quantizations up across movers (reshape, transpose, slice, pad, max pooling, concat): both
/// are exact, because quantization is monotone and acts on each element alone. Removes pairs that cancel, merges equal
/// quantizations of one tensor, and drops a rectifier between equal quantizations into the float side.
/// </summary>
internal sealed class QuantizationMovement : IOperationPass
{
    public string Name => "quantization-movement";

    public void Run(OperationGraph graph, PassLog log)
    {
        bool changed = true;
        while (changed)
        {
            changed = false;
            foreach (Operation operation in graph.Operations.ToArray())
            {
                if (operation.Outputs[0].Producer != operation || operation.Operands.Count == 0 || operation.OptionalOperand(0) is null)
                    continue;
                changed |= MergeTwins(graph, log, operation) || Cancel(graph, log, operation) || ClampBeforeRounding(graph, log, operation)
                    || SinkDequantization(graph, log, operation) || HoistQuantization(graph, log, operation);
            }

            graph.RemoveDead();
        }
    }

    internal static bool IsQuantize(Operation operation) =>
        operation is { Spec: ConvertSpec, OutputQuantization: not null } && operation[0].Quantization is null;

    /// <summary>The one quantization that every reader of the tensor applies, or null.</summary>
    internal static Quantization? CommonQuantization(Edge edge)
    {
        if (edge.IsOutput || edge.Uses.Count == 0)
            return null;
        Quantization? common = null;
        foreach (OperandUse use in edge.Uses)
        {
            if (!IsQuantize(use.Operation) || (common is not null && !common.Equals(use.Operation.OutputQuantization)))
                return null;
            common = use.Operation.OutputQuantization;
        }

        return common;
    }

    // Two equal quantizations of one tensor.
    private bool MergeTwins(OperationGraph graph, PassLog log, Operation operation)
    {
        if (!IsQuantize(operation) || operation.Output.IsOutput)
            return false;
        Operation? twin = operation[0].Edge.Uses.Select(u => u.Operation).FirstOrDefault(other =>
            other != operation && IsQuantize(other) && other.OutputQuantization!.Equals(operation.OutputQuantization));
        if (twin is null || graph.Operations.First(o => o == operation || o == twin) == operation)
            return false;
        graph.ReplaceUses(operation.Output, twin.Output);
        graph.Remove(operation);
        log.Add(Name, operation.Name, $"equals {twin.Name}");
        return true;
    }

    // quantize(dequantize(q)) with the same parameters is q.
    private bool Cancel(OperationGraph graph, PassLog log, Operation operation)
    {
        if (!IsQuantize(operation) || operation[0].Dequantized() is not { } origin
            || !origin.Quantization!.Equals(operation.OutputQuantization) || operation.Output.IsOutput)
            return false;
        graph.ReplaceUses(operation.Output, origin.Edge);
        graph.Remove(operation);
        log.Add(Name, operation.Name, "cancels the dequantization before it");
        return true;
    }

    // quantize(clamp(dequantize(quantize(x)))) with equal parameters is quantize(clamp(x)): rounding keeps the order.
    private bool ClampBeforeRounding(OperationGraph graph, PassLog log, Operation operation)
    {
        if (operation.Spec is not EltwiseSpec { Algorithm: EltwiseAlgorithm.Relu, Alpha: 0 }
            || CommonQuantization(operation.Output) is not { IsPerTensor: true } after
            || operation[0].Dequantized() is not { } origin || !origin.Quantization!.Equals(after)
            || operation[0].Edge.SoleUse is null || origin.Edge.SoleUse is null
            || origin.Edge.Producer is not { } quantize || !IsQuantize(quantize))
            return false;
        operation.SetOperand(0, quantize[0]);
        log.Add(Name, operation.Name, "acts before the quantization with equal parameters");
        return true;
    }

    private bool SinkDequantization(OperationGraph graph, PassLog log, Operation operation)
    {
        if (!operation.Spec.MovesElements || operation.Output.Type != DataType.Float32 || operation.PostOps.Count > 0)
            return false;
        Quantization? common = operation[0].Dequantized()?.Quantization;
        if (common is not { IsPerTensor: true } || !common.Type.IsInt8()
            || operation.Operands.Any(o => !common.Equals(o?.Dequantized()?.Quantization)) || !CanPad(operation, common))
            return false;
        for (int i = 0; i < operation.Operands.Count; i++)
            operation.SetOperand(i, new Operand(operation[i].Dequantized()!.Edge));
        Edge result = operation.Output;
        var integers = new Edge(result.Name + ":" + common.Type.ToShortName(), common.Type, result.Shape);
        operation.SetOutput(integers);
        SetPadding(operation, common);
        graph.InsertAfter(operation,
            new Operation(operation.Name, "DequantizeLinear", new ConvertSpec(), [new Operand(integers, common)], [result]));
        log.Add(Name, operation.Name, $"moves {common}");
        return true;
    }

    private bool HoistQuantization(OperationGraph graph, PassLog log, Operation operation)
    {
        if (!operation.Spec.MovesElements || operation.Output.Type != DataType.Float32 || operation.PostOps.Count > 0
            || CommonQuantization(operation.Output) is not { IsPerTensor: true } common
            || (operation.Spec is not ConcatSpec && operation[0].Edge.SoleUse is null) || operation.Operands.Any(o => o!.IsKnown()))
            return false;
        for (int i = 0; i < operation.Operands.Count; i++)
        {
            Operand source = operation[i];
            var integers = new Edge($"{source.Edge.Name}:{common.Type.ToShortName()}", common.Type, source.Shape);
            graph.InsertBefore(operation,
                new Operation(operation.Name, "QuantizeLinear", new ConvertSpec(), [source],
                    [integers]) { OutputQuantization = common });
            operation.SetOperand(i, new Operand(integers));
        }

        Edge real = operation.Output;
        Operation[] quantizations = [.. real.Uses.Select(u => u.Operation)];
        var result = new Edge(quantizations[0].Output.Name, common.Type, real.Shape);
        operation.SetOutput(result);
        SetPadding(operation, common);
        foreach (Operation quantization in quantizations)
        {
            graph.ReplaceUses(quantization.Output, result);
            graph.Remove(quantization);
        }

        log.Add(Name, operation.Name, $"moves {common}");
        return true;
    }

    // A padded value must have an exact integer, or the result would differ.
    private static bool CanPad(Operation operation, Quantization quantization) =>
        operation.Spec is not PadSpec pad || pad.Value == 0;

    // From here on the operation moves integers: the padding is their value.
    private static void SetPadding(Operation operation, Quantization quantization)
    {
        if (operation.Spec is not PadSpec pad)
            return;
        (int min, int max) = quantization.Type.IntegerRange();
        double rounded = Math.Round((float)pad.Value / quantization.Scales[0], MidpointRounding.ToEven) + quantization.ZeroPoints[0];
        operation.Spec = pad with { Value = Math.Clamp(rounded, min, max) };
    }
}
