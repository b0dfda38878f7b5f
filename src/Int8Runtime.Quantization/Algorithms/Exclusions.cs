// Which nodes are not to be quantized, whatever their operator, and why.
using System.Text.RegularExpressions;
using Int8Runtime.Graph;

namespace Int8Runtime.Quantization;

/// <summary>Reasons by node name, from the options.</summary>
internal static class Exclusions
{
    /// <summary>What the user named: nodes, expressions, operators.</summary>
    /// <exception cref="QuantizationException">A name, expression or operator that fits no node.</exception>
    public static Dictionary<string, string> ByUser(ModelGraph model, IgnoredScope scope)
    {
        var reasons = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (string name in scope.Names)
            Add(reasons, model.Nodes.Where(n => n.Name == name), "excluded by the user",
                $"there is no node '{name}' in model '{model.Name}' to be excluded");
        foreach (Regex expression in scope.CompiledExpressions())
        {
            Add(reasons, model.Nodes.Where(n => expression.IsMatch(n.Name)), $"excluded by the expression '{expression}'",
                $"no node of model '{model.Name}' has a name that fits the expression '{expression}'");
        }

        foreach (string type in scope.Operators)
            Add(reasons, model.Nodes.Where(n => n.OpType == type), $"operator {type} is excluded by the user",
                $"model '{model.Name}' has no operator '{type}' to be excluded");
        return reasons;
    }

    /// <summary>Adds what patterns, the profile and the rules for first and last layers exclude.</summary>
    public static void AddStructural(Dictionary<string, string> reasons, ModelGraph graph, QuantizationOptions options)
    {
        foreach (NodePattern pattern in options.Ignored.Patterns)
            foreach (GraphNode node in pattern.IgnoredNodes(graph))
                reasons.TryAdd(node.Name, $"part of the pattern '{pattern.Name}'");
        foreach (GraphNode node in graph.Nodes.Where(n =>
            OperatorPolicy.OperatorTypes.Contains(n.OpType) && !options.Profile.Operators.Contains(n.OpType)))
            reasons.TryAdd(node.Name, $"profile '{options.Profile.Name}' leaves {node.OpType} in f32");
        if (options.Ignored.DetectionHeads && options.LastLayer != LayerPrecision.Int8)
        {
            DetectionHeads heads = DetectionHeads.Find(graph);
            foreach (GraphNode node in heads.Convolutions)
                reasons.TryAdd(node.Name, heads.ReasonFor(node)!);
        }

        if (options.FirstLayer == LayerPrecision.Float32)
            foreach (GraphNode node in LayerPositions.First(graph))
                reasons.TryAdd(node.Name, "first layer");
        if (options.LastLayer == LayerPrecision.Float32)
            foreach (GraphNode node in LayerPositions.Last(graph))
                reasons.TryAdd(node.Name, "last layer");
    }

    private static void Add(Dictionary<string, string> reasons, IEnumerable<GraphNode> nodes, string reason, string refusal)
    {
        int before = reasons.Count;
        bool any = false;
        foreach (GraphNode node in nodes)
        {
            any = true;
            reasons.TryAdd(node.Name, reason);
        }

        if (!any && reasons.Count == before)
            throw new QuantizationException(refusal);
    }
}
