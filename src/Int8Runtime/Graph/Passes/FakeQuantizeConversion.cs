// FakeQuantize becomes QuantizeLinear and DequantizeLinear where 8-bit integers say the same.
using Int8Runtime.Graph.Evaluation;

namespace Int8Runtime.Graph.Passes;

/// <summary>
/// Replaces FakeQuantize: on activations by a quantizer and a dequantizer, with a clamp before them where there are fewer than 256
/// levels; on constants by integers with a dequantizer. What has no 8-bit form stays, and runs on real numbers.
/// </summary>
public sealed class FakeQuantizeConversion : IGraphPass
{
    /// <inheritdoc/>
    public string Name => "fake-quantize-conversion";

    /// <summary>Converts what can be converted, outside of a compilation.</summary>
    public static void Apply(ModelGraph graph) => new FakeQuantizeConversion().Run(graph, new PassLog(), _ => true);

    /// <summary>Converts constants only: a file then holds their integers, and simulates the activations still.</summary>
    public static void ApplyToConstants(ModelGraph graph) =>
        new FakeQuantizeConversion().Run(graph, new PassLog(), n => n.ConstantInput(0) is not null);

    /// <summary>Whether the node is a FakeQuantize.</summary>
    public static bool IsFakeQuantize(GraphNode node) => node.OpType == "FakeQuantize" && node.Domain == OperatorDomains.OpenVino;

    void IGraphPass.Run(ModelGraph graph, PassLog log) => Run(graph, log, _ => true);

    private void Run(ModelGraph graph, PassLog log, Func<GraphNode, bool> isWanted)
    {
        foreach (GraphNode node in graph.Nodes.Where(n => IsFakeQuantize(n) && isWanted(n)).ToArray())
        {
            if (FakeQuantizeView.OfRanges(node) is not { } view)
                continue;
            TensorData? constant = node.ConstantInput(0);
            string? obstacle = view.ChannelAxis is null ? "its ranges differ along several dimensions"
                : constant is not null ? ConvertConstant(graph, node, view, constant)
                : ConvertActivation(graph, node, view);
            log.Add(Name, node.Name, obstacle is null ? "becomes 8-bit integers" : "stays real: " + obstacle);
            if (obstacle is not null && constant is not null)
                graph.ReplaceByConstants(node, HostEvaluator.Evaluate(node, [.. node.Inputs.Select(i => i!.Constant)]));
        }
    }

    private static string? ConvertConstant(ModelGraph graph, GraphNode node, FakeQuantizeView view, TensorData constant)
    {
        if (view.FindConstant(constant, out TensorData integers, out float[] scales, out int[] zeroPoints) is { } obstacle)
            return obstacle;
        GraphValue[] operands =
        [
            graph.AddConstant(node.Name + ":integers", integers), Constant(graph, node, "scale", view, scales),
            Constant(graph, node, "zero_point", view, Array.ConvertAll(zeroPoints, z => (sbyte)z)),
        ];
        Replace(graph, node, "DequantizeLinear", operands, AxisOf(view));
        return null;
    }

    private static string? ConvertActivation(ModelGraph graph, GraphNode node, FakeQuantizeView view)
    {
        if (view.FindIntegers(out float[] scales, out int[] zeroPoints, out DataType type) is { } obstacle)
            return obstacle;
        GraphValue source = node.Input(0);
        if (view.Levels < 256)
        {
            source = graph.AddOperation("Max", node.Name + ":above", [source, Range(graph, node, "low", view, view.InputLow)],
                before: node);
            source = graph.AddOperation("Min", node.Name + ":clamped", [source, Range(graph, node, "high", view, view.InputHigh)],
                before: node);
        }

        GraphValue scale = Constant(graph, node, "scale", view, scales);
        GraphValue zeroPoint = type == DataType.Int8
            ? Constant(graph, node, "zero_point", view, Array.ConvertAll(zeroPoints, z => (sbyte)z))
            : Constant(graph, node, "zero_point", view, Array.ConvertAll(zeroPoints, z => (byte)z));
        GraphAttributes axis = AxisOf(view);
        GraphValue integers = graph.AddOperation("QuantizeLinear", node.Name + ":integers", [source, scale, zeroPoint], axis, before: node);
        Replace(graph, node, "DequantizeLinear", [integers, scale, zeroPoint], axis);
        return null;
    }

    private static GraphAttributes AxisOf(FakeQuantizeView view) =>
        view.IsPerTensor ? new GraphAttributes() : new GraphAttributes { { "axis", view.ChannelAxis!.Value } };

    private static GraphValue Constant<T>(ModelGraph graph, GraphNode node, string role, FakeQuantizeView view,
        T[] values) where T : unmanaged =>
        graph.AddConstant($"{node.Name}:{role}", TensorData.Create<T>(values, view.IsPerTensor ? [] : [values.Length]));

    private static GraphValue Range(ModelGraph graph, GraphNode node, string role, FakeQuantizeView view, float[] values) =>
        graph.AddConstant($"{node.Name}:{role}", TensorData.Create<float>(values, view.RangeShape));

    // The new node takes over name and result.
    private static void Replace(ModelGraph graph, GraphNode node, string opType, GraphValue[] operands, GraphAttributes attributes)
    {
        GraphNode? next = graph.Nodes.SkipWhile(n => n != node).Skip(1).FirstOrDefault();
        GraphValue result = node.Output;
        bool isOutput = result.IsGraphOutput, isUsed = result.Uses.Count > 0;
        string name = node.Name;
        GraphValue substitute = graph.AddOperation(opType, name + ":real", operands, attributes, before: next);
        if (isOutput || isUsed)
            graph.ReplaceUses(result, substitute);
        graph.RemoveNode(node);
    }
}
