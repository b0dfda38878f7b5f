// Makes the output of quantized layers unbiased.
using Int8Runtime.Graph;

namespace Int8Runtime.Quantization;

/// <summary>
/// Rounding shifts the mean of what a layer computes: weights by their rounding errors, activations because values near
/// zero are not spread evenly over a step. Fast: the shift of each output channel, <c>Σ W_q·E[q(x)] − Σ W·E[x]</c> with the means of
/// the input channels, is taken out of the bias. Nagel et al., "Data-free quantization through weight equalization and bias
/// correction" (arXiv:1906.04721), section 4.2, with measured means. Padding is not accounted for. Full: the means of each layer's
/// output are measured in the f32 and in the quantized model, whose earlier layers are corrected already, and their
/// difference is taken out; this also removes what earlier layers pass on.
/// </summary>
public sealed class BiasCorrection(BiasCorrectionMode mode) : IOptimizationAlgorithm
{
    /// <inheritdoc/>
    public string Name => mode == BiasCorrectionMode.Full ? "full bias correction" : "fast bias correction";

    /// <inheritdoc/>
    public void Run(OptimizationContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        if (context.Reference is not { } reference)
            throw new QuantizationException($"{Name} follows the range quantization; put it behind {nameof(MinMaxQuantization)}");
        IReadOnlyList<QuantizedLayer> layers = QuantizedLayers.Find(context.Graph, reference);
        if (mode == BiasCorrectionMode.Fast)
            CorrectFast(context, reference, layers);
        else if (mode == BiasCorrectionMode.Full)
            CorrectFully(context, reference, layers);
        context.Graph.RemoveDeadNodes();
        context.Graph.SortTopologically();
        context.Graph.Validate();
    }

    private static void CorrectFast(OptimizationContext context, ModelGraph reference, IReadOnlyList<QuantizedLayer> layers)
    {
        layers = [.. layers.Where(l => l.Node.OptionalInput(2) is not null)];
        Dictionary<string, ActivationQuantization> sources = [];
        foreach (QuantizedLayer layer in layers)
            sources[layer.Source] = layer.Quantization;
        IReadOnlyDictionary<string, ChannelMeans> means = context.Measurements.Means(context, reference, sources);
        foreach (QuantizedLayer layer in layers)
        {
            double[] shift = Shift(layer, means[layer.Source]);
            float[] bias = layer.FloatBias();
            layer.WithBias(context.Graph, [.. bias.Select((b, c) => (double)(float)(b - (float)shift[c]))]);
        }
    }

    // What rounding adds to the mean of each output channel.
    private static double[] Shift(QuantizedLayer layer, ChannelMeans means)
    {
        GraphNode node = layer.Reference;
        TensorData weights = node.ConstantInput(1)!;
        ReadOnlySpan<float> exact = weights.AsSpan<float>();
        ReadOnlySpan<sbyte> integers = layer.Weights.AsSpan<sbyte>();
        bool isConvolution = node.Is("Conv"), outputsFirst = isConvolution || node.Attributes.GetBoolean("transB");
        int outputs = layer.Outputs, inputs = weights.Shape[outputsFirst ? 1 : 0], taps = weights.ElementCount / (outputs * inputs);
        int outputsPerGroup = outputs / (isConvolution ? node.Attributes.GetInt32("group", 1) : 1);
        var shift = new double[outputs];
        for (int o = 0; o < outputs; o++)
        {
            int firstChannel = isConvolution ? o / outputsPerGroup * inputs : 0;
            for (int i = 0; i < inputs; i++)
            {
                for (int t = 0; t < taps; t++)
                {
                    int index = outputsFirst ? (((o * inputs) + i) * taps) + t : (i * outputs) + o;
                    double rounded = (double)integers[index] * layer.WeightScales[o];
                    shift[o] += (rounded * means.Quantized[firstChannel + i]) - ((double)exact[index] * means.Exact[firstChannel + i]);
                }
            }
        }

        return shift;
    }

    private static void CorrectFully(OptimizationContext context, ModelGraph reference, IReadOnlyList<QuantizedLayer> layers)
    {
        IReadOnlyList<QuantizedLayer[]> steps = ByDepth(context.Graph, layers);
        IReadOnlyDictionary<string, double[]> wanted = ActivationStatistics.MeasureMeans(
            context.Engine, reference, [.. layers.Select(l => l.Reference.Output.Name)], context.Samples,
            context.NextPass(1 + steps.Count), context.Cancellation);
        for (int step = 0; step < steps.Count; step++)
        {
            IReadOnlyDictionary<string, double[]> present = ActivationStatistics.MeasureMeans(
                context.Engine, context.Graph, [.. steps[step].Select(l => l.Node.Output.Name)], context.Samples,
                context.NextPass(steps.Count - step), context.Cancellation);
            foreach (QuantizedLayer layer in steps[step])
            {
                double[] target = wanted[layer.Reference.Output.Name], mean = present[layer.Node.Output.Name];
                layer.WithBias(context.Graph, [.. layer.PresentBias().Select((b, c) => b + target[c] - mean[c])]);
            }
        }
    }

    // Layers that do not depend on each other are corrected in one step.
    private static List<QuantizedLayer[]> ByDepth(ModelGraph graph, IReadOnlyList<QuantizedLayer> layers)
    {
        Dictionary<GraphNode, QuantizedLayer> byNode = layers.ToDictionary(l => l.Node);
        var depths = new Dictionary<GraphNode, int>();
        foreach (GraphNode node in graph.Nodes)
        {
            int before = node.Inputs.Select(i => i?.Producer is { } producer ? depths[producer] : 0).DefaultIfEmpty().Max();
            depths[node] = before + (byNode.ContainsKey(node) ? 1 : 0);
        }

        return [.. layers.GroupBy(l => depths[l.Node]).OrderBy(g => g.Key).Select(g => g.ToArray())];
    }
}
