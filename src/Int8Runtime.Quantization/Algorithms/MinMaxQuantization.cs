// Inserts quantizers with ranges from the weights and from statistics of the activations.
using Int8Runtime.Graph;

namespace Int8Runtime.Quantization;

/// <summary>
/// The central step: decides which values are quantized, measures their ranges on the samples, and writes the QDQ form.
/// Values that meet in a concatenation share the union of their ranges, so that nothing is clipped and no rescaling is needed.
/// </summary>
public sealed class MinMaxQuantization : IOptimizationAlgorithm
{
    /// <inheritdoc/>
    public string Name => "range quantization";

    /// <inheritdoc/>
    public void Run(OptimizationContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        QuantizationOptions options = context.Options;
        ModelGraph graph = context.Graph;
        QuantizationPlan plan = QuantizationPlan.Create(graph, context.Exclusions, options.LastLayer == LayerPrecision.Int8);
        if (plan.Values.Count == 0)
        {
            throw new QuantizationException(context.Exclusions.Count > 0
                ? $"model '{graph.Name}' has no convolution or fully connected layer left to quantize: "
                    + $"{context.Exclusions.Count} nodes are excluded"
                : $"model '{graph.Name}' has no convolution or fully connected layer that can be quantized");
        }

        IReadOnlyDictionary<GraphValue, ValueRange> measured = context.Measurements.Ranges(context, [.. plan.MeasuredValues()]);
        Dictionary<GraphValue, ValueRange> ranges = RangesOfGroups(plan, measured);
        Dictionary<GraphValue, ActivationQuantization> parameters =
            ranges.ToDictionary(r => r.Key, r => new ActivationQuantization(ParametersOf(r.Value, options)));
        if (options.PerChannelActivations)
            ChannelScales.Choose(context, plan, ranges, parameters);
        context.Report = Report(plan, ranges, parameters,
            context.Samples.Count) with { Convergence = context.Measurements.Convergence(context, measured.Keys) };
        NoteAccumulators(context, plan);
        NoteDepthwise(context, plan);
        context.Reference = graph.Clone();
        new QdqInserter(plan, parameters, options.WeightFormat).Run();
    }

    private static QuantizationParameters ParametersOf(ValueRange range, QuantizationOptions options)
    {
        QuantizationParameters parameters = options.ActivationTarget.ParametersOf(range);
        return options.PowerOfTwoScales ? parameters.WithPowerOfTwoScale(range) : parameters;
    }

    private static Dictionary<GraphValue, ValueRange> RangesOfGroups(QuantizationPlan plan,
        IReadOnlyDictionary<GraphValue, ValueRange> measured)
    {
        var ranges = new Dictionary<GraphValue, ValueRange>();
        foreach ((GraphValue value, ValueRange range) in measured)
        {
            if (range.IsEmpty)
                throw new QuantizationException(
                    $"value '{value.Name}' took no finite value on any calibration sample; check the preprocessing");
            GraphValue group = plan.GroupOf(value);
            ranges[group] = ranges.GetValueOrDefault(group, ValueRange.Empty).Union(range);
        }

        return ranges;
    }

    private static void NoteAccumulators(OptimizationContext context, QuantizationPlan plan)
    {
        foreach (GraphNode node in plan.Graph.Nodes.Where(n => plan.IsQuantized(n) && OperatorPolicy.IsWeighted(n)))
        {
            TensorData weights = node.ConstantInput(1)!;
            int products = weights.ElementCount / weights.Shape[OperatorPolicy.WeightAxis(node)];
            int bits = Accumulator.Bits(8, context.Options.WeightFormat.Bits, products);
            if (bits > 32)
                context.Note($"{node}: {products} products need up to {bits} bits; an s32 sum may wrap");
        }
    }

    private static void NoteDepthwise(OptimizationContext context, QuantizationPlan plan)
    {
        int depthwise = plan.Graph.Nodes.Count(n => n.Is("Conv") && plan.IsQuantized(n) && n.Attributes.GetInt32("group", 1) > 1);
        if (depthwise > 0 && !context.Options.WeightFormat.PerChannel)
            context.Note($"{depthwise} grouped or depthwise convolutions have one scale for all channels, whose weights "
                + "usually differ widely; per-channel weights are more accurate");
    }

    private static QuantizationReport Report(
        QuantizationPlan plan, Dictionary<GraphValue, ValueRange> ranges,
        Dictionary<GraphValue, ActivationQuantization> parameters, int samples)
    {
        Dictionary<GraphValue, int> groupSizes = plan.Values.GroupBy(plan.GroupOf).ToDictionary(g => g.Key, g => g.Count());
        return new QuantizationReport(
            [.. plan.Values.Select(v => (Value: v, Group: plan.GroupOf(v)))
                .Select(x => new QuantizedActivation(x.Value.Name, ranges[x.Group], parameters[x.Group].Tensor, groupSizes[x.Group] - 1)
                {
                    ChannelScales = parameters[x.Group].Channels,
                })],
            [.. plan.Graph.Nodes.Select(n => plan.IsQuantized(n)
                ? new NodePrecision(n.Name, n.OpType, true, "")
                : new NodePrecision(n.Name, n.OpType, false, plan.ReasonFor(n)))],
            samples);
    }
}
