// Shape inference for concrete input shapes. Models compute shapes with operators too (Shape, Gather, Concat, …), so
// the contents of small tensors that follow from shapes and constants are evaluated on the way.
using Int8Runtime.Graph.Evaluation;
using Int8Runtime.Graph.Passes;

namespace Int8Runtime.Graph.Shapes;

/// <summary>Derives the types of all values of a graph.</summary>
public static class ShapeInference
{
    /// <summary>The largest tensor, in elements, whose content is followed.</summary>
    private const int ContentLimit = 1 << 16;

    /// <summary>Infers all types.</summary>
    /// <param name="graph">The graph; it is not changed.</param>
    /// <param name="inputShapes">The shapes of the inputs by name; an input whose shape the graph states may be left
    /// out.</param>
    /// <param name="allowDynamic">Whether shapes may depend on the content of the inputs, where the portable evaluator can
    /// compute all that follows from them; see <see cref="InferredTensors.IsDynamic"/>.</param>
    /// <exception cref="ModelFormatException">The shapes do not fit the model, or a node does not fit its operands; the
    /// message names the input or node.</exception>
    /// <exception cref="UnsupportedModelException">An operator is unknown, or (<see cref="DataDependentShapeException"/>) its
    /// result depends on the content of the inputs.</exception>
    public static InferredTensors Infer(
        ModelGraph graph, IReadOnlyDictionary<string, Shape>? inputShapes = null, bool allowDynamic = false) =>
        Infer(graph, inputShapes, allowDynamic, null);

    /// <summary>Infers all types under the assumption that every operator which finds elements or boxes finds so many.</summary>
    /// <exception cref="ModelFormatException">As above.</exception>
    /// <exception cref="UnsupportedModelException">As above; where more than that number depends on the content of the inputs.</exception>
    internal static InferredTensors InferAssuming(ModelGraph graph, IReadOnlyDictionary<string, Shape> inputShapes, int found) =>
        Infer(graph, inputShapes, allowDynamic: false, found);

    private static InferredTensors Infer(
        ModelGraph graph, IReadOnlyDictionary<string, Shape>? inputShapes, bool allowDynamic, int? found)
    {
        var result = new InferredTensors();
        foreach (GraphValue input in graph.Inputs)
            result.SetType(input, new TensorType(input.ElementType, ShapeOfInput(input, inputShapes)));
        foreach (GraphValue constant in graph.Values.Where(v => v.IsConstant))
            result.SetType(constant, new TensorType(constant.ElementType, constant.Constant!.Shape));
        foreach (GraphNode node in graph.Nodes)
        {
            try
            {
                InferNode(node, result);
            }
            catch (DataDependentShapeException) when (allowDynamic && HostEvaluator.TryGet(node, out _))
            {
                result.SetDynamic(node);
            }
            catch (DataDependentShapeException) when (found is { } count && Found(node, result, count) is { } shape)
            {
                result.SetType(node.Output, new TensorType(DataType.Int64, shape));
            }
        }

        return result;
    }

    private static Shape ShapeOfInput(GraphValue input, IReadOnlyDictionary<string, Shape>? inputShapes)
    {
        if (inputShapes is not null && inputShapes.TryGetValue(input.Name, out Shape given))
        {
            return input.Shape is null || input.Shape.Accepts(given)
                ? given
                : throw new ModelFormatException(
                    $"Input '{input.Name}' has the shape {TensorData.FormatShape(given)}, but the model wants "
                    + $"{input.Shape}.");
        }
        return input.Shape is { IsStatic: true } shape
            ? shape.ToExtents()
            : throw new ModelFormatException(
                $"Input '{input.Name}' has the shape {input.Shape?.ToString() ?? "?"}: give its extents.");
    }

    private static void InferNode(GraphNode node, InferredTensors result)
    {
        if (node.Inputs.FirstOrDefault(v => v is not null && result.IsDynamic(v)) is { } source)
            throw new DataDependentShapeException(
                $"{node} reads '{source.Name}', whose shape depends on the content of the model's inputs, and only operators that the "
                + "portable evaluator knows can do that.");
        NodeOperands operands = result.OperandsOf(node);
        OperatorGuard.Run(node, () =>
        {
            if (TryEvaluate(operands, result))
                return;
            if (!OperatorShapes.TryGet(node, out IOperatorShape? shape))
            {
                throw HostEvaluator.TryGet(node, out _)
                    ? new DataDependentShapeException($"{node}: the shape of the result depends on the content of the model's inputs.")
                    : new UnsupportedModelException($"{node}: the operator is not supported.");
            }
            TensorType[] types = shape.Infer(operands);
            for (int i = 0; i < node.Outputs.Count; i++)
            {
                if (i < types.Length)
                {
                    TensorData.CountElements(types[i].Shape);
                    result.SetType(node.Outputs[i], types[i]);
                }
                else if (node.Outputs[i].Uses.Count > 0 || node.Outputs[i].IsGraphOutput)
                {
                    throw new UnsupportedModelException($"{node}: output {i} is used, which is not supported.");
                }
            }
        });
    }

    // The shape of indices of which so many are found.
    private static Shape? Found(GraphNode node, InferredTensors tensors, int count) => node.OpType switch
    {
        "NonMaxSuppression" => [count, 3],
        "NonZero" => [tensors[node.Input(0)].Shape.Rank, count],
        _ => null,
    };

    private static bool TryEvaluate(NodeOperands operands, InferredTensors result)
    {
        GraphNode node = operands.Node;
        if (ConstantFolding.KeepsIntegers(node) || !HostEvaluator.TryGet(node, out IHostOperator? evaluator))
            return false;
        bool isKnown = node.OpType is "Shape" or "Size";
        if (!isKnown)
        {
            for (int i = 0; i < operands.Count; i++)
            {
                if (operands.Has(i) && operands.Value(i) is not { ElementCount: <= ContentLimit })
                    return false;
            }
            if (OperatorShapes.TryGet(node, out IOperatorShape? shape)
                && shape.Infer(operands).Any(t => TensorData.CountElements(t.Shape) > ContentLimit))
                return false;
        }
        TensorData[] contents = evaluator.Evaluate(operands);
        for (int i = 0; i < contents.Length && i < node.Outputs.Count; i++)
            result.SetContent(node.Outputs[i], contents[i]);
        return contents.Length >= node.Outputs.Count;
    }
}
