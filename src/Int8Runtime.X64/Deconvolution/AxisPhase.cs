// The outputs of one spatial dimension of a deconvolution that meet the same taps, seen as a convolution of stride 1.
namespace Int8Runtime.X64;

/// <summary>
/// Outputs <c>o = FirstOutput + q·stride</c>. Tap k meets them where <c>o + before − k·dilation</c> is a multiple of the stride:
/// with g = gcd(dilation, stride) these are the taps <c>k₀, k₀ + stride/g, …</c>, and the source elements that they meet lie
/// <c>dilation/g</c> apart, in falling order. Read backwards they are the window of a convolution.
/// </summary>
/// <param name="FirstOutput">First output.</param>
/// <param name="Outputs">Number of outputs.</param>
/// <param name="Taps">Number of taps; 0 where no tap meets a source element.</param>
/// <param name="LastTap">The tap that meets the first source element of the window.</param>
/// <param name="TapStep">Distance of neighbouring taps.</param>
/// <param name="FirstSource">First source element that is read.</param>
/// <param name="Dilation">Distance of neighbouring source elements of a window.</param>
/// <param name="Before">Padding before <paramref name="FirstSource"/>.</param>
/// <param name="After">Padding after the source.</param>
internal readonly record struct AxisPhase(
    int FirstOutput, int Outputs, int Taps, int LastTap, int TapStep, int FirstSource, int Dilation, int Before, int After)
{
    /// <summary>All phases of a spatial dimension; together they cover each output once.</summary>
    public static IReadOnlyList<AxisPhase> Of(DeconvolutionDescriptor descriptor, int axis)
    {
        int outputs = descriptor.Destination.Dimensions[axis + 2];
        return [.. Enumerable.Range(0, Math.Min(descriptor.Stride(axis), outputs)).Select(first => Of(descriptor, axis, first))];
    }

    private static AxisPhase Of(DeconvolutionDescriptor descriptor, int axis, int first)
    {
        int input = descriptor.Source.Dimensions[axis + 2], kernel = descriptor.Weights.Dimensions[axis + 2];
        (int stride, int dilation) = (descriptor.Stride(axis), descriptor.Dilation(axis));
        int outputs = (descriptor.Destination.Dimensions[axis + 2] - first + stride - 1) / stride;
        int divisor = (int)System.Numerics.BigInteger.GreatestCommonDivisor(dilation, stride);
        (int tapStep, int sourceStep) = (stride / divisor, dilation / divisor);
        int position = first + descriptor.Before(axis);
        var none = new AxisPhase(first, outputs, 0, 0, 1, 0, 1, 0, 0);
        int tap = 0;
        while (tap < Math.Min(kernel, tapStep) && (position - (tap * dilation)) % stride != 0)
            tap++;
        if (tap == Math.Min(kernel, tapStep))
            return none;

        int taps = (kernel - tap + tapStep - 1) / tapStep;
        int highest = (position - (tap * dilation)) / stride; // source element that the first output meets at the first tap
        int lowest = highest - ((taps - 1) * sourceStep);
        int firstSource = Math.Max(0, lowest), last = highest + outputs - 1;
        return firstSource >= input || last < 0
            ? none
            : new AxisPhase(
                first, outputs, taps, tap + ((taps - 1) * tapStep), tapStep, firstSource, sourceStep,
                firstSource - lowest, Math.Max(0, last - input + 1));
    }
}
