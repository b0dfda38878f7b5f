// The result of shape inference for one choice of input shapes.
using System.Diagnostics.CodeAnalysis;

namespace Int8Runtime.Graph.Shapes;

/// <summary>Concrete types of all values of a graph, and the contents of those that follow from the shapes
/// alone.</summary>
public sealed class InferredTensors
{
    private readonly Dictionary<GraphValue, TensorType> _types = [];
    private readonly Dictionary<GraphValue, TensorData> _contents = [];
    private readonly HashSet<GraphValue> _dynamic = [];

    internal InferredTensors()
    {
    }

    /// <summary>Type and shape of a value.</summary>
    public TensorType this[GraphValue value] => _types[value];

    /// <summary>Whether the shape of a value depends on the content of the inputs.</summary>
    public bool IsDynamic(GraphValue value) => _dynamic.Contains(value);

    /// <summary>The content of a value that does not depend on the content of the inputs, as far as it was
    /// computed.</summary>
    public bool TryGetContent(GraphValue value, [NotNullWhen(true)] out TensorData? content)
    {
        content = value.Constant;
        return content is not null || _contents.TryGetValue(value, out content);
    }

    /// <summary>Writes types and shapes into the values of the graph, turns known contents into constants and removes
    /// the nodes that computed them.</summary>
    public void Apply(ModelGraph graph)
    {
        foreach ((GraphValue value, TensorType type) in _types)
        {
            value.ElementType = type.ElementType;
            value.Shape = GraphShape.Of(type.Shape);
        }
        foreach (GraphValue value in _dynamic)
            value.Shape = null;
        foreach (GraphNode node in graph.Nodes.ToArray())
        {
            if (node.Outputs.All(_contents.ContainsKey))
                graph.ReplaceByConstants(node, [.. node.Outputs.Select(o => _contents[o])]);
        }
        graph.RemoveDeadNodes();
    }

    internal bool Contains(GraphValue value) => _types.ContainsKey(value);

    internal void SetType(GraphValue value, TensorType type) => _types[value] = type;

    internal void SetDynamic(GraphNode node) => _dynamic.UnionWith(node.Outputs);

    internal void SetContent(GraphValue value, TensorData content)
    {
        _types[value] = new TensorType(content.ElementType, content.Shape);
        _contents[value] = content;
    }

    internal NodeOperands OperandsOf(GraphNode node) => new(
        node,
        node.Inputs.Select(v => v is null ? (TensorType?)null : _types[v]),
        node.Inputs.Select(v => v is not null && TryGetContent(v, out TensorData? content) ? content : null));
}
