// Operators that are written as several standard ones, whatever format they come from.
namespace Int8Runtime.Graph.Composition;

/// <summary>Adds the nodes that an operator of a file consists of, under its name.</summary>
/// <param name="graph">The graph under construction.</param>
/// <param name="name">The name of the operator.</param>
/// <param name="results">Its results, which some of the nodes define; empty where the caller takes them as they come.</param>
internal sealed class GraphComposer(ModelGraph graph, string name, IReadOnlyList<GraphValue> results)
{
    /// <summary>Whether the operator has this result and something may read it.</summary>
    public bool IsWanted(int result) => result >= 0 && result < results.Count && !results[result].IsOmitted;

    /// <summary>Adds a node with an intermediate result.</summary>
    public GraphValue Operation(string opType, string role, ReadOnlySpan<GraphValue?> inputs, GraphAttributes? attributes = null) =>
        graph.AddOperation(opType, $"{name}:{role}", inputs, attributes);

    /// <summary>Adds a node whose result is that of the operator, if it is wanted.</summary>
    public GraphValue Result(
        int result, string opType, string role, ReadOnlySpan<GraphValue?> inputs, GraphAttributes? attributes = null)
    {
        if (!IsWanted(result))
            return Operation(opType, role, inputs, attributes);
        graph.AddNode(opType, inputs, [results[result]], attributes, result == 0 ? name : $"{name}:{role}");
        return results[result];
    }

    /// <summary>A list of integers.</summary>
    public GraphValue Integers(string role, params ReadOnlySpan<long> values) => Constant(role, TensorData.Vector(values));

    /// <summary>A number.</summary>
    public GraphValue Scalar<T>(string role, T value) where T : unmanaged => Constant(role, TensorData.Scalar(value));

    /// <summary>A tensor.</summary>
    public GraphValue Constant(string role, TensorData content) => graph.AddConstant($"{name}:{role}", content);

    /// <summary>The extents of <paramref name="count"/> dimensions from an axis on, negative ones from the end, as a list.</summary>
    public GraphValue Extents(GraphValue value, int axis, int count = 1)
    {
        var range = new GraphAttributes { { "start", axis } };
        if (axis + count != 0)
            range.Add("end", axis + count);
        return Operation("Shape", "extents", [value], range);
    }

    /// <summary>The extent of a dimension as a number.</summary>
    public GraphValue Extent(GraphValue value, int axis) => Operation("Squeeze", "extent", [Extents(value, axis), Integers("first", 0)]);

    /// <summary>The integers from one number to before another.</summary>
    public GraphValue Range(GraphValue first, GraphValue until) => Operation("Range", "positions", [first, until, Scalar("step", 1L)]);

    /// <summary>Lists one after the other, or tensors along an axis.</summary>
    public GraphValue Concat(string role, ReadOnlySpan<GraphValue?> parts, int axis = 0) =>
        Operation("Concat", role, parts, new GraphAttributes { { "axis", axis } });

    /// <summary>The value with dimensions of extent 1 at these axes of the result.</summary>
    public GraphValue Unsqueeze(string role, GraphValue value, params ReadOnlySpan<long> axes) =>
        Operation("Unsqueeze", role, [value, Integers("axes", axes)]);

    /// <summary>The value with its dimensions in another order.</summary>
    public GraphValue Transpose(string role, GraphValue value, params long[] order) =>
        Operation("Transpose", role, [value], new GraphAttributes { { "perm", order } });

    /// <summary>The value in another shape; 0 keeps an extent, −1 takes what is left.</summary>
    public GraphValue Reshape(string role, GraphValue value, params ReadOnlySpan<long> extents) =>
        Operation("Reshape", role, [value, Integers("shape", extents)]);
}
