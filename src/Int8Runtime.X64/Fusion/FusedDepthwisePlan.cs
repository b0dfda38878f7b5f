// The plan of a 1×1 convolution with a depthwise post-op.
// Scratch: [1×1 weights packed at execution][depthwise weights packed at execution][scratch of the bands].
namespace Int8Runtime.X64;

/// <summary>Hands the arguments of the two convolutions to the bands.</summary>
/// <param name="descriptor">The problem.</param>
/// <param name="fused">Its two stages.</param>
/// <param name="pointwiseWeights">Layout in which bands read the 1×1 weights.</param>
/// <param name="depthwiseWeights">Layout in which bands read the depthwise weights.</param>
/// <param name="bands">The bands.</param>
internal sealed unsafe class FusedDepthwisePlan(
    ConvolutionDescriptor descriptor, FusedDepthwise fused, MemoryDescriptor pointwiseWeights, MemoryDescriptor depthwiseWeights,
    BandedPlan bands) : PrimitivePlan
{
    /// <inheritdoc/>
    public override string Name => bands.Name;

    /// <inheritdoc/>
    public override PrimitiveDescriptor Descriptor =>
        descriptor.Weights.IsStrided ? descriptor : descriptor with { Weights = pointwiseWeights };

    /// <inheritdoc/>
    public override long ScratchBytes => PackedBytes(descriptor.Weights, pointwiseWeights)
        + PackedBytes(fused.Depthwise.Weights, depthwiseWeights) + bands.ScratchBytes;

    /// <inheritdoc/>
    public override long SizeInBytes => bands.SizeInBytes;

    /// <inheritdoc/>
    public override string Details => bands.Details;

    /// <inheritdoc/>
    public override PrimitiveAttributes Resolve(PrimitiveAttributes asked)
    {
        var postOp = (DepthwisePostOp)asked.PostOps[fused.Place];
        if (postOp.Weights.IsStrided)
            return asked;
        PostOp[] chain = [.. asked.PostOps];
        chain[fused.Place] = postOp with { Weights = depthwiseWeights };
        return asked with { PostOps = PostOpChain.Create(chain) };
    }

    /// <inheritdoc/>
    public override void Execute(in ExecutionContext context)
    {
        Span<ExecutionArguments> stages =
        [
            FusedDepthwise.PointwiseArguments(in context.Arguments, null), fused.DepthwiseArguments(in context.Arguments, null),
        ];
        byte* scratch = context.Scratch;
        PackWeights(ref stages[0], descriptor.Weights, pointwiseWeights, ref scratch);
        PackWeights(ref stages[1], fused.Depthwise.Weights, depthwiseWeights, ref scratch);
        bands.Execute(new ExecutionContext(in context.Arguments, context.Pool, context.Threads, scratch, stages));
    }

    private static void PackWeights(ref ExecutionArguments arguments, MemoryDescriptor given, MemoryDescriptor packed, ref byte* scratch)
    {
        long bytes = PackedBytes(given, packed);
        if (bytes == 0)
            return;
        packed.Packed!.Pack(given, arguments[ArgumentSlot.Weights], scratch);
        arguments[ArgumentSlot.Weights] = scratch;
        scratch += bytes;
    }

    // Plans that read plain weights (those whose zero point is given at execution) pack them themselves.
    private static long PackedBytes(MemoryDescriptor given, MemoryDescriptor packed) =>
        given.IsStrided && packed.Packed is not null ? ScratchLayout.RoundUp(packed.SizeInBytes) : 0;
}
