// Deconvolution as convolutions: one for each position of an output between the strides.
namespace Int8Runtime.X64;

/// <summary>
/// Plans a deconvolution over one to three spatial dimensions as the convolutions of its phases, each by the first convolution
/// that takes it. With stride 1 that is one convolution with flipped weights; with stride s, sⁿ smaller ones.
/// </summary>
/// <param name="convolutions">The convolutions in the order in which they are tried.</param>
internal sealed class PhasedDeconvolution(IReadOnlyList<IImplementation> convolutions) : IImplementation
{
    private const string Algorithm = "phased_deconv";

    // Each is a convolution with a plan of its own. A stride of 32 along both dimensions, the largest in use, has 1024.
    private const int MostPhases = 4096;

    /// <inheritdoc/>
    public PrimitiveKind Kind => PrimitiveKind.Deconvolution;

    /// <inheritdoc/>
    public string Name => Algorithm;

    /// <inheritdoc/>
    public PlanResult TryPlan(PlanRequest request)
    {
        var descriptor = (DeconvolutionDescriptor)request.Descriptor;
        if (descriptor.Destination.ElementCount == 0 || descriptor.Weights.ElementCount == 0 || descriptor.Source.ElementCount == 0)
            return new Rejection(Name, RejectionReason.Shape, "nothing to compute");
        if (DeconvolutionPhase.CountOf(descriptor) is var count && count > MostPhases)
            return new Rejection(Name, RejectionReason.Shape, $"strides that give {count} phases; at most {MostPhases}");
        if (request.Attributes.WeightsZeroPoint is { IsRuntime: true } && !descriptor.Weights.IsStrided)
        {
            // What is subtracted from the weights becomes known at execution; every phase packs its view of them then.
            if (!descriptor.Weights.IsAny)
                return new Rejection(Name, RejectionReason.Layout, $"weights {descriptor.Weights} with a zero point given at execution");
            descriptor = descriptor with { Weights = new MemoryDescriptor(descriptor.Weights.Dimensions, descriptor.Weights.DataType) };
        }

        descriptor = descriptor with
        {
            Source = RowLayout.Resolve(descriptor.Source), Destination = RowLayout.Resolve(descriptor.Destination),
        };
        MemoryDescriptor weights = descriptor.Weights;
        IEnumerable<MemoryDescriptor> viewed = request.Attributes.PostOps.OfType<OperandPostOp>().Select(postOp => postOp.Operand);
        foreach (MemoryDescriptor tensor in viewed.Concat(
            [descriptor.Source, descriptor.Destination, .. weights.IsStrided ? [weights] : Array.Empty<MemoryDescriptor>()]))
            if (!tensor.IsStrided || !tensor.InnerBlocks.IsEmpty)
                return new Rejection(Name, RejectionReason.Layout, $"{tensor} is blocked");

        IReadOnlyList<DeconvolutionPhase> phases = DeconvolutionPhase.Of(descriptor, request.Attributes);
        var plans = new PrimitivePlan[phases.Count];
        for (int i = 0; i < plans.Length; i++)
        {
            if (Plan(phases[i], request, out Rejection refusal) is not { } plan)
                return new Rejection(Name, refusal.Reason, $"{refusal.Implementation}: {refusal.Detail}");
            plans[i] = plan;
        }

        DeconvolutionWeights? packed = weights.IsStrided ? null : new DeconvolutionWeights(
            phases.Zip(plans).Where(pair => pair.First.HasTaps)
                .Select(pair => (pair.First, PhasedDeconvolutionPlan.WeightsOf(pair.Second).Packed!)));
        if (weights.Packed is { } given && !given.Equals(packed))
            return new Rejection(Name, RejectionReason.Layout, $"weights {weights}");
        if (packed is not null)
            descriptor = descriptor with { Weights = MemoryDescriptor.ForPacked(weights.Dimensions, weights.DataType, packed) };
        string convolution = plans[0].Name;
        return new PhasedDeconvolutionPlan(
            Algorithm + convolution[convolution.IndexOf(':', StringComparison.Ordinal)..], descriptor, phases, plans, packed);
    }

    private PrimitivePlan? Plan(DeconvolutionPhase phase, PlanRequest request, out Rejection refusal)
    {
        refusal = new Rejection(Name, RejectionReason.Algorithm, "no convolution");
        foreach (IImplementation convolution in convolutions)
        {
            PlanResult result = convolution.TryPlan(request with { Descriptor = phase.Convolution, Attributes = phase.Attributes });
            if (result.Plan is { } plan)
                return plan;
            refusal = result.Rejection!;
        }

        return null;
    }
}
