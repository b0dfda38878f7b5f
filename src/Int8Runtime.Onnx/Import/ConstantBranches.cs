// If with a condition that the file decides: the nodes of the branch that is taken, in place of the If.
using Int8Runtime.Graph;
using Int8Runtime.Onnx.Proto;

namespace Int8Runtime.Onnx.Import;

/// <summary>
/// Folds If nodes whose condition is an initializer or a Constant, also through Identity and Not. Values of the branch get names of
/// their own; names that it takes from the graph around it stay.
/// </summary>
internal sealed class ConstantBranches
{
    private readonly TensorReader _tensors;
    private readonly GraphProto _result;
    private readonly Dictionary<string, bool> _conditions = new(StringComparer.Ordinal);
    private readonly HashSet<string> _names = new(StringComparer.Ordinal);

    private ConstantBranches(GraphProto graph, TensorReader tensors)
    {
        _tensors = tensors;

        // Everything but the nodes is shared, weights above all.
        _result = new GraphProto { Name = graph.Name };
        _result.Initializer.Add(graph.Initializer);
        _result.Input.Add(graph.Input);
        _result.Output.Add(graph.Output);
        _result.ValueInfo.Add(graph.ValueInfo);
        _result.SparseInitializer.Add(graph.SparseInitializer);
        CollectNames(graph);
        foreach (TensorProto tensor in graph.Initializer)
            NoteCondition(tensor.Name, tensor);
        foreach (NodeProto node in graph.Node)
            Take(node);
    }

    /// <summary>The graph without such nodes; the same object if there are none.</summary>
    public static GraphProto Fold(GraphProto graph, TensorReader tensors) =>
        graph.Node.Any(IsIf) ? new ConstantBranches(graph, tensors)._result : graph;

    private static bool IsIf(NodeProto node) => node is { OpType: "If", Domain: "" or "ai.onnx" };

    private void Take(NodeProto node)
    {
        if (IsIf(node) && node.Input.Count == 1 && _conditions.TryGetValue(node.Input[0], out bool condition)
            && node.Attribute.FirstOrDefault(a =>
                a.Name == (condition ? "then_branch" : "else_branch"))?.G is { SparseInitializer.Count: 0 } branch)
        {
            TakeBranch(node, branch);
            return;
        }

        if (node is { OpType: "Constant", Output.Count: 1, Attribute: [{ Name: "value", T: { } content }] })
            NoteCondition(node.Output[0], content);
        if (node is { OpType: "Identity" or "Not", Input.Count: 1, Output.Count: 1 }
            && _conditions.TryGetValue(node.Input[0], out bool known))
            _conditions[node.Output[0]] = known != (node.OpType == "Not");
        _result.Node.Add(node);
    }

    private void TakeBranch(NodeProto node, GraphProto branch)
    {
        string subject = $"Node '{node.Name}' (If)";
        if (branch.Output.Count != node.Output.Count)
            throw new ModelFormatException(
                $"{subject} has {node.Output.Count} outputs and its branch {branch.Output.Count}. The file is damaged.");
        string prefix = node.Output.FirstOrDefault(name => name.Length > 0) ?? node.Name;
        var renamed = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (string name in branch.Initializer.Select(tensor => tensor.Name).Concat(branch.Node.SelectMany(inner => inner.Output)))
            if (name.Length > 0)
                renamed[name] = Unique($"{prefix}/{name}");
        foreach (TensorProto tensor in branch.Initializer)
        {
            if (tensor.Name.Length == 0)
                throw new ModelFormatException($"{subject}: an initializer of its branch has no name. The file is damaged.");
            TensorProto copy = tensor.Clone();
            copy.Name = renamed[tensor.Name];
            _result.Initializer.Add(copy);
            NoteCondition(copy.Name, copy);
        }

        foreach (NodeProto inner in branch.Node)
            Take(Renamed(inner, renamed));
        for (int i = 0; i < branch.Output.Count; i++)
        {
            if (node.Output[i].Length == 0)
                continue;
            string name = branch.Output[i].Name;
            Take(new NodeProto
            {
                OpType = "Identity", Name = Unique($"{prefix}/output_{i}"), Input = { renamed.GetValueOrDefault(name, name) },
                Output = { node.Output[i] },
            });
        }
    }

    // Also inside of branches, where they do not define the name themselves.
    private static NodeProto Renamed(NodeProto node, IReadOnlyDictionary<string, string> names)
    {
        NodeProto result = node.Clone();
        for (int i = 0; i < result.Input.Count; i++)
            result.Input[i] = names.GetValueOrDefault(result.Input[i], result.Input[i]);
        for (int i = 0; i < result.Output.Count; i++)
            result.Output[i] = names.GetValueOrDefault(result.Output[i], result.Output[i]);
        foreach (GraphProto graph in result.Attribute.SelectMany(GraphsOf))
            RenameFree(graph, names);
        return result;
    }

    private static void RenameFree(GraphProto graph, IReadOnlyDictionary<string, string> names)
    {
        HashSet<string> own = [.. graph.Input.Select(i => i.Name), .. graph.Initializer.Select(t => t.Name),
            .. graph.Node.SelectMany(n => n.Output)];
        Dictionary<string, string> free = names.Where(pair => !own.Contains(pair.Key)).ToDictionary(StringComparer.Ordinal);
        for (int i = 0; i < graph.Node.Count; i++)
            graph.Node[i] = Renamed(graph.Node[i], free);
        foreach (ValueInfoProto output in graph.Output)
            output.Name = free.GetValueOrDefault(output.Name, output.Name);
    }

    private static IEnumerable<GraphProto> GraphsOf(AttributeProto attribute) =>
        attribute.G is null ? attribute.Graphs : attribute.Graphs.Append(attribute.G);

    private void NoteCondition(string name, TensorProto tensor)
    {
        if (tensor.DataType == ElementTypeCodes.ToCode(DataType.Boolean)
            && _tensors.Read(tensor, $"Tensor '{name}'") is { ElementCount: 1 } content)
            _conditions[name] = content.Bytes.Span[0] != 0;
    }

    private void CollectNames(GraphProto graph)
    {
        _names.UnionWith(graph.Input.Select(i => i.Name));
        _names.UnionWith(graph.Initializer.Select(t => t.Name));
        foreach (NodeProto node in graph.Node)
        {
            _names.Add(node.Name);
            _names.UnionWith(node.Output);
            foreach (GraphProto inner in node.Attribute.SelectMany(GraphsOf))
                CollectNames(inner);
        }
    }

    private string Unique(string wanted)
    {
        string name = wanted;
        for (int i = 2; !_names.Add(name); i++)
            name = $"{wanted}_{i}";
        return name;
    }
}
