// The model representation that readers produce, passes transform and the compiler consumes.
using System.Diagnostics.CodeAnalysis;

namespace Int8Runtime.Graph;

/// <summary>A directed acyclic graph of operators over named values. Nodes are kept in topological order as long as
/// they are appended or inserted where their operands exist; <see cref="SortTopologically"/> restores the
/// order.</summary>
/// <remarks>Not thread-safe while it is being changed.</remarks>
public sealed class ModelGraph
{
    /// <summary>The ONNX operator set whose meaning the nodes have; readers bring older models up to it.</summary>
    public const int OperatorSet = 21;

    private readonly Dictionary<string, GraphValue> _values = new(StringComparer.Ordinal);
    private readonly HashSet<string> _nodeNames = new(StringComparer.Ordinal);
    private readonly List<GraphValue> _inputs = [];
    private readonly List<GraphValue> _outputs = [];
    private readonly List<GraphNode> _nodes = [];

    /// <summary>Creates an empty graph.</summary>
    public ModelGraph(string name) => Name = name;

    /// <summary>The name of the model.</summary>
    public string Name { get; }

    /// <summary>Where the model comes from.</summary>
    public ModelProvenance Provenance { get; set; } = new();

    /// <summary>The values that a request supplies.</summary>
    public IReadOnlyList<GraphValue> Inputs => _inputs;

    /// <summary>The values that a run delivers.</summary>
    public IReadOnlyList<GraphValue> Outputs => _outputs;

    /// <summary>The nodes.</summary>
    public IReadOnlyList<GraphNode> Nodes => _nodes;

    /// <summary>All values, in no particular order.</summary>
    public IReadOnlyCollection<GraphValue> Values => _values.Values;

    /// <summary>Finds a value by name.</summary>
    public bool TryGetValue(string name, [NotNullWhen(true)] out GraphValue? value) =>
        _values.TryGetValue(name, out value);

    /// <summary>Creates a value that nothing defines yet.</summary>
    /// <exception cref="ModelFormatException">The name is taken.</exception>
    public GraphValue AddValue(string name, DataType elementType = DataType.Undefined, GraphShape? shape = null) =>
        Register(new GraphValue(this, name) { ElementType = elementType, Shape = shape });

    /// <summary>Creates the place of an optional output which a node does not deliver.</summary>
    public GraphValue AddOmittedOutput() =>
        Register(new GraphValue(this, UniqueValueName("omitted")) { IsOmitted = true });

    /// <summary>Creates a graph input.</summary>
    /// <exception cref="ModelFormatException">The name is taken.</exception>
    public GraphValue AddInput(string name, DataType elementType, GraphShape? shape)
    {
        GraphValue value = AddValue(name, elementType, shape);
        _inputs.Add(value);
        return value;
    }

    /// <summary>Makes a value a graph output, after the present outputs.</summary>
    public void AddOutput(GraphValue value)
    {
        CheckOwner(value);
        _outputs.Add(value);
    }

    /// <summary>Replaces the graph outputs by other values and removes the nodes that these do not depend on: what is left is the part
    /// of the model that computes them.</summary>
    public void SetOutputs(IEnumerable<GraphValue> values)
    {
        GraphValue[] outputs = [.. values];
        foreach (GraphValue value in outputs)
            CheckOwner(value);
        _outputs.Clear();
        _outputs.AddRange(outputs);
        RemoveDeadNodes();
    }

    /// <summary>Creates a constant under this name, or a unique name derived from it.</summary>
    public GraphValue AddConstant(string name, TensorData content)
    {
        GraphValue value = AddValue(UniqueValueName(name));
        value.SetConstant(content);
        return value;
    }

    /// <summary>Appends a node that defines existing values.</summary>
    /// <param name="opType">The operator.</param>
    /// <param name="inputs">The operands; null where one is left out.</param>
    /// <param name="outputs">Values of this graph which nothing defines yet.</param>
    /// <param name="attributes">The attributes; they are copied.</param>
    /// <param name="name">The name of the node; made unique; derived from the first output where null or empty.</param>
    /// <param name="domain">The operator's domain.</param>
    /// <param name="before">The node in front of which the new one goes; null appends it.</param>
    /// <exception cref="ModelFormatException">An output is already defined.</exception>
    public GraphNode AddNode(
        string opType, ReadOnlySpan<GraphValue?> inputs, ReadOnlySpan<GraphValue> outputs, GraphAttributes? attributes = null,
        string? name = null, string domain = "", GraphNode? before = null)
    {
        if (outputs.Length == 0)
            throw new ModelFormatException(
                $"Node '{name}' ({opType}) has no outputs. The model is damaged; export it again.");
        string unique = UniqueName(string.IsNullOrEmpty(name) ? outputs[0].Name : name, _nodeNames.Contains);
        var node = new GraphNode(unique, opType, domain, inputs.ToArray(), outputs.ToArray());
        attributes?.CopyTo(node.Attributes);
        for (int i = 0; i < outputs.Length; i++)
            Define(outputs[i], node, i);
        for (int i = 0; i < inputs.Length; i++)
        {
            if (inputs[i] is { } input)
            {
                CheckOwner(input);
                input.AddUse(new GraphUse(node, i));
            }
        }
        _nodeNames.Add(unique);
        int position = before is null ? _nodes.Count : _nodes.IndexOf(before);
        _nodes.Insert(position >= 0
            ? position
            : throw new ArgumentException($"{before} is not in the graph.", nameof(before)), node);
        return node;
    }

    /// <summary>Adds a node with one new output and returns that output.</summary>
    /// <param name="opType">The operator, of the ONNX domain.</param>
    /// <param name="outputName">The name of the output; made unique.</param>
    /// <param name="inputs">The operands; null where one is left out.</param>
    /// <param name="attributes">The attributes; they are copied.</param>
    /// <param name="before">The node in front of which the new one goes; null appends it.</param>
    public GraphValue AddOperation(
        string opType, string outputName, ReadOnlySpan<GraphValue?> inputs, GraphAttributes? attributes = null, GraphNode? before = null)
    {
        GraphValue output = AddValue(UniqueValueName(outputName));
        AddNode(opType, inputs, [output], attributes, before: before);
        return output;
    }

    /// <summary>Lets every use of <paramref name="old"/>, by nodes and as graph output, read <paramref
    /// name="replacement"/>.</summary>
    /// <remarks>Graph outputs keep their names: <paramref name="replacement"/> takes over the name when <paramref
    /// name="old"/> is an output; see <see cref="CanReplace"/>.</remarks>
    /// <exception cref="InvalidOperationException"><see cref="CanReplace"/> is false.</exception>
    public void ReplaceUses(GraphValue old, GraphValue replacement)
    {
        CheckOwner(old);
        CheckOwner(replacement);
        if (!CanReplace(old, replacement))
            throw new InvalidOperationException(
                $"The graph output '{old.Name}' would lose its name to '{replacement.Name}'.");
        foreach (GraphUse use in old.Uses.ToArray())
            use.Node.SetInput(use.InputIndex, replacement);
        if (!old.IsGraphOutput)
            return;
        for (int i = 0; i < _outputs.Count; i++)
        {
            if (_outputs[i] == old)
                _outputs[i] = replacement;
        }
        replacement.ElementType = replacement.ElementType == DataType.Undefined
            ? old.ElementType
            : replacement.ElementType;
        replacement.Shape ??= old.Shape;
        string outputName = old.Name;
        Rename(old, UniqueValueName(outputName + "_replaced"));
        Rename(replacement, outputName);
    }

    /// <summary>Whether <see cref="ReplaceUses"/> can keep the names of inputs and outputs: not when <paramref
    /// name="old"/> is a graph output and <paramref name="replacement"/> a graph input or output itself.</summary>
    public bool CanReplace(GraphValue old, GraphValue replacement) =>
        old != replacement && !(old.IsGraphOutput && (replacement.IsGraphInput || replacement.IsGraphOutput));

    /// <summary>Removes a node; its outputs become undefined and are removed unless something still uses
    /// them.</summary>
    public void RemoveNode(GraphNode node)
    {
        if (!_nodes.Remove(node))
            throw new ArgumentException($"{node} is not in the graph.", nameof(node));
        Detach(node);
    }

    /// <summary>Replaces a node by constants: its outputs become these constants and the node is removed.</summary>
    public void ReplaceByConstants(GraphNode node, IReadOnlyList<TensorData> contents)
    {
        if (!_nodes.Remove(node))
            throw new ArgumentException($"{node} is not in the graph.", nameof(node));
        GraphValue[] outputs = [.. node.Outputs];
        Detach(node, keepOutputs: true);
        for (int i = 0; i < outputs.Length; i++)
        {
            if (i < contents.Count)
                outputs[i].SetConstant(contents[i]);
        }
        RemoveUnreferenced(outputs);
    }

    /// <summary>Removes the nodes that no output depends on, and the constants that nothing uses.</summary>
    /// <returns>The number of nodes removed.</returns>
    public int RemoveDeadNodes()
    {
        var live = new HashSet<GraphNode>();
        var pending = new Stack<GraphNode>(_outputs.Select(o => o.Producer).OfType<GraphNode>());
        while (pending.TryPop(out GraphNode? node))
        {
            if (!live.Add(node))
                continue;
            foreach (GraphValue? input in node.Inputs)
            {
                if (input?.Producer is { } producer)
                    pending.Push(producer);
            }
        }
        List<GraphNode> dead = _nodes.FindAll(n => !live.Contains(n));
        _nodes.RemoveAll(n => !live.Contains(n));
        foreach (GraphNode node in Enumerable.Reverse(dead))
            Detach(node);
        RemoveUnreferenced([.. _values.Values]);
        return dead.Count;
    }

    /// <summary>Puts every node behind the nodes that define its operands; the order of independent nodes
    /// stays.</summary>
    /// <exception cref="ModelFormatException">The graph has a cycle.</exception>
    public void SortTopologically()
    {
        List<GraphNode> sorted = TopologicalOrder.Of(_nodes);
        _nodes.Clear();
        _nodes.AddRange(sorted);
    }

    /// <summary>Checks that every operand and output is defined, in order, and that the uses are consistent.</summary>
    /// <exception cref="ModelFormatException">The first defect found.</exception>
    public void Validate() => GraphValidation.Check(this);

    /// <summary>An independent copy; constants share their immutable content.</summary>
    public ModelGraph Clone()
    {
        var copy = new ModelGraph(Name) { Provenance = Provenance };
        foreach (GraphValue value in _values.Values)
        {
            GraphValue twin = copy.Register(
                new GraphValue(copy, value.Name) { ElementType = value.ElementType, Shape = value.Shape, IsOmitted = value.IsOmitted });
            if (value.Constant is { } content)
                twin.SetConstant(content);
        }
        GraphValue Twin(GraphValue value) => copy._values[value.Name];
        copy._inputs.AddRange(_inputs.Select(Twin));
        copy._outputs.AddRange(_outputs.Select(Twin));
        foreach (GraphNode node in _nodes)
        {
            GraphValue?[] inputs = [.. node.Inputs.Select(i => i is null ? null : Twin(i))];
            GraphValue[] outputs = [.. node.Outputs.Select(Twin)];
            copy.AddNode(node.OpType, inputs, outputs, node.Attributes, node.Name, node.Domain);
        }
        return copy;
    }

    /// <summary>The name itself if no value has it, otherwise the name with a number.</summary>
    public string UniqueValueName(string name) => UniqueName(name, _values.ContainsKey);

    private static string UniqueName(string name, Func<string, bool> taken)
    {
        if (!taken(name))
            return name;
        int number = 1;
        while (taken($"{name}_{number}"))
            number++;
        return $"{name}_{number}";
    }

    private static void Define(GraphValue output, GraphNode node, int index)
    {
        if (output.Producer is { } other)
            throw new ModelFormatException(
                $"'{output.Name}' is an output of both {other} and {node}. The model is damaged; export it again.");
        if (output.IsConstant || output.IsGraphInput)
        {
            throw new ModelFormatException(
                $"{node} defines '{output.Name}', which is a graph input or a constant already. The model is damaged; "
                + "export it again.");
        }
        output.Producer = node;
        output.ProducerIndex = index;
    }

    private GraphValue Register(GraphValue value) => _values.TryAdd(value.Name, value)
        ? value
        : throw new ModelFormatException(
            $"Two values have the name '{value.Name}'. The model is damaged; export it again.");

    private void Rename(GraphValue value, string name)
    {
        _values.Remove(value.Name);
        value.Name = name;
        Register(value);
    }

    private void Detach(GraphNode node, bool keepOutputs = false)
    {
        _nodeNames.Remove(node.Name);
        for (int i = 0; i < node.Inputs.Count; i++)
            node.SetInput(i, null);
        foreach (GraphValue output in node.Outputs)
            output.Producer = null;
        if (!keepOutputs)
            RemoveUnreferenced(node.Outputs);
    }

    private void RemoveUnreferenced(IReadOnlyList<GraphValue> candidates)
    {
        foreach (GraphValue value in candidates)
        {
            if (value.Uses.Count == 0 && value.Producer is null && !value.IsGraphOutput && !value.IsGraphInput)
                _values.Remove(value.Name);
        }
    }

    private void CheckOwner(GraphValue value)
    {
        if (value.Graph != this)
            throw new ArgumentException($"'{value.Name}' belongs to another graph.", nameof(value));
    }
}
