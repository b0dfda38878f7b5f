// Small subgraphs that are recognised by their operators and connections.
using System.Text.Json;
using Int8Runtime.Graph;

namespace Int8Runtime.Quantization;

/// <summary>
/// A pattern of connected nodes, some of which are to stay f32. A file holds
/// <c>{"patterns": [{"name": …, "nodes": {"id": "Op|Op", …}, "edges": ["id -> id", …], "constant": ["id", …], "first": ["id", …],
/// "ignored": ["id", …]}]}</c>: <c>constant</c> lists nodes with a constant operand, <c>first</c> nodes that read a graph input.
/// </summary>
public sealed class NodePattern
{
    private readonly (string Id, string[] Operators)[] _nodes;
    private readonly (int From, int To)[] _edges;
    private readonly HashSet<int> _constant;
    private readonly HashSet<int> _first;
    private readonly HashSet<int> _ignored;

    private NodePattern(JsonElement element)
    {
        Name = element.GetProperty("name").GetString() ?? "";
        _nodes = [.. element.GetProperty("nodes").EnumerateObject().Select(n => (n.Name, Text(n.Value).Split('|')))];
        _edges = [.. Texts(element, "edges").Select(e => e.Split("->", StringSplitOptions.TrimEntries))
            .Select(e => (IndexOf(e[0]), IndexOf(e[1])))];
        _constant = [.. Texts(element, "constant").Select(IndexOf)];
        _first = [.. Texts(element, "first").Select(IndexOf)];
        _ignored = [.. Texts(element, "ignored").Select(IndexOf)];
    }

    /// <summary>The patterns that ship with this library, after those that OpenVINO's post-training optimization leaves in f32.</summary>
    public static IReadOnlyList<NodePattern> Shipped { get; } = LoadShipped();

    /// <summary>Name in reports.</summary>
    public string Name { get; }

    /// <summary>Reads a pattern file.</summary>
    /// <exception cref="QuantizationException">The file cannot be read or does not have the form.</exception>
    public static IReadOnlyList<NodePattern> Load(string path)
    {
        try
        {
            return Parse(UserFiles.Text(path, "pattern file"));
        }
        catch (Exception exception) when (exception is JsonException or KeyNotFoundException
            or InvalidOperationException or IndexOutOfRangeException or FormatException)
        {
            throw new QuantizationException($"'{path}' is no pattern file: {exception.Message}", exception);
        }
    }

    /// <summary>The nodes to be left in f32, of every match.</summary>
    public IEnumerable<GraphNode> IgnoredNodes(ModelGraph graph)
    {
        ArgumentNullException.ThrowIfNull(graph);
        var match = new GraphNode?[_nodes.Length];
        var found = new HashSet<GraphNode>();
        Extend(graph, match, 0, found);
        return found;
    }

    private static List<NodePattern> Parse(string json)
    {
        using JsonDocument document = JsonDocument.Parse(json);
        return [.. document.RootElement.GetProperty("patterns").EnumerateArray().Select(e => new NodePattern(e))];
    }

    private static List<NodePattern> LoadShipped() => Parse(DataResources.Read("ignored-patterns.json"));

    private static IEnumerable<string> Texts(JsonElement element, string name) =>
        element.TryGetProperty(name, out JsonElement list) ? list.EnumerateArray().Select(Text) : [];

    private static string Text(JsonElement element) => element.GetString() ?? throw new FormatException("a text is null");

    private int IndexOf(string id)
    {
        int index = Array.FindIndex(_nodes, n => n.Id == id);
        return index >= 0 ? index : throw new FormatException($"pattern '{Name}' has no node '{id}'");
    }

    // Assigns pattern nodes one after the other; candidates are neighbours of those assigned before, where there are any.
    private void Extend(ModelGraph graph, GraphNode?[] match, int next, HashSet<GraphNode> found)
    {
        if (next == match.Length)
        {
            foreach (int index in _ignored)
                found.Add(match[index]!);
            return;
        }

        foreach (GraphNode candidate in Candidates(graph, match, next).Distinct().ToArray())
        {
            if (!Array.Exists(_nodes[next].Operators, candidate.Is) || match.Contains(candidate)
                || (_constant.Contains(next) && !candidate.Inputs.Any(i => i is { IsConstant: true }))
                || (_first.Contains(next) && !candidate.Inputs.Any(i => i is { IsGraphInput: true }))
                || !Array.TrueForAll(_edges, e => !Concerns(e, next, match)
                    || Feeds(e.From == next ? candidate : match[e.From]!, e.To == next ? candidate : match[e.To]!)))
                continue;
            match[next] = candidate;
            Extend(graph, match, next + 1, found);
            match[next] = null;
        }
    }

    private IEnumerable<GraphNode> Candidates(ModelGraph graph, GraphNode?[] match, int next)
    {
        foreach ((int from, int to) in _edges)
        {
            if (to == next && match[from] is { } producer)
                return producer.Outputs.SelectMany(o => o.Uses).Select(u => u.Node);
            if (from == next && match[to] is { } consumer)
                return consumer.Inputs.OfType<GraphValue>().Select(i => i.Producer).OfType<GraphNode>();
        }

        return graph.Nodes;
    }

    private static bool Concerns((int From, int To) edge, int next, GraphNode?[] match) =>
        (edge.From == next && match[edge.To] is not null) || (edge.To == next && match[edge.From] is not null);

    private static bool Feeds(GraphNode producer, GraphNode consumer) => consumer.Inputs.Any(i => i?.Producer == producer);
}
