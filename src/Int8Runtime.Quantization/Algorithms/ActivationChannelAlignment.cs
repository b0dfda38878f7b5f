// Gives the channels of an activation similar ranges, so that one scale serves all of them.
using Int8Runtime.Graph;

namespace Int8Runtime.Quantization;

/// <summary>
/// Between two weighted layers a channel may be divided by a positive factor if the following weights are multiplied by it:
/// rectifiers, poolings and depthwise convolutions pass such factors on. Where a depthwise convolution follows, whose weights have a scale
/// for each channel anyway, all channels get the range of the largest; elsewhere the factor divides the difference between
/// activations and weights. The f32 result is unchanged. Nagel et al., "Data-free quantization through weight equalization and bias
/// correction" (arXiv:1906.04721), section 4.1, with measured activation ranges, as OpenVINO's ActivationChannelAlignment.
/// </summary>
public sealed class ActivationChannelAlignment : IOptimizationAlgorithm
{
    // A larger factor would only enlarge noise of channels that are practically empty.
    private const float LargestFactor = 64;

    /// <inheritdoc/>
    public string Name => "activation channel alignment";

    /// <inheritdoc/>
    public void Run(OptimizationContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        List<ChannelPair> pairs = ChannelPair.Find(context.Graph);
        if (pairs.Count == 0)
            return;
        Dictionary<GraphValue, bool> values = pairs.ToDictionary(p => p.Activation, _ => true);
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

        context.Graph.RemoveDeadNodes();
        context.FloatState += "aligned;";
        if (aligned > 0)
            context.Note($"aligned the channels of {aligned} activations");
    }

    private static float[] Factors(ChannelPair pair, float[] magnitudes)
    {
        float[] weights = pair.ConsumerMagnitudes();
        float largest = magnitudes.Max(), largestWeight = weights.Max();
        var factors = new float[magnitudes.Length];
        for (int c = 0; c < factors.Length; c++)
        {
            float activation = magnitudes[c] / largest, weight = weights[c] / largestWeight;
            float factor = pair.IsDepthwise ? activation : MathF.Sqrt(activation / weight);
            factors[c] = float.IsFinite(factor) && factor > 0 ? Math.Clamp(factor, 1 / LargestFactor, LargestFactor) : 1;
        }

        return factors;
    }
}
