// Products whose tensors lie in layouts that kernels do not read: reorders around the kernels, in scratch memory.
using Int8Runtime.Jit;

namespace Int8Runtime.X64;

/// <summary>
/// Takes a product that the implementations behind it refuse for a layout only: sources, destinations and weights in plain or
/// blocked layouts, operands of post-ops and biases that are broadcast over other dimensions than the channels. Such tensors are
/// brought into the layout of the kernels by generated reorders inside the plan, and the result back.
/// </summary>
/// <param name="kind">The kind of product.</param>
/// <param name="kernels">The implementations that are tried for the inner problem.</param>
/// <param name="cache">Where kernels are kept.</param>
internal sealed class StagedProduct(PrimitiveKind kind, IReadOnlyList<IImplementation> kernels, KernelCache cache) : IImplementation
{
    /// <inheritdoc/>
    public PrimitiveKind Kind => kind;

    /// <inheritdoc/>
    public string Name => "staged";

    /// <inheritdoc/>
    public PlanResult TryPlan(PlanRequest request)
    {
        if (KernelTier.Refusal(Name, request.Isa) is { } tier)
            return tier;
        var staging = new Staging();
        PlanRequest inner = Inner(request, staging);
        if (staging.Tensors.Count == 0)
            return new Rejection(Name, RejectionReason.Layout, "every tensor lies in a layout of the kernels");
        var refusals = new List<string>();
        foreach (IImplementation implementation in kernels)
        {
            PlanResult result = implementation.TryPlan(inner);
            if (result.Plan is not { } plan)
            {
                refusals.Add(result.Rejection!.ToString());
                continue;
            }

            return Complete(request, staging, plan) is { } staged
                ? staged
                : new Rejection(Name, RejectionReason.Layout, "a layout is blocked in a way that does not nest");
        }

        return new Rejection(Name, RejectionReason.Shape, "no kernel takes the staged problem: " + string.Join("; ", refusals));
    }

    // The problem with every tensor in a layout that kernels read.
    private PlanRequest Inner(PlanRequest request, Staging staging)
    {
        var descriptor = (IWeightedDescriptor)request.Descriptor;
        PostOpChain postOps = request.Attributes.PostOps;
        MemoryDescriptor source = StagedLayout(descriptor.Source, isDestination: false);
        MemoryDescriptor destination = StagedLayout(descriptor.Destination, isDestination: true);
        MemoryDescriptor weights = descriptor.Weights is { IsStrided: true, InnerBlocks.IsEmpty: false } blocked
            ? new MemoryDescriptor(blocked.Dimensions, blocked.DataType) : descriptor.Weights;
        staging.AddInput(ArgumentSlot.Source, descriptor.Source, source);
        staging.AddInput(ArgumentSlot.Weights, descriptor.Weights, weights);
        if (!ReferenceEquals(destination, descriptor.Destination))
            staging.AddDestination(descriptor.Destination, destination, postOps.Any(postOp => postOp is SumPostOp));
        MemoryDescriptor? bias = descriptor.Bias is null or { Rank: 1 } || Serves(descriptor.Bias, destination)
            ? descriptor.Bias : LikeDestination(descriptor.Bias, destination);
        if (bias is not null)
            staging.AddInput(ArgumentSlot.Bias, descriptor.Bias!, bias);
        var chain = new PostOp[postOps.Count];
        FusedDepthwise? fused =
            request.Descriptor is ConvolutionDescriptor convolution ? FusedDepthwise.Of(convolution, request.Attributes) : null;
        for (int i = 0; i < chain.Length; i++)
        {
            chain[i] = postOps[i];
            MemoryDescriptor result = i < fused?.Place ? fused.Intermediate : destination;
            if (chain[i] is not OperandPostOp postOp || Serves(postOp.Operand, result))
                continue;
            MemoryDescriptor operand = LikeDestination(postOp.Operand, result);
            staging.AddInput(ArgumentSlot.PostOp0 + i, postOp.Operand, operand);
            chain[i] = postOp with { Operand = operand };
        }

        PrimitiveDescriptor inner = request.Descriptor switch
        {
            ConvolutionDescriptorBase d => d with { Source = source, Weights = weights, Bias = bias, Destination = destination },
            InnerProductDescriptor d => d with { Source = source, Weights = weights, Bias = bias, Destination = destination },
            MatMulDescriptor d => d with { Source = source, Weights = weights, Bias = bias, Destination = destination },
            var other => throw new InvalidOperationException($"A {other.Kind} primitive is not staged."),
        };
        return request with { Descriptor = inner, Attributes = request.Attributes with { PostOps = PostOpChain.Create(chain) } };
    }

    private bool Serves(MemoryDescriptor operand, MemoryDescriptor destination) => kind is PrimitiveKind.Convolution or PrimitiveKind.Deconvolution
        ? EpiloguePlan.Serves(operand, destination)
        : MatrixEpilogue.Serves(operand, destination);

    // The layout in which kernels read or write a tensor: as it is where they can.
    private MemoryDescriptor StagedLayout(MemoryDescriptor given, bool isDestination)
    {
        if (given.IsAny)
            return kind == PrimitiveKind.MatMul ? new MemoryDescriptor(given.Dimensions, given.DataType) : ChannelsLast(given);
        if (!given.IsStrided)
            return given;
        bool plain = given.InnerBlocks.IsEmpty;
        return kind switch
        {
            PrimitiveKind.Convolution or PrimitiveKind.Deconvolution => BrgemmConvolution.HasChannelsLast(given) ? given : ChannelsLast(given),
            PrimitiveKind.InnerProduct when !isDestination => BrgemmInnerProduct.IsDenseSample(given) ? given : ChannelsLast(given),
            _ when isDestination => plain && (given.Strides[^1] == 1 || given.Dimensions[^1] == 1)
                ? given : new MemoryDescriptor(given.Dimensions, given.DataType),
            _ => plain ? given : new MemoryDescriptor(given.Dimensions, given.DataType),
        };
    }

    private static MemoryDescriptor ChannelsLast(MemoryDescriptor given) =>
        new(given.Dimensions, given.DataType, FormatTag.ChannelsLast(given.Rank));

    // One element for each element of the destination, in its order.
    private static MemoryDescriptor LikeDestination(MemoryDescriptor operand, MemoryDescriptor destination) =>
        destination.WithDataType(operand.DataType);

    private StagingPlan? Complete(PlanRequest request, Staging staging, PrimitivePlan plan)
    {
        var stages = new List<StagedTensor>();
        foreach (StagingRequest tensor in staging.Tensors)
        {
            MemoryDescriptor given = tensor.Given, staged = tensor.Staged;
            CopyPlan? before = null, after = null;
            if (tensor.Reads && (before = CopyPlan.TryCreate(request.Isa, cache, given, staged)) is null)
                return null;
            if (tensor.Writes && (after = CopyPlan.TryCreate(request.Isa, cache, staged, given)) is null)
                return null;
            stages.Add(new StagedTensor(tensor.Slot, staged.SizeInBytes, before, after));
        }

        var resolved = (IWeightedDescriptor)plan.Descriptor;
        var asked = (IWeightedDescriptor)request.Descriptor;
        MemoryDescriptor Resolved(MemoryDescriptor given, MemoryDescriptor inner) => given.IsAny ? inner : given;
        MemoryDescriptor source = Resolved(asked.Source, resolved.Source), destination = Resolved(asked.Destination, resolved.Destination);
        MemoryDescriptor weights = Resolved(asked.Weights, resolved.Weights);
        PrimitiveDescriptor descriptor = request.Descriptor switch
        {
            ConvolutionDescriptorBase d => d with { Source = source, Weights = weights, Destination = destination },
            InnerProductDescriptor d => d with { Source = source, Weights = weights, Destination = destination },
            MatMulDescriptor d => d with { Source = source, Weights = weights, Destination = destination },
            var other => other,
        };
        return new StagingPlan("staged+" + plan.Name, descriptor, plan, stages);
    }

    // A tensor that has to be copied.
    private sealed record StagingRequest(
        ArgumentSlot Slot, MemoryDescriptor Given, MemoryDescriptor Staged, bool Reads, bool Writes);

    private sealed class Staging
    {
        public List<StagingRequest> Tensors { get; } = [];

        public void AddInput(ArgumentSlot slot, MemoryDescriptor given, MemoryDescriptor staged)
        {
            if (given.IsStrided && !given.Equals(staged))
                Tensors.Add(new StagingRequest(slot, given, staged, true, false));
        }

        public void AddDestination(MemoryDescriptor given, MemoryDescriptor staged, bool isRead)
        {
            if (given.IsStrided && !given.Equals(staged))
                Tensors.Add(new StagingRequest(ArgumentSlot.Destination, given, staged, isRead, true));
        }
    }
}
