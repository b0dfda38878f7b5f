// What a lowering sees: the tensors lowered so far, and ways to emit operations.
using Int8Runtime.Graph.Evaluation;

namespace Int8Runtime.Graph.Lowering;

/// <summary>The state of turning a model graph with static shapes into operations.</summary>
internal sealed class LoweringContext(OperationGraph operations)
{
    private readonly Dictionary<GraphValue, Edge> _edges = [];
    private readonly Dictionary<TensorData, Edge> _constants = new(ReferenceEqualityComparer.Instance);

    /// <summary>The operations emitted so far.</summary>
    public OperationGraph Operations { get; } = operations;

    /// <summary>The extents of a value.</summary>
    /// <exception cref="NodeLoweringException">They depend on data.</exception>
    public static Shape ExtentsOf(GraphValue value) => value.Shape is { IsStatic: true } shape
        ? shape.ToExtents()
        : throw new NodeLoweringException(
            $"the shape of '{value.Name}' ({value.Shape?.ToString() ?? "unknown"}) depends on data or on an input dimension "
            + "that is not set");

    /// <summary>Makes a graph input a tensor that the caller supplies.</summary>
    public void DefineInput(GraphValue value)
    {
        var edge = new Edge(value.Name, value.ElementType, ExtentsOf(value)) { IsInput = true };
        _edges.Add(value, edge);
        Operations.Inputs.Add(edge);
    }

    /// <summary>The tensor of a value.</summary>
    public Edge EdgeOf(GraphValue value)
    {
        if (_edges.TryGetValue(value, out Edge? edge))
            return edge;
        if (value.Constant is not { } content)
            throw new NodeLoweringException($"'{value.Name}' comes from a node that could not be lowered");
        edge = ConstantEdge(value.Name, content);
        _edges.Add(value, edge);
        return edge;
    }

    /// <summary>The tensor of an operand of a node, which must be present.</summary>
    public Operand OperandOf(GraphNode node, int index) => new(EdgeOf(node.Input(index)));

    /// <summary>The tensor of a constant.</summary>
    public Edge ConstantEdge(string name, TensorData content)
    {
        if (!_constants.TryGetValue(content, out Edge? edge))
            _constants.Add(content, edge = new Edge(name, content.ElementType, content.Shape, content));
        return edge;
    }

    /// <summary>Creates the tensor of a result of a node.</summary>
    public Edge Define(GraphValue value)
    {
        var edge = new Edge(value.Name, value.ElementType, ExtentsOf(value));
        _edges.Add(value, edge);
        return edge;
    }

    /// <summary>Stands in for the result of a node that could not be lowered, so that the nodes behind it can still be examined.</summary>
    public void DefineFailed(GraphValue value) =>
        _edges.TryAdd(value, new Edge(value.Name, value.ElementType, value.Shape is { IsStatic: true } shape ? shape.ToExtents() : []));

    /// <summary>Emits an operation that writes the (first) result of the node.</summary>
    public Operation Emit(GraphNode node, OperationSpec spec, params ReadOnlySpan<Operand?> operands) =>
        Operations.Add(new Operation(node.Name, node.OpType, spec, operands, [Define(node.Output)]));

    /// <summary>Emits an operation that writes an intermediate tensor.</summary>
    public Operation EmitStep(
        GraphNode node, OperationSpec spec, DataType type, Shape shape, params ReadOnlySpan<Operand?> operands) =>
        EmitPart(node, node.Name, spec, type, shape, operands);

    /// <summary>The same under a name of its own, for what stands beside the node's computation in reports.</summary>
    public Operation EmitPart(
        GraphNode node, string name, OperationSpec spec, DataType type, Shape shape, params ReadOnlySpan<Operand?> operands) =>
        Operations.Add(new Operation(name, node.OpType, spec, operands,
            [new Edge(node.Output.Name + ":" + spec.GetType().Name, type, shape)]));

    /// <summary>The tensor under another shape of as many elements.</summary>
    public Operand Reshape(GraphNode node, Operand operand, Shape shape)
    {
        if (operand.Shape == shape)
            return operand;
        if (operand.Edge.Constant is { } content)
            return operand with { Edge = new Edge(operand.Edge.Name, operand.Edge.Type, shape, content.Reshaped(shape)) };
        return new Operand(EmitStep(node, new ReshapeSpec(), operand.Edge.Type, shape, operand).Output, operand.Quantization);
    }

    /// <summary>
    /// The tensor with leading extents of 1 up to a rank: numpy's broadcasting for primitives, whose operands have one rank.
    /// </summary>
    public Operand ToRank(GraphNode node, Operand operand, int rank)
    {
        var extents = new int[rank];
        extents.AsSpan(0, rank - operand.Shape.Rank).Fill(1);
        operand.Shape.Span.CopyTo(extents.AsSpan(rank - operand.Shape.Rank));
        return Reshape(node, operand, extents);
    }

    /// <summary>Lets the portable evaluator compute the node.</summary>
    /// <exception cref="NodeLoweringException">It cannot either.</exception>
    public void EmitHost(GraphNode node, string reason)
    {
        if (!HostEvaluator.TryGet(node, out _))
            throw new NodeLoweringException($"{reason}, and the portable evaluator does not know the operator");
        Operand?[] operands = [.. node.Inputs.Select(i => i is null ? null : new Operand(EdgeOf(i)))];
        Edge[] outputs = [.. node.Outputs.Select(Define)];
        Operations.Add(new Operation(node.Name, node.OpType, new HostSpec(node, reason), operands, outputs));
    }
}

/// <summary>Why a node cannot be lowered.</summary>
internal sealed class NodeLoweringException(string reason) : Exception(reason);
