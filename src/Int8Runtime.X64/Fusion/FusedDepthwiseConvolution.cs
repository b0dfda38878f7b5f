// A 1×1 convolution with a depthwise post-op, computed in bands of rows by the plans of the two convolutions.
using Int8Runtime.Jit;

namespace Int8Runtime.X64;

/// <summary>
/// Splits an image into bands of destination rows. For each band the 1×1 convolution writes the rows that its windows meet into scratch
/// memory of the thread, small enough to stay in the second-level cache, and the depthwise convolution reads them there. Both are the
/// ordinary plans for tensors of a band's height, so nothing is generated here.
/// </summary>
/// <param name="convolutions">The implementations that plan the stages.</param>
/// <param name="cacheBytes">Second-level cache of a core, half of which a band fills.</param>
internal sealed class FusedDepthwiseConvolution(IReadOnlyList<IImplementation> convolutions, long cacheBytes) : IImplementation
{
    /// <inheritdoc/>
    public PrimitiveKind Kind => PrimitiveKind.Convolution;

    /// <inheritdoc/>
    public string Name => "fused_depthwise";

    /// <inheritdoc/>
    public PlanResult TryPlan(PlanRequest request)
    {
        var descriptor = (ConvolutionDescriptor)request.Descriptor;
        if (KernelTier.Refusal(Name, request.Isa) is { } tier)
            return tier;
        if (FusedDepthwise.PlaceIn(request.Attributes.PostOps) < 0)
            return new Rejection(Name, RejectionReason.PostOps, "no depthwise post-op");
        if (descriptor.Destination.ElementCount == 0)
            return new Rejection(Name, RejectionReason.Shape, "empty destination");
        descriptor = descriptor with
        {
            Source = RowLayout.Resolve(descriptor.Source), Destination = RowLayout.Resolve(descriptor.Destination),
        };
        FusedDepthwise fused = FusedDepthwise.Of(descriptor, request.Attributes)!;
        foreach (MemoryDescriptor tensor in (MemoryDescriptor[])[
            descriptor.Source, descriptor.Destination,
            .. request.Attributes.PostOps.OfType<OperandPostOp>().Select(postOp => postOp.Operand)])
            if (!tensor.IsStrided || !tensor.InnerBlocks.IsEmpty)
                return new Rejection(Name, RejectionReason.Layout, $"{tensor} has no rows of its own");

        // Bands have to agree about the layout of the weights; where they do not, an image is one band.
        int height = descriptor.Destination.Dimensions[2], rows = RowsOfBand(fused, request.Threads);
        Rejection? refusal = null;
        foreach (int bandRows in (int[])[rows, height])
        {
            var planner = new BandPlanner(Name, convolutions, request, fused);
            if (planner.TryPlan(bandRows, out refusal) is { } bands)
                return new FusedDepthwisePlan($"{Name}:{bands.Variant}", descriptor, request, fused, bands);
        }

        return refusal!;
    }

    // Source and intermediate rows of a band fill half of the second-level cache, and every thread has a band.
    private int RowsOfBand(FusedDepthwise fused, int threads)
    {
        MemoryDescriptor source = fused.Pointwise.Source, between = fused.Intermediate;
        int height = fused.Depthwise.Destination.Dimensions[2], images = fused.Depthwise.Destination.Dimensions[0];
        long rowBytes = BytesOfRow(between) + (BytesOfRow(source) * fused.Pointwise.Stride(0));
        int kernel = fused.Depthwise.Weights.Dimensions[2], stride = fused.Depthwise.Stride(0);
        long inputRows = cacheBytes / 2 / Math.Max(1, rowBytes);
        int fitting = (int)Math.Clamp(((inputRows - kernel) / stride) + 1, 1, height);
        int bands = Math.Max((height + fitting - 1) / fitting, Math.Min(height, (threads + images - 1) / images));
        return (height + bands - 1) / bands;
    }

    private static long BytesOfRow(MemoryDescriptor tensor) =>
        (long)tensor.Dimensions[1] * tensor.Dimensions[3] * tensor.DataType.SizeInBytes();
}
