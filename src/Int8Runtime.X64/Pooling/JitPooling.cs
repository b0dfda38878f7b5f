// Pooling: which problems it takes and how it plans them.
using Int8Runtime.Jit;
using Int8Runtime.Reference;

namespace Int8Runtime.X64;

/// <summary>
/// Max and average pooling over one to three spatial dimensions, channels last, by generated kernels. The same bits as the
/// reference for every type: sums run in the order of the taps, averages are one f32 division.
/// </summary>
/// <param name="cache">Where kernels are kept.</param>
internal sealed class JitPooling(KernelCache cache) : IImplementation
{
    private const string Algorithm = "jit_pool";

    /// <inheritdoc/>
    public PrimitiveKind Kind => PrimitiveKind.Pooling;

    /// <inheritdoc/>
    public string Name => Algorithm + ":any";

    /// <inheritdoc/>
    public PlanResult TryPlan(PlanRequest request)
    {
        var descriptor = (PoolingDescriptor)request.Descriptor;
        descriptor = descriptor with
        {
            Source = RowLayout.Resolve(descriptor.Source), Destination = RowLayout.Resolve(descriptor.Destination),
        };
        if (ImageLayout.Refuse(Name, request.Isa, descriptor.Source, descriptor.Destination) is { } refused)
            return refused;
        DataType source = descriptor.Source.DataType, destination = descriptor.Destination.DataType;
        bool isMaximum = descriptor.Algorithm == PoolingAlgorithm.Max;
        if (source == DataType.Int32 && !isMaximum && descriptor.Kernel.ElementCount > PoolingPlan.LargestWindowOfInt32)
            return Refuse(RejectionReason.Shape, $"an average of s32 over more than {PoolingPlan.LargestWindowOfInt32} elements");

        PrimitiveAttributes attributes = request.Attributes;
        var quantization = OperandQuantization.OfSource(attributes);
        if (source.IsFloatingPoint() && quantization is not { ZeroPoint: 0, ZeroPointSlot: null })
            return Refuse(RejectionReason.Quantization, "zero point of a floating-point source");
        if (source.IsInt8() && !PoolingPlan.SumsFit(descriptor, quantization.ZeroPoint))
            return Refuse(RejectionReason.Shape, "a window whose sum needs more than 32 bits");
        bool passesThrough = PassThrough.KeepsUnits(attributes, source, destination);

        // s32 does not fit f32: its maximum is stored as it is.
        DataType values = passesThrough && isMaximum && source == DataType.Int32 ? DataType.Int32 : DataType.Float32;
        Epilogue epilogue = values == DataType.Int32
            ? Epilogue.Create(PrimitiveAttributes.Default, values, destination, channels: 1, hasBias: false)
            : Epilogue.CreateForValues(
                passesThrough ? PrimitiveAttributes.Default : PassThrough.Complete(attributes, destination), destination);
        EpiloguePlan? epiloguePlan = EpiloguePlan.TryCreate(epilogue, values, bias: null, descriptor.Destination, out string refusal);
        if (epiloguePlan is null)
            return Refuse(RejectionReason.PostOps, refusal);
        PoolingReduction reduction = !isMaximum ? PoolingReduction.Average
            : passesThrough && source.IsInt8() ? PoolingReduction.ByteMaximum
            : PoolingReduction.Maximum;
        return new PoolingPlan(
            $"{Algorithm}:{KernelTier.NameOf(request.Isa)}", cache, request.Isa, descriptor, reduction, attributes,
            dequantizes: !passesThrough, epiloguePlan, request.Threads);
    }

    private Rejection Refuse(RejectionReason reason, string detail) => new(Name, reason, detail);
}
