// The names of values in a file, and which constants share one tensor there.
using Int8Runtime.Graph;

namespace Int8Runtime.Onnx.Export;

/// <summary>Names of values as they stand in the graph.</summary>
internal class FileNames
{
    /// <summary>The name of a value in the file.</summary>
    public virtual string Of(GraphValue value) => value.Name;

    /// <summary>The name of a node in the file; empty where nobody needs it.</summary>
    public virtual string Of(GraphNode node) => node.Name;

    /// <summary>The names for a form of file.</summary>
    public static FileNames Create(ModelGraph graph, OnnxFileForm form) =>
        form == OnnxFileForm.Compact ? new ShortFileNames(graph) : new FileNames();
}

/// <summary>Short names: those of inputs and outputs stay, the other values are numbered, the most used ones first.</summary>
internal sealed class ShortFileNames : FileNames
{
    private const string Digits = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

    private readonly Dictionary<GraphValue, string> _names = [];

    public ShortFileNames(ModelGraph graph)
    {
        var taken = new HashSet<string>(graph.Inputs.Concat(graph.Outputs).Select(v => v.Name), StringComparer.Ordinal);
        Dictionary<GraphValue, GraphValue> twins = FindTwins(graph);
        var mentions = new Dictionary<GraphValue, int>();
        foreach (GraphValue value in graph.Nodes.SelectMany(n => n.Inputs.Concat(n.Outputs)).OfType<GraphValue>())
        {
            GraphValue stored = twins.GetValueOrDefault(value, value);
            mentions[stored] = mentions.GetValueOrDefault(stored) + 1;
        }

        int number = 0;
        foreach (GraphValue value in mentions.OrderByDescending(m => m.Value).Select(m => m.Key))
        {
            if (value.IsGraphInput || value.IsGraphOutput)
                continue;
            string name = Numeral(number++);
            while (!taken.Add(name))
                name = Numeral(number++);
            _names.Add(value, name);
        }

        foreach ((GraphValue value, GraphValue twin) in twins)
            _names[value] = Of(twin);
    }

    public override string Of(GraphValue value) => _names.GetValueOrDefault(value, value.Name);

    public override string Of(GraphNode node) => node.Is("QuantizeLinear") || node.Is("DequantizeLinear") ? "" : node.Name;

    // Constants of equal content, each with the one that is stored for all.
    private static Dictionary<GraphValue, GraphValue> FindTwins(ModelGraph graph)
    {
        var result = new Dictionary<GraphValue, GraphValue>();
        var stored = new Dictionary<int, List<GraphValue>>();
        foreach (GraphValue value in graph.Nodes.SelectMany(n => n.Inputs).OfType<GraphValue>().Distinct())
        {
            if (value.Constant is not { } content || value.IsGraphOutput)
                continue;
            var hash = new HashCode();
            hash.Add(content.ElementType);
            hash.Add(content.Shape);
            hash.AddBytes(content.Bytes.Span);
            int key = hash.ToHashCode();
            if (!stored.TryGetValue(key, out List<GraphValue>? candidates))
                stored.Add(key, candidates = []);
            if (candidates.Find(c => c.Constant!.ContentEquals(content)) is { } twin)
                result.Add(value, twin);
            else
                candidates.Add(value);
        }

        return result;
    }

    // Bijective numeration: a, …, Z, aa, ab, …
    private static string Numeral(int number)
    {
        string text = "";
        for (number++; number > 0; number = (number - 1) / Digits.Length)
            text = Digits[(number - 1) % Digits.Length] + text;
        return text;
    }
}
