// A value of a graph: the edge between the node that defines it and the nodes that use it, or a constant, or a graph
// input.
namespace Int8Runtime.Graph;

/// <summary>One use of a value: input <paramref name="InputIndex"/> of <paramref name="Node"/>.</summary>
public readonly record struct GraphUse(GraphNode Node, int InputIndex);

/// <summary>A named tensor of a <see cref="ModelGraph"/>. It is defined by exactly one of: a node, a constant, the
/// graph's inputs.</summary>
public sealed class GraphValue
{
    private readonly List<GraphUse> _uses = [];

    internal GraphValue(ModelGraph graph, string name)
    {
        Graph = graph;
        Name = name;
    }

    /// <summary>The name, unique in the graph.</summary>
    public string Name { get; internal set; }

    /// <summary>The element type, <see cref="DataType.Undefined"/> until it is known.</summary>
    public DataType ElementType { get; set; }

    /// <summary>The shape, or null while not even the rank is known.</summary>
    public GraphShape? Shape { get; set; }

    /// <summary>The constant content, or null.</summary>
    public TensorData? Constant { get; private set; }

    /// <summary>Whether the value is a constant.</summary>
    public bool IsConstant => Constant is not null;

    /// <summary>The node that defines the value, or null for constants and graph inputs.</summary>
    public GraphNode? Producer { get; internal set; }

    /// <summary>The index among the outputs of <see cref="Producer"/>.</summary>
    public int ProducerIndex { get; internal set; }

    /// <summary>Every use by a node; a node that takes the value twice appears twice. Graph outputs are not
    /// uses.</summary>
    public IReadOnlyList<GraphUse> Uses => _uses;

    /// <summary>Whether the value is an input of the graph.</summary>
    public bool IsGraphInput => Graph.Inputs.Contains(this);

    /// <summary>Whether the value is an output of the graph.</summary>
    public bool IsGraphOutput => Graph.Outputs.Contains(this);

    /// <summary>Whether the file gave this optional output of a node no name: nobody may use it.</summary>
    public bool IsOmitted { get; internal init; }

    /// <summary>The only node that uses the value, or null when there are several uses, none, or the value is a graph
    /// output.</summary>
    public GraphNode? SoleConsumer => _uses.Count == 1 && !IsGraphOutput ? _uses[0].Node : null;

    internal ModelGraph Graph { get; }

    /// <summary>Makes the value a constant, with its element type and shape.</summary>
    /// <exception cref="InvalidOperationException">A node defines the value.</exception>
    public void SetConstant(TensorData content)
    {
        if (Producer is not null)
            throw new InvalidOperationException(
                $"'{Name}' is defined by node '{Producer.Name}' and cannot become a constant.");
        Constant = content;
        ElementType = content.ElementType;
        Shape = GraphShape.Of(content.Shape);
    }

    /// <summary>Name, element type and shape.</summary>
    public override string ToString() => $"{Name}: {ElementType} {Shape?.ToString() ?? "?"}";

    internal void AddUse(GraphUse use) => _uses.Add(use);

    internal void RemoveUse(GraphUse use) => _uses.Remove(use);
}
