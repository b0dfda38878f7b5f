// Scales for the channels of activations that only depthwise convolutions read.
using Int8Runtime.Graph;
using Int8Runtime.Graph.Passes;

namespace Int8Runtime.Quantization;

/// <summary>
/// A depthwise convolution has weights for each channel alone, so its source may have a scale for each channel. The channel's
/// range is that of the tensor, narrowed to the largest magnitude that the channel takes. Sums over channels need one scale, so
/// other activations keep it, and so does a source whose scales cannot be moved into the weights around it (<see
/// cref="ChannelPath"/>): kernels see one scale. Krishnamoorthi, arXiv:1806.08342, section 2; OpenVINO's configurations of
/// depthwise convolutions.
/// </summary>
internal static class ChannelScales
{
    // A larger ratio would only enlarge noise of channels that are practically empty.
    private const float Largest = 64;

    /// <summary>Gives channels scales where that is possible, and notes why where it is not.</summary>
    /// <param name="context">The context.</param>
    /// <param name="plan">What is quantized.</param>
    /// <param name="ranges">The ranges of groups.</param>
    /// <param name="parameters">The parameters of groups; changed.</param>
    public static void Choose(
        OptimizationContext context, QuantizationPlan plan, Dictionary<GraphValue, ValueRange> ranges,
        Dictionary<GraphValue, ActivationQuantization> parameters)
    {
        Dictionary<GraphValue, int> sizes = plan.Values.GroupBy(plan.GroupOf).ToDictionary(g => g.Key, g => g.Count());
        var candidates = new List<GraphValue>();
        foreach (GraphValue value in plan.Values.Where(v => v.Uses.Any(u => u.InputIndex == 0 && IsDepthwise(plan, u.Node))))
        {
            int channels = new WeightedInput(value.Uses.First(u => IsDepthwise(plan, u.Node)).Node).Channels;
            string reason = sizes[plan.GroupOf(value)] > 1 ? "its scale is also that of other values"
                : ChannelPath.DepthwiseReaders(value, channels) is not { } readers || !Array.TrueForAll(readers, r => IsDepthwise(plan, r))
                    ? "not only depthwise convolutions read it"
                : "";
            if (reason.Length == 0)
                candidates.Add(value);
            else
                Refuse(context, value, reason);
        }

        IReadOnlyDictionary<GraphValue, float[]> magnitudes = context.Measurements.Magnitudes(context, candidates);
        int chosen = 0;
        foreach (GraphValue value in candidates)
        {
            ActivationQuantization scales = Scales(parameters[value].Tensor, ranges[value], magnitudes[value], context.Options);
            if (ChannelPath.Find(value, scales.Channels, scales.Tensor.DataType, scales.Tensor.ZeroPoint, out string obstacle) is null)
            {
                Refuse(context, value, obstacle);
                continue;
            }

            parameters[value] = scales;
            chosen++;
        }

        context.Note(chosen == 0
            ? "no activation has a scale for each channel: only sources of depthwise convolutions can"
            : $"{chosen} sources of depthwise convolutions have a scale for each channel");
    }

    private static ActivationQuantization Scales(QuantizationParameters tensor, ValueRange range, float[] magnitudes,
        QuantizationOptions options)
    {
        // One zero point serves all channels, whatever their widths: that of a symmetric range.
        if (tensor.ZeroPoint != 0)
            tensor = QuantizationParameters.Symmetric(range);
        float largest = Math.Max(Math.Abs(range.Minimum), Math.Abs(range.Maximum));
        // Quotients of a magnitude and a number of steps: FakeQuantize says such scales exactly, by the magnitude as its border.
        int steps = new IntegerFormat(8, tensor.DataType == DataType.Int8).Maximum;
        float[] scales = Array.ConvertAll(
            magnitudes, m => m > 0 && m < largest ? Math.Max(m, largest / Largest) / steps : tensor.Scale);
        return new ActivationQuantization(tensor, options.PowerOfTwoScales ? Array.ConvertAll(scales, PowerOfTwo) : scales);
    }

    private static float PowerOfTwo(float scale) => (float)Math.ScaleB(1, (int)Math.Ceiling(Math.Log2(scale)));

    private static bool IsDepthwise(QuantizationPlan plan, GraphNode node) =>
        node.Is("Conv") && plan.IsQuantized(node) && node.ConstantInput(1) is not null && new WeightedInput(node).IsDepthwise;

    private static void Refuse(OptimizationContext context, GraphValue value, string reason) =>
        context.Note($"'{value.Name}', which a depthwise convolution reads, keeps one scale: {reason}");
}
