// What the implementations of vector primitives have in common: instruction set, types and layouts they share.
using Int8Runtime.Jit;
using Int8Runtime.Reference;

namespace Int8Runtime.X64;

/// <summary>An implementation whose kernels need one of <see cref="KernelTier.Widths"/> and nothing more.</summary>
internal abstract class VectorImplementation(KernelCache cache, string algorithm, Isa tier) : IImplementation
{
    /// <inheritdoc/>
    public abstract PrimitiveKind Kind { get; }

    /// <inheritdoc/>
    public string Name { get; } = $"{algorithm}:{IsaTiers.NameOf(tier)}";

    /// <summary>Where kernels are kept.</summary>
    protected KernelCache Cache => cache;

    /// <inheritdoc/>
    public PlanResult TryPlan(PlanRequest request)
    {
        if (!request.Isa.HasFlag(tier))
            return Refuse(RejectionReason.InstructionSet, $"{IsaTiers.NameOf(request.Isa)} is below {IsaTiers.NameOf(tier)}");
        return TryPlan(request, tier);
    }

    /// <summary>Plans with kernels for <paramref name="isa"/>.</summary>
    protected abstract PlanResult TryPlan(PlanRequest request, Isa isa);

    /// <summary>A refusal by this implementation.</summary>
    protected Rejection Refuse(RejectionReason reason, string detail) => new(Name, reason, detail);

    /// <summary>Row-major where the layout was left open.</summary>
    protected static MemoryDescriptor Plain(MemoryDescriptor descriptor) => Like(descriptor, null);

    /// <summary>The layout of <paramref name="other"/> where it was left open.</summary>
    protected static MemoryDescriptor Like(MemoryDescriptor descriptor, MemoryDescriptor? other) =>
        !descriptor.IsAny ? descriptor
        : other is null ? new MemoryDescriptor(descriptor.Dimensions, descriptor.DataType)
        : other.WithDataType(descriptor.DataType);

    /// <summary>A refusal if one of the tensors cannot be read or written by kernels.</summary>
    protected Rejection? RefuseTensors(params ReadOnlySpan<MemoryDescriptor> tensors)
    {
        foreach (MemoryDescriptor tensor in tensors)
        {
            if (!ScalarAccess.CanCompute(tensor.DataType))
                return Refuse(RejectionReason.DataTypes, $"{tensor.DataType.ToShortName()} is a type of models, not of primitives");
            if (!tensor.IsStrided)
                return Refuse(RejectionReason.Layout, $"{tensor} has no strides");
            if (tensor.ElementCount == 0)
                return Refuse(RejectionReason.Shape, $"{tensor} is empty");
        }

        return null;
    }

    /// <summary>A refusal of quantization that none of these kernels serves.</summary>
    protected Rejection? RefuseQuantization(PrimitiveAttributes attributes)
    {
        string? what =
            attributes.SourceScale is { Granularity: QuantizationGranularity.PerChannel }
                || attributes.SourceZeroPoint is { Granularity: QuantizationGranularity.PerChannel } ? "source quantization per channel"
            : attributes.DestinationScale is { Granularity: QuantizationGranularity.PerChannel }
                || attributes.DestinationZeroPoint is { Granularity: QuantizationGranularity.PerChannel }
                    ? "destination quantization per channel"
            : attributes.Source1Scale is { Granularity: QuantizationGranularity.PerChannel }
                || attributes.Source1ZeroPoint is { Granularity: QuantizationGranularity.PerChannel }
                    ? "second source quantization per channel"
            : null;
        return what is null ? null : Refuse(RejectionReason.Quantization, what);
    }
}
