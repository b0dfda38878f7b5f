// Gives the channels of an activation similar ranges, so that one scale serves all of them.
using Int8Runtime.Graph;

namespace Int8Runtime.Quantization;

/// <summary>
/// Between two weighted layers a channel may be divided by a positive factor if the following weights are multiplied by it:
/// rectifiers, poolings and depthwise convolutions pass such factors on. Where a depthwise convolution follows, whose weights have a scale
/// for each channel anyway, all channels get the range of the largest; elsewhere the factor divides the difference between
/// activations and weights. Behind functions that no factor passes, such as swish, channels whose ranges differ widely are divided by an
/// explicit multiplication (<see cref="ChannelScaling"/>). The f32 result is unchanged. Nagel et al., "Data-free quantization
/// through weight equalization and bias correction" (arXiv:1906.04721), section 4.1, with measured activation ranges, as
/// OpenVINO's ActivationChannelAlignment.
/// </summary>
public sealed class ActivationChannelAlignment : IOptimizationAlgorithm
{
    // Multiplications cost time, so they are spent where one scale for all channels wastes two bits of the median one.
    private const float SmallestSpread = 4;

    /// <inheritdoc/>
    public string Name => "activation channel alignment";

    /// <inheritdoc/>
    public void Run(OptimizationContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        List<ChannelPair> pairs = ChannelPair.Find(context.Graph);
        ChannelScaling scaling = ChannelScaling.Find(context.Graph);
        Dictionary<GraphValue, bool> values = pairs.Select(p => p.Activation).Concat(scaling.Values).Distinct()
            .ToDictionary(v => v, _ => true);
        if (values.Count == 0)
            return;
        IReadOnlyDictionary<GraphValue, float[]> magnitudes = ActivationStatistics.MeasureMagnitudes(
            context.Engine, context.Graph, values, context.Samples, context.NextPass(3), context.Cancellation);
        int aligned = 0;
        foreach (ChannelPair pair in pairs)
        {
            // A consumer of one pair may be the producer of the next: its output is what it was measured to be.
            float[] factors = Factors(pair, magnitudes[pair.Activation]);
            if (Array.TrueForAll(factors, f => f == 1))
                continue;
            pair.Apply(context.Graph, factors);
            aligned++;
        }

        int scaled = scaling.Apply(context.Graph, magnitudes, SmallestSpread);
        context.Graph.RemoveDeadNodes();
        context.Graph.SortTopologically();
        context.FloatState += "aligned;";
        if (aligned > 0)
            context.Note($"aligned the channels of {aligned} activations");
        if (scaled > 0)
            context.Note($"aligned the channels of {scaled} activations by a multiplication, behind functions that no factor passes");
    }

    private static float[] Factors(ChannelPair pair, float[] magnitudes)
    {
        float[] weights = pair.Read.Magnitudes();
        float largest = magnitudes.Max(), largestWeight = weights.Max();
        return [.. magnitudes.Select((m, c) => ChannelFactors.Of(m / largest, weights[c] / largestWeight, pair.IsDepthwise))];
    }
}

/// <summary>The factor by which a channel is divided and the weights that read it are multiplied.</summary>
internal static class ChannelFactors
{
    // A larger factor would only enlarge noise of channels that are practically empty.
    private const float Largest = 64;

    /// <summary>
    /// The whole range of the channel where every output has weights, and so a scale, of its own for it; where weights of several
    /// channels share scales, the range is divided between activation and weights.
    /// </summary>
    /// <param name="activation">Range of the channel as a share of the largest one.</param>
    /// <param name="weight">Largest weight that reads the channel as a share of the largest one.</param>
    /// <param name="isDepthwise">Whether only depthwise convolutions read it.</param>
    public static float Of(float activation, float weight, bool isDepthwise)
    {
        float factor = isDepthwise ? activation : MathF.Sqrt(activation / weight);
        return float.IsFinite(factor) && factor > 0 ? Math.Clamp(factor, 1 / Largest, Largest) : 1;
    }
}
