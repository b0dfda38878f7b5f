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
        if (KernelTier.Refusal(Name, request.Isa) is { } tier)
            return tier;
        if (descriptor.Destination.ElementCount == 0)
            return Refuse(RejectionReason.Shape, "empty destination");
        DataType source = descriptor.Source.DataType, destination = descriptor.Destination.DataType;
        if (!ScalarAccess.CanCompute(source) || !ScalarAccess.CanCompute(destination))
            return Refuse(RejectionReason.DataTypes, $"{source.ToShortName()}:{destination.ToShortName()}");
        bool isMaximum = descriptor.Algorithm == PoolingAlgorithm.Max;
        if (source == DataType.Int32 && !isMaximum
            && (descriptor.Kernel.ElementCount > short.MaxValue || request.Attributes.SourceZeroPoint is { IsZero: false }))
            return Refuse(RejectionReason.Shape, $"an average of s32 over more than {short.MaxValue} elements or with a zero point");
        if (PassThrough.HasRuntimeQuantization(request.Attributes))
            return Refuse(RejectionReason.Quantization, "scales or zero points given at execution");
        descriptor = descriptor with
        {
            Source = RowLayout.Resolve(descriptor.Source), Destination = RowLayout.Resolve(descriptor.Destination),
        };
        if (!RowLayout.HasChannelsLast(descriptor.Source) || !RowLayout.HasChannelsLast(descriptor.Destination))
            return Refuse(RejectionReason.Layout,
                $"source {descriptor.Source} and destination {descriptor.Destination} need channels last");

        PrimitiveAttributes attributes = PassThrough.Complete(request.Attributes, destination);
        int zeroPoint = attributes.SourceZeroPoint?.At(0) ?? 0;
        if (source.IsFloatingPoint() && zeroPoint != 0)
            return Refuse(RejectionReason.Quantization, "zero point of a floating-point source");
        if (source.IsInt8() && LargestSum(descriptor, zeroPoint) > int.MaxValue)
            return Refuse(RejectionReason.Shape, "a window whose sum needs more than 32 bits");
        bool passesThrough = PassThrough.KeepsUnits(attributes, source, destination);

        // s32 does not fit f32: its maximum is stored as it is.
        DataType values = passesThrough && isMaximum && source == DataType.Int32 ? DataType.Int32 : DataType.Float32;
        Epilogue epilogue = values == DataType.Int32
            ? Epilogue.Create(PrimitiveAttributes.Default, values, destination, channels: 1, hasBias: false)
            : Epilogue.CreateForValues(passesThrough ? PrimitiveAttributes.Default : attributes, destination);
        EpiloguePlan? epiloguePlan = EpiloguePlan.TryCreate(epilogue, values, bias: null, descriptor.Destination, out string refusal);
        if (epiloguePlan is null)
            return Refuse(RejectionReason.PostOps, refusal);
        PoolingReduction reduction = !isMaximum ? PoolingReduction.Average
            : passesThrough && source.IsInt8() ? PoolingReduction.ByteMaximum
            : PoolingReduction.Maximum;
        float scale = attributes.SourceScale?.At(0) ?? 1f;
        return new PoolingPlan(
            $"{Algorithm}:{KernelTier.NameOf(request.Isa)}", cache, request.Isa, descriptor, reduction,
            passesThrough ? null : (zeroPoint, scale), zeroPoint, epiloguePlan, request.Threads);
    }

    private static long LargestSum(PoolingDescriptor descriptor, int zeroPoint) =>
        descriptor.Kernel.ElementCount * Math.Max(255L, Math.Abs((long)zeroPoint));

    private Rejection Refuse(RejectionReason reason, string detail) => new(Name, reason, detail);
}
