// The part of a model whose shapes depend on the content of its inputs, such as what follows NonMaxSuppression or NonZero.
// It cannot be planned, so the portable evaluator computes it behind the planned steps of each run.
using Int8Runtime.Graph.Evaluation;

namespace Int8Runtime.Graph.Planning;

/// <summary>The nodes that are left when everything with known shapes is planned. Immutable.</summary>
/// <param name="Nodes">The nodes in order.</param>
/// <param name="Sources">Values that they read: planned results and inputs of the model.</param>
/// <param name="Outputs">Outputs of the model that they deliver.</param>
internal sealed record DynamicTail(IReadOnlyList<GraphNode> Nodes, IReadOnlyList<GraphValue> Sources, IReadOnlyList<GraphValue> Outputs)
{
    /// <summary>The tail of a graph whose shapes are inferred as far as they can be; null where all are.</summary>
    public static DynamicTail? Of(ModelGraph graph)
    {
        GraphNode[] nodes = [.. graph.Nodes.Where(IsDynamic)];
        if (nodes.Length == 0)
            return null;
        var own = nodes.SelectMany(n => n.Outputs).ToHashSet();
        GraphValue[] sources =
            [.. nodes.SelectMany(n => n.Inputs).OfType<GraphValue>().Distinct().Where(v => !v.IsConstant && !own.Contains(v))];
        return new DynamicTail(nodes, sources, [.. graph.Outputs.Where(own.Contains)]);
    }

    /// <summary>Whether the shape of a result of the node is not known before a run.</summary>
    public static bool IsDynamic(GraphNode node) =>
        node.Outputs.Any(o => (o.Uses.Count > 0 || o.IsGraphOutput) && o.Shape is not { IsStatic: true });

    /// <summary>Prepares the tail for a request.</summary>
    /// <param name="memory">The row-major memory of each source.</param>
    public BoundTail Bind(Func<GraphValue, TensorMemory> memory) => new(this, [.. Sources.Select(memory)]);
}

/// <summary>The tail with the memory of a request.</summary>
internal sealed class BoundTail(DynamicTail tail, TensorMemory[] sources) : IDisposable
{
    private readonly Dictionary<string, TensorMemory> _outputs = new(StringComparer.Ordinal);

    /// <summary>Whether the tail delivers an output of this name.</summary>
    public bool Delivers(string name) => tail.Outputs.Any(o => o.Name == name);

    /// <summary>An output, with the shape that it had in the last run.</summary>
    /// <exception cref="InvalidOperationException">There was no run.</exception>
    public TensorMemory Output(string name) => _outputs.GetValueOrDefault(name)
        ?? throw new InvalidOperationException($"The shape of '{name}' depends on the content of the inputs; run the request first.");

    /// <summary>Computes all nodes.</summary>
    public void Run()
    {
        var contents = new Dictionary<GraphValue, TensorData>();
        for (int i = 0; i < sources.Length; i++)
        {
            MemoryDescriptor descriptor = sources[i].Descriptor;
            contents[tail.Sources[i]] = new TensorData(descriptor.DataType, descriptor.Dimensions, HostMemory.Bytes(sources[i]).ToArray());
        }

        foreach (GraphNode node in tail.Nodes)
        {
            TensorData[] results = HostEvaluator.Evaluate(node, [.. node.Inputs.Select(v => v is null ? null : v.Constant ?? contents[v])]);
            for (int i = 0; i < Math.Min(results.Length, node.Outputs.Count); i++)
                contents[node.Outputs[i]] = results[i];
        }

        foreach (GraphValue output in tail.Outputs)
            Deliver(output.Name, contents[output]);
    }

    public void Dispose()
    {
        foreach (TensorMemory memory in _outputs.Values)
            memory.Dispose();
        _outputs.Clear();
    }

    private void Deliver(string name, TensorData content)
    {
        var descriptor = new MemoryDescriptor(content.Shape, content.ElementType);
        if (!_outputs.TryGetValue(name, out TensorMemory? memory) || !memory.Descriptor.Equals(descriptor))
        {
            memory?.Dispose();
            _outputs[name] = memory = new TensorMemory(descriptor);
        }

        content.Bytes.Span.CopyTo(HostMemory.Bytes(memory));
    }
}
