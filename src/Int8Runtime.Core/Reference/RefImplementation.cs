// What the normative implementations have in common: they take every problem whose types and attributes are defined.
namespace Int8Runtime.Reference;

/// <summary>A scalar implementation of one kind of primitive. Layouts that were left open become row-major.</summary>
/// <typeparam name="TDescriptor">The descriptor of that kind.</typeparam>
internal abstract class RefImplementation<TDescriptor>(PrimitiveKind kind, string name) : IImplementation
    where TDescriptor : PrimitiveDescriptor
{
    /// <inheritdoc/>
    public PrimitiveKind Kind => kind;

    /// <inheritdoc/>
    public string Name => name;

    /// <summary>The elements that are computed; softmax and concat compute all of them always.</summary>
    public OutputSample Outputs { get; init; } = OutputSample.All;

    /// <inheritdoc/>
    public PlanResult TryPlan(PlanRequest request)
    {
        TDescriptor descriptor = Resolve((TDescriptor)request.Descriptor);
        if (RefuseAttributes(request.Attributes) is { } attributes)
            return attributes;
        return Refuse(descriptor, request.Attributes) is { } refusal
            ? refusal
            : new Plan(this, descriptor, request.Attributes);
    }

    /// <summary>The problem with every open layout made row-major.</summary>
    protected abstract TDescriptor Resolve(TDescriptor descriptor);

    /// <summary>Why a resolved problem is not defined; null if it is.</summary>
    protected abstract Rejection? Refuse(TDescriptor descriptor, PrimitiveAttributes attributes);

    /// <summary>Computes the primitive.</summary>
    protected abstract void Execute(TDescriptor descriptor, PrimitiveAttributes attributes, in ExecutionArguments arguments);

    /// <summary>Row-major where the layout was left open.</summary>
    protected static MemoryDescriptor Plain(MemoryDescriptor descriptor) =>
        descriptor.IsAny ? new MemoryDescriptor(descriptor.Dimensions, descriptor.DataType) : descriptor;

    /// <summary>A refusal if an operand has a type that no primitive computes with, or an opaque layout.</summary>
    protected Rejection? RefuseOperands(params ReadOnlySpan<MemoryDescriptor?> operands)
    {
        foreach (MemoryDescriptor? operand in operands)
        {
            if (operand is null)
                continue;
            if (!ScalarAccess.CanCompute(operand.DataType))
                return new Rejection(name, RejectionReason.DataTypes,
                    $"{operand.DataType.ToShortName()} is a type of models, not of primitives");
            if (!operand.IsStrided)
                return new Rejection(name, RejectionReason.Layout, $"{operand} has no strides");
        }

        return null;
    }

    /// <summary>Which scales may be per channel and which given at execution; a reorder and products are more liberal.</summary>
    protected virtual Rejection? RefuseAttributes(PrimitiveAttributes attributes)
    {
        string? what =
            attributes.SourceScale is { Granularity: QuantizationGranularity.PerChannel } ? "source scales per channel"
            : attributes.SourceZeroPoint is { Granularity: QuantizationGranularity.PerChannel } ? "source zero points per channel"
            : attributes.Source1Scale is { Granularity: QuantizationGranularity.PerChannel } ? "second source scales per channel"
            : attributes.Source1ZeroPoint is { Granularity: QuantizationGranularity.PerChannel } ? "second source zero points per channel"
            : attributes.WeightsScale is { IsRuntime: true } || attributes.WeightsZeroPoint is { IsRuntime: true }
            ? "weights scales or zero points at execution"
            : attributes.DestinationScale is { Granularity: QuantizationGranularity.PerChannel } ? "destination scales per channel"
            : attributes.DestinationZeroPoint is { Granularity: QuantizationGranularity.PerChannel } ? "destination zero points per channel"
            : null;
        return what is null ? null : new Rejection(name, RejectionReason.Quantization, what + " are not defined");
    }

    private sealed class Plan(RefImplementation<TDescriptor> implementation, TDescriptor descriptor, PrimitiveAttributes attributes)
        : PrimitivePlan
    {
        public override string Name => implementation.Name;

        public override PrimitiveDescriptor Descriptor => descriptor;

        public override void Execute(in ExecutionContext context) =>
            implementation.Execute(descriptor, attributes, in context.Arguments);
    }
}
