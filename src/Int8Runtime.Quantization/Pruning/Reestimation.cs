// Repairs the statistics of a pruned model without training: normalizations and biases are fitted to calibration data again.
using Int8Runtime.Graph;

namespace Int8Runtime.Quantization.Pruning;

/// <summary>
/// After filters are gone, the layers behind them see other values than those they were trained on. Running mean and variance of
/// batch normalizations are measured anew; a convolution without normalization gets the bias that restores the mean of each of its
/// output channels. Layers are treated front to back, each on what the repaired layers before it deliver.
/// </summary>
internal sealed class Reestimation
{
    /// <summary>Deeper models are treated in this many groups of layers.</summary>
    private const int MaximumPasses = 64;

    private readonly CpuEngine _engine;
    private readonly IDataset _samples;
    private readonly string[] _layers;
    private readonly IReadOnlyDictionary<string, ChannelMoments> _original;

    /// <summary>Measures the unpruned model.</summary>
    public Reestimation(CpuEngine engine, ModelGraph original, IDataset samples, CancellationToken cancellation)
    {
        _engine = engine;
        _samples = samples;
        _layers = [.. original.Nodes.Where(IsRepaired).Select(n => n.Name)];
        string[] biased = [.. original.Nodes.Where(n => IsRepaired(n) && n.Is("Conv")).Select(n => n.Output.Name).Distinct()];
        _original = biased.Length == 0
            ? new Dictionary<string, ChannelMoments>()
            : ChannelStatistics.Measure(engine, original, biased, samples, cancellation);
    }

    /// <summary>Fits a masked model.</summary>
    /// <param name="graph">The model, changed in place.</param>
    /// <param name="isMasked">Whether an output channel of a layer is removed; it stays zero.</param>
    /// <param name="progress">Told after each group of layers.</param>
    /// <param name="cancellation">Ends the work between two samples.</param>
    public void Run(ModelGraph graph, Func<GraphNode, int, bool> isMasked, Action<int, int>? progress, CancellationToken cancellation)
    {
        string[][] passes = [.. _layers.Chunk(Math.Max(1, (_layers.Length + MaximumPasses - 1) / MaximumPasses))];
        for (int i = 0; i < passes.Length; i++)
        {
            GraphNode[] nodes = [.. passes[i].Select(name => graph.Nodes.First(n => n.Name == name))];
            string[] observed = [.. nodes.Select(ObservedOf).Distinct()];
            IReadOnlyDictionary<string, ChannelMoments> moments =
                ChannelStatistics.Measure(_engine, graph, observed, _samples, cancellation);
            foreach (GraphNode node in nodes)
                Repair(graph, node, moments[ObservedOf(node)], c => isMasked(node, c));
            progress?.Invoke(i + 1, passes.Length);
        }
    }

    private static string ObservedOf(GraphNode node) => (node.Is("Conv") ? node.Output : node.Input(0)).Name;

    private static bool IsRepaired(GraphNode node) => node switch
    {
        _ when node.Is("BatchNormalization") =>
            node.Input(0).Producer is not null && node.ConstantInput(3) is not null && node.ConstantInput(4) is not null,
        _ when node.Is("Conv") => node.ConstantInput(2) is not null && node.Output.SoleConsumer?.Is("BatchNormalization") != true,
        _ => false,
    };

    private void Repair(ModelGraph graph, GraphNode node, ChannelMoments now, Func<int, bool> isMasked)
    {
        if (node.Is("Conv"))
        {
            double[] wanted = _original[node.Output.Name].Mean;
            Change(graph, node, 2, (c, bias) => isMasked(c) ? bias : bias + (float)(wanted[c] - now.Mean[c]));
            return;
        }

        Change(graph, node, 3, (c, mean) => isMasked(c) ? mean : (float)now.Mean[c]);
        Change(graph, node, 4, (c, variance) => isMasked(c) ? variance : (float)now.Variance[c]);
    }

    private static void Change(ModelGraph graph, GraphNode node, int input, Func<int, float, float> change)
    {
        TensorData content = node.ConstantInput(input)!;
        TensorData changed = TensorData.Allocate(DataType.Float32, content.Shape, out Span<float> values);
        ReadOnlySpan<float> old = content.AsSpan<float>();
        for (int c = 0; c < values.Length; c++)
            values[c] = change(c, old[c]);
        node.SetInput(input, graph.AddConstant(node.Input(input).Name, changed));
    }
}
