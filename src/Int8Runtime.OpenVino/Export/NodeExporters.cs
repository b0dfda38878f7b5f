// The table of operators that are written as layers.
using System.Collections.Frozen;
using System.Globalization;
using Int8Runtime.Graph;
using Int8Runtime.Graph.Evaluation;
using Int8Runtime.Graph.Lowering;
using Int8Runtime.OpenVino.Import.Layers;

namespace Int8Runtime.OpenVino.Export;

/// <summary>Writes a node as layers.</summary>
internal delegate void NodeExporter(NodeContext node);

/// <summary>Finds the exporter of an operator.</summary>
internal static class NodeExporters
{
    /// <summary>What to do where something cannot be written.</summary>
    public const string Remedy = "Write the model as .onnx.";

    private const int NamedNodes = 8;

    private static readonly FrozenDictionary<string, NodeExporter> s_table = Build();

    /// <summary>The exporter of a node's operator.</summary>
    public static NodeExporter Find(GraphNode node) =>
        TryFind(node) ?? throw new InvalidOperationException($"{node} has no form; RequireForms comes first.");

    private static NodeExporter? TryFind(GraphNode node) => node.Domain == OperatorDomains.OpenVino ? OpenVinoLayer
        : node.Domain.Length == 0 ? s_table.GetValueOrDefault(node.OpType) : null;

    /// <summary>Checks that every operator of a graph has an exporter, so that one message names all that have none.</summary>
    /// <exception cref="UnsupportedModelException">Some have none.</exception>
    public static void RequireForms(ModelGraph graph)
    {
        GraphNode[] without = [.. graph.Nodes.Where(n => TryFind(n) is null)];
        if (without.Length == 0)
            return;
        string nodes = string.Join(", ", without.Take(NamedNodes).Select(n => n.ToString())) + (without.Length > NamedNodes ? ", …" : "");
        throw new UnsupportedModelException(without.Length == 1
            ? $"{nodes} has no form in OpenVINO's operator sets. {Remedy}"
            : string.Create(CultureInfo.InvariantCulture, $"{without.Length} nodes have no form in OpenVINO's operator sets: {nodes}. {Remedy}"));
    }

    /// <summary>The standard operators that can be computed and have no form.</summary>
    internal static IEnumerable<string> Unwritten =>
        HostEvaluator.Operators.Union(NodeLowerings.Operators).Where(o => !s_table.ContainsKey(o)).Order(StringComparer.Ordinal);

    private static FrozenDictionary<string, NodeExporter> Build()
    {
        var table = new Dictionary<string, NodeExporter>();
        foreach ((string type, string opType, int operatorSet) in ElementwiseLayers.Unary)
            table.TryAdd(opType, node => node.Emit(type, operatorSet, [node.Input(0)]));
        foreach ((string type, string opType, _) in ElementwiseLayers.Binary)
            table.TryAdd(opType, node => ElementwiseExport.Chain(node, type));
        ElementwiseExport.Register(table);
        ProductExport.Register(table);
        LayoutExport.Register(table);
        ReductionExport.Register(table);
        DetectionExport.Register(table);
        table.Add("DequantizeLinear", QuantizedValues.WriteFakeQuantize);
        table.Add("QuantizeLinear", static node => throw node.Unsupported("delivers integers"));
        return table.ToFrozenDictionary();
    }

    // Operators of OpenVINO's own keep their attributes.
    private static void OpenVinoLayer(NodeContext node)
    {
        int operatorSet = node.Node.OpType switch
        {
            "Proposal" => 4,
            "ROIPooling" => 2,
            "ROIAlign" => 9,
            var type => type.StartsWith("Embedding", StringComparison.Ordinal) ? 3 : 1,
        };
        node.EmitAll(node.Node.OpType, operatorSet, node.AllInputs(), [.. node.Attributes.Select(a => (a.Key, a.Value))]);
    }
}
