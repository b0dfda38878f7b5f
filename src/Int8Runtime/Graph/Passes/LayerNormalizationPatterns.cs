// Layer normalization that exporters write as several operators.
namespace Int8Runtime.Graph.Passes;

/// <summary>
/// <c>d = x − mean(x); d/√(mean(d²) + ε)·scale + shift</c> over the last dimensions becomes LayerNormalization. The scale must be
/// a constant; the shift is optional.
/// </summary>
internal sealed class LayerNormalizationPatterns : IGraphPass
{
    public string Name => "layer-normalization-patterns";

    public void Run(ModelGraph graph, PassLog log)
    {
        foreach (GraphNode quotient in graph.Nodes.ToArray())
        {
            if (!quotient.Is("Div") || Match(quotient) is not { } match || quotient.Output.SoleConsumer is not { } product
                || !product.Is("Mul") || Parameter(product, quotient.Output, match.Axes) is not { } scale)
                continue;
            GraphNode end = product;
            GraphValue? shift = null;
            if (product.Output.SoleConsumer is { } sum && sum.Is("Add") && Parameter(sum, product.Output, match.Axes) is { } addend
                && addend.Constant!.Shape == scale.Constant!.Shape)
                (end, shift) = (sum, addend);
            var attributes = new GraphAttributes { { "axis", -match.Axes }, { "epsilon", match.Epsilon } };
            graph.Replace(end, "LayerNormalization", [match.Source, scale, shift], attributes);
            log.Add(Name, end.Name, $"normalizes {match.Source.Name} in place of the nodes around {quotient.Name}");
        }

        graph.RemoveDeadNodes();
    }

    private static (GraphValue Source, int Axes, float Epsilon)? Match(GraphNode quotient)
    {
        GraphValue centred = quotient.Input(0);
        if (centred.Producer is not { } difference || !difference.Is("Sub") || difference.Input(1).Producer is not { } mean
            || mean.OptionalInput(0) != difference.Input(0) || LastAxes(mean) is not { } axes)
            return null;
        if (quotient.Input(1).Producer is not { } root || !(root.Is("Sqrt") || (root.Is("Pow") && root.OptionalInput(1).Number() == 0.5))
            || root.Input(0).Producer is not { } biased || !biased.Is("Add") || biased.Inputs.Count != 2)
            return null;
        int constant = biased.OptionalInput(1).Number() is null ? 0 : 1;
        return biased.OptionalInput(constant).Number() is { } epsilon && biased.Input(1 - constant).Producer is { } variance
            && LastAxes(variance) == axes && variance.Input(0).Producer.IsPower(centred, 2)
            ? (difference.Input(0), axes, (float)epsilon)
            : null;
    }

    // The number of last dimensions that a ReduceMean takes the mean of and keeps; null where it is something else.
    private static int? LastAxes(GraphNode node)
    {
        if (!node.Is("ReduceMean") || !node.Attributes.GetBoolean("keepdims", true)
            || node.ConstantInput(1)?.ToInt64Array() is not { Length: > 0 } axes)
            return null;
        int? rank = node.Input(0).Shape?.Rank;
        long[] fromEnd = [.. axes.Select(a => a >= 0 ? a - rank ?? 0 : a).Order()];
        return fromEnd.SequenceEqual(Enumerable.Range(-axes.Length, axes.Length).Select(a => (long)a)) ? axes.Length : null;
    }

    // A constant with the extents of the normalized dimensions.
    private static GraphValue? Parameter(GraphNode node, GraphValue operand, int axes) =>
        node.Beside(operand) is { Constant: { ElementType: DataType.Float32 } constant } value && constant.Rank == axes
            && constant.ElementCount > 1
            ? value
            : null;
}
