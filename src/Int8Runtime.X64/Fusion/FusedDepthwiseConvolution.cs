// A 1×1 convolution with a depthwise post-op, computed in bands of rows by the plans of the two convolutions.
using Int8Runtime.Jit;

namespace Int8Runtime.X64;

/// <summary>Takes the two convolutions apart and lets <see cref="BandedConvolutions"/> compute them.</summary>
/// <param name="convolutions">The implementations that plan the stages.</param>
/// <param name="cacheBytes">Second-level cache of a core.</param>
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
        if (Stage(fused.Pointwise, fused.PointwiseAttributes, request, out Rejection? refusal) is not { } pointwise
            || Stage(fused.Depthwise, fused.DepthwiseAttributes, request, out refusal) is not { } depthwise
            || new BandedConvolutions(Name, convolutions, cacheBytes).TryPlan([pointwise, depthwise], request.Isa, request.Threads, out refusal)
                is not { } bands)
            return refusal!;
        return new FusedDepthwisePlan(descriptor, fused, pointwise.Descriptor.Weights, depthwise.Descriptor.Weights, bands);
    }

    // Weights that are not packed yet are packed before the bands, in the layout that the plan of a whole image chooses.
    private ConvolutionStage? Stage(
        ConvolutionDescriptor descriptor, PrimitiveAttributes attributes, PlanRequest request, out Rejection? refusal)
    {
        MemoryDescriptor weights = descriptor.Weights;
        if (weights.IsStrided)
            descriptor = descriptor with { Weights = MemoryDescriptor.Any(weights.Dimensions, weights.DataType) };
        refusal = null;
        foreach (IImplementation implementation in convolutions)
        {
            PlanResult result = implementation.TryPlan(new PlanRequest(descriptor, attributes, request.Isa, request.Threads));
            if (result.Plan is { } plan)
                return new ConvolutionStage(plan, attributes);
            refusal = new Rejection(Name, result.Rejection!.Reason, result.Rejection.ToString());
        }

        return null;
    }
}
