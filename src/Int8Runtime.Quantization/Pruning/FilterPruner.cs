// Removes filters of convolutions: choose by importance, mask step by step, repair the statistics, then shrink.
using Int8Runtime.Graph;
using Int8Runtime.Graph.Passes;
using Int8Runtime.Graph.Shapes;

namespace Int8Runtime.Quantization.Pruning;

/// <summary>Options of <see cref="FilterPruner"/>.</summary>
public sealed record PruningOptions
{
    /// <summary>How unimportant filters are found.</summary>
    public FilterCriterion Criterion { get; init; } = FilterCriterion.GeometricMedian;

    /// <summary>The share of filters that is removed, and in which steps.</summary>
    public PruningSchedule Schedule { get; init; } = new();

    /// <summary>Names of convolutions whose filters stay.</summary>
    public IReadOnlySet<string> IgnoredNodes { get; init; } = new HashSet<string>(StringComparer.Ordinal);

    /// <summary>The number of filters that stay of each group of layers is rounded up to a multiple of this.</summary>
    public int Multiple { get; init; } = 1;

    /// <summary>Number of calibration samples, spread evenly over the data set.</summary>
    public int SampleCount { get; init; } = 300;

    /// <summary>Whether normalizations and biases are fitted to the calibration samples after each step.</summary>
    public bool Reestimate { get; init; } = true;
}

/// <summary>A pruned model.</summary>
/// <param name="Masked">The model with removed filters set to zero; all shapes are as before.</param>
/// <param name="Graph">The model without these filters.</param>
/// <param name="Report">What was removed and why not more.</param>
public sealed record PruningResult(ModelGraph Masked, ModelGraph Graph, PruningReport Report);

/// <summary>
/// Structured pruning without training. Accuracy falls with the rate: where it matters, the shrunk model is to be fine-tuned in
/// the framework it comes from. Method: filter pruning with dependent groups as in NNCF (arXiv:2002.08679), the criteria of
/// <see cref="FilterCriterion"/>.
/// </summary>
public sealed class FilterPruner
{
    private const int ComparedSamples = 2;

    private readonly CpuEngine _engine;

    /// <summary>Creates a pruner that runs models on an engine.</summary>
    public FilterPruner(CpuEngine engine) => _engine = engine;

    /// <summary>Prunes a model.</summary>
    /// <param name="model">The f32 model; it is not changed.</param>
    /// <param name="calibration">Representative samples; labels are not needed.</param>
    /// <param name="options">Criterion, schedule, exclusions; null for the defaults.</param>
    /// <param name="progress">Told the parts of the work that are done.</param>
    /// <param name="cancellation">Ends the work between two samples.</param>
    /// <exception cref="QuantizationException">
    /// The model is quantized (removing filters changes the ranges, so pruning comes first), has no filter that can go, or does not fit
    /// the samples.
    /// </exception>
    public PruningResult Prune(
        ModelGraph model, IDataset calibration, PruningOptions? options = null,
        IProgress<SampleProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(calibration);
        options ??= new PruningOptions();
        Check(model, options);
        ModelGraph graph = Prepare(model);
        IReadOnlyDictionary<string, Shape> shapes = SampleFeed.Of(graph, calibration).Shapes;
        IReadOnlyDictionary<string, NodeCost> before = ModelCost.Of(graph, shapes);
        ChannelTrace trace = ChannelTracer.Trace(graph, ShapeInference.Infer(graph, shapes), options.IgnoredNodes);
        PrunableGroup[][] classes = ClassesOf(trace);
        if (classes.Length == 0)
            throw new QuantizationException($"model '{model.Name}' has no filter that can be removed: {FirstReason(trace)}");

        IDataset samples = calibration.Subset(options.SampleCount);
        Reestimation? repair = options.Reestimate ? new Reestimation(_engine, graph, samples, cancellation) : null;
        var removed = new HashSet<int>();
        bool Stays(int id) => !removed.Contains(trace.Identities.GroupOf(id));
        Dictionary<(GraphNode, int), int[]> zeroed = trace.Constants.Where(c => c.IsZeroed)
            .ToDictionary(c => (c.Node, c.Input), c => c.Ids);
        bool IsMasked(GraphNode node, int channel) =>
            zeroed.TryGetValue((node, node.Is("Conv") ? 2 : 1), out int[]? ids) && !Stays(ids[channel]);

        double[] rates = [.. Enumerable.Range(0, options.Schedule.Steps + 1).Select(options.Schedule.RateAt).SkipWhile(r => r == 0)];
        for (int step = 0; step < rates.Length; step++)
        {
            Choose(classes, trace, options, rates[step], removed, Stays);
            ChannelRemoval.Mask(graph, trace, Stays);
            int current = step;
            repair?.Run(
                graph, IsMasked, (done, total) =>
                    progress?.Report(new SampleProgress((current * total) + done, rates.Length * total)), cancellation);
        }

        graph.RemoveDeadNodes();
        ModelGraph masked = graph.Clone();
        ChannelRemoval.Shrink(graph, trace, Stays);
        IReadOnlyDictionary<string, NodeCost> after = ModelCost.Of(graph, shapes);
        PrunedLayer[] layers = [.. graph.Nodes.Where(n => n.Is("Conv")).Select(n => Layer(n, trace, before[n.Name], after[n.Name]))];
        Change Sum(Func<NodeCost, long> figure) => new(before.Values.Sum(figure), after.Values.Sum(figure));
        PrunedLayer[] producers = [.. layers.Where(l => trace.Outputs.Keys.Any(n => n.Name == l.Name))];
        return new PruningResult(masked, graph, new PruningReport(
            layers, Sum(c => c.Parameters), Sum(c => c.Flops), rates, Compare(masked, graph, samples))
        {
            Filters = new Change(producers.Sum(l => l.Filters.Before), producers.Sum(l => l.Filters.After)),
            Nodes =
            [
                .. graph.Nodes.Select(n => (Node: n, Before: before[n.Name], After: after[n.Name]))
                    .Where(n => n.Before.Parameters + n.Before.Flops > 0)
                    .Select(n => new NodeChange(
                        n.Node.Name, n.Node.OpType, new Change(n.Before.Parameters, n.After.Parameters),
                        new Change(n.Before.Flops, n.After.Flops))),
            ],
        });
    }

    private static void Check(ModelGraph model, PruningOptions options)
    {
        if (model.Nodes.FirstOrDefault(n => n.OpType.Contains("QuantizeLinear", StringComparison.Ordinal)
            || n.OpType.StartsWith("QLinear", StringComparison.Ordinal)
            || n.OpType is "ConvInteger" or "MatMulInteger" or "FakeQuantize") is { } quantizer)
        {
            throw new QuantizationException(
                $"model '{model.Name}' is quantized already ({quantizer}); removing filters changes the ranges of values, so "
                    + "prune the f32 model first and quantize the result");
        }

        foreach (string name in options.IgnoredNodes)
            if (!model.Nodes.Any(n => n.Name == name && n.Is("Conv")))
                throw new QuantizationException($"there is no convolution '{name}' in model '{model.Name}' to be excluded");
        if (options.Multiple < 1)
            throw new QuantizationException($"filters cannot be kept in multiples of {options.Multiple}; use 1 or more");
    }

    // Constants folded; a bias where re-estimation needs one.
    private static ModelGraph Prepare(ModelGraph model)
    {
        ModelGraph graph = model.Clone();
        ConstantFolding.Run(graph);
        foreach (GraphNode node in graph.Nodes.ToArray())
        {
            if (!node.Is("Conv") || node.OptionalInput(2) is not null
                || node.ConstantInput(1) is not { ElementType: DataType.Float32 } weights
                || node.Output.SoleConsumer?.Is("BatchNormalization") == true)
                continue;
            (GraphValue source, GraphValue factors, GraphValue result) = (node.Input(0), node.Input(1), node.Output);
            GraphNode? next = graph.Nodes.SkipWhile(n => n != node).Skip(1).FirstOrDefault();
            GraphValue bias = graph.AddConstant(factors.Name + "_bias", TensorData.Vector<float>(new float[weights.Shape[0]]));
            GraphValue biased = graph.AddValue(graph.UniqueValueName(result.Name + "_biased"), DataType.Float32, result.Shape);
            graph.RemoveNode(node);
            graph.AddNode("Conv", [source, factors, bias], [biased], node.Attributes, node.Name, before: next);
            graph.ReplaceUses(result, biased);
        }

        graph.RemoveDeadNodes();
        return graph;
    }

    // Groups of channels that touch the same layers compete with each other; each such class loses the same share.
    private static PrunableGroup[][] ClassesOf(ChannelTrace trace) =>
    [
        .. trace.Identities.Groups().Where(g => trace.Identities.PinOf(g.Group) is null)
            .Select(g => new PrunableGroup(g.Group, g.Filters))
            .GroupBy(g => string.Join('\n', g.Filters.Select(f => f.Convolution.Name).Order(StringComparer.Ordinal)))
            .Select(c => c.ToArray()),
    ];

    private static void Choose(
        PrunableGroup[][] classes, ChannelTrace trace, PruningOptions options, double rate, HashSet<int> removed, Func<int, bool> stays)
    {
        var importance = new Dictionary<GraphNode, double[]>();
        double Of(Filter filter)
        {
            if (!importance.TryGetValue(filter.Convolution, out double[]? scores))
            {
                int[] ids = trace.Outputs[filter.Convolution];
                scores = FilterImportance.Of(filter.Convolution.ConstantInput(1)!.AsSpan<float>(), ids.Length, options.Criterion,
                    f => stays(ids[f]));

                // Layers with large weights must not decide for all others.
                double mean = scores.Sum() / Math.Max(1, ids.Count(stays));
                importance[filter.Convolution] = scores = Array.ConvertAll(scores, s => mean > 0 ? s / mean : s);
            }

            return scores[filter.Index];
        }

        foreach (PrunableGroup[] members in classes)
        {
            int keep = members.Length - (int)Math.Floor((rate * members.Length) + 1e-9);
            keep = Math.Min(members.Length, (keep + options.Multiple - 1) / options.Multiple * options.Multiple);
            PrunableGroup[] left = [.. members.Where(m => !removed.Contains(m.Group))];
            PrunableGroup[] least = [.. left.OrderBy(m => m.Filters.Sum(Of)).Take(Math.Max(0, left.Length - keep))];
            removed.UnionWith(least.Select(m => m.Group));
        }
    }

    private static PrunedLayer Layer(GraphNode node, ChannelTrace trace, NodeCost before, NodeCost after)
    {
        string reason = "";
        int pinned = 0;
        if (trace.Outputs.TryGetValue(node, out int[]? ids))
        {
            string[] reasons = [.. ids.Select(trace.Identities.PinOf).OfType<string>()];
            pinned = reasons.Length;
            reason = string.Join("; ", reasons.Distinct());
        }
        else
        {
            reason = node.Attributes.GetInt32("group", 1) > 1
                ? "depthwise: follows the layer before it" : "its weights or bias are not constant";
        }

        return new PrunedLayer(
            node.Name, new Change(before.Filters, after.Filters), new Change(before.Parameters, after.Parameters),
            new Change(before.Flops, after.Flops),
            pinned, reason);
    }

    private static string FirstReason(ChannelTrace trace) =>
        trace.Identities.Groups().Select(g => trace.Identities.PinOf(g.Group)).OfType<string>().FirstOrDefault()
            ?? "there is no convolution with constant weights";

    private double Compare(ModelGraph masked, ModelGraph shrunk, IDataset samples)
    {
        SampleFeed feed = SampleFeed.Of(masked, samples);
        using CompiledModel first = _engine.Compile(masked), second = _engine.Compile(shrunk);
        using InferenceRequest a = first.CreateRequest(feed.Shapes), b = second.CreateRequest(feed.Shapes);
        double difference = 0, largest = 0;
        for (int i = 0; i < Math.Min(ComparedSamples, samples.Count); i++)
        {
            feed.Load(i, a);
            feed.Copy(a, b);
            a.Run();
            b.Run();
            foreach (GraphValue output in masked.Outputs.Where(o => o.ElementType == DataType.Float32))
            {
                ReadOnlySpan<float> x = a.Output(output.Name).AsSpan<float>(), y = b.Output(output.Name).AsSpan<float>();
                for (int k = 0; k < x.Length; k++)
                {
                    difference = Math.Max(difference, Math.Abs((double)x[k] - y[k]));
                    largest = Math.Max(largest, Math.Abs((double)x[k]));
                }
            }
        }

        return largest > 0 ? difference / largest : difference;
    }

    private sealed record PrunableGroup(int Group, IReadOnlyList<Filter> Filters);
}
