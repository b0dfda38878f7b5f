// What the importers of single operators share: the graph under construction and helpers to emit nodes into it.
using Int8Runtime.Graph;
using Int8Runtime.Graph.Composition;

namespace Int8Runtime.Onnx.Import;

/// <summary>The graph under construction.</summary>
/// <param name="graph">The graph.</param>
/// <param name="operatorSet">The version of the standard operators in the file.</param>
internal sealed class ImportContext(ModelGraph graph, int operatorSet)
{
    public ModelGraph Graph { get; } = graph;

    public int OperatorSet { get; } = operatorSet;

    /// <summary>Adds the draft as it stands.</summary>
    public GraphNode Emit(NodeDraft draft) => Graph.AddNode(
        draft.OpType, [.. draft.Inputs], [.. draft.Outputs], draft.Attributes, draft.Name, draft.Domain);

    /// <summary>Adds a node that defines the first output of the draft in its place.</summary>
    public void EmitAs(NodeDraft draft, string opType, ReadOnlySpan<GraphValue?> inputs, GraphAttributes? attributes = null) =>
        Graph.AddNode(opType, inputs, [draft.Outputs[0]], attributes, draft.Name);

    /// <summary>Adds the nodes that the draft is made of, under its name and with its outputs.</summary>
    public GraphComposer Composer(NodeDraft draft) => new(Graph, draft.Name, draft.Outputs);

    /// <summary>Adds a node with a new output.</summary>
    public GraphValue Operation(string opType, string name, ReadOnlySpan<GraphValue?> inputs, GraphAttributes? attributes = null) =>
        Graph.AddOperation(opType, name, inputs, attributes);

    public GraphValue Constant(string name, TensorData content) => Graph.AddConstant(name, content);

    public GraphValue Integers(string name, ReadOnlySpan<long> values) => Constant(name, TensorData.Vector(values));

    public GraphValue Scalar<T>(string name, T value) where T : unmanaged => Constant(name, TensorData.Scalar(value));

    /// <summary>The rank of a value as far as the file or the operators that lead to it tell.</summary>
    public static int? RankOf(GraphValue value, int depth = 64)
    {
        if (value.Shape is { } shape)
            return shape.Rank;
        if (depth == 0 || value.Producer is not { Domain.Length: 0 } producer)
            return null;
        return producer.OpType switch
        {
            "Flatten" or "Gemm" => 2,
            "Reshape" => producer.ConstantInput(1)?.ElementCount,
            "Relu" or "Clip" or "Sigmoid" or "Dropout" or "Identity" or "Conv" or "BatchNormalization" or "MaxPool" or "AveragePool"
                or "GlobalAveragePool" or "LRN" or "Softmax" or "QuantizeLinear" or "DequantizeLinear" or "Concat" =>
                producer.OptionalInput(0) is { } source ? RankOf(source, depth - 1) : null,
            _ => null,
        };
    }

    /// <summary>Whether a value holds Booleans, as far as the operators that lead to it tell.</summary>
    public static bool IsBoolean(GraphValue value, int depth = 64)
    {
        if (value.ElementType != DataType.Undefined || depth == 0 || value.Producer is not { Domain.Length: 0 } producer)
            return value.ElementType == DataType.Boolean;
        return producer.OpType switch
        {
            "And" or "Or" or "Xor" or "Not" or "Less" or "LessOrEqual" or "Equal" or "Greater" or "GreaterOrEqual" or "IsNaN" or "IsInf" =>
                true,
            "Cast" => producer.Attributes.GetInteger("to") == ElementTypeCodes.ToCode(DataType.Boolean),
            "ConstantOfShape" => producer.Attributes.GetTensor("value")?.ElementType == DataType.Boolean,
            "Where" => producer.OptionalInput(1) is { } chosen && IsBoolean(chosen, depth - 1),
            "Expand" or "Reshape" or "Unsqueeze" or "Squeeze" or "Slice" or "Gather" or "GatherND" or "Concat" or "Identity" or "Transpose"
                or "Tile" or "Flatten" or "Trilu" => producer.OptionalInput(0) is { } source && IsBoolean(source, depth - 1),
            _ => false,
        };
    }
}
