// Resampling: which problems it takes and how it plans them.
using Int8Runtime.Jit;
using Int8Runtime.Reference;

namespace Int8Runtime.X64;

/// <summary>
/// Nearest and linear resampling of one to three spatial dimensions, channels last, by generated kernels. The same bits as the
/// reference: weights are its own, sums run in its order.
/// </summary>
/// <param name="cache">Where kernels are kept.</param>
internal sealed class JitResampling(KernelCache cache) : IImplementation
{
    private const string Algorithm = "jit_resample";

    /// <inheritdoc/>
    public PrimitiveKind Kind => PrimitiveKind.Resampling;

    /// <inheritdoc/>
    public string Name => Algorithm + ":any";

    /// <inheritdoc/>
    public PlanResult TryPlan(PlanRequest request)
    {
        var descriptor = (ResamplingDescriptor)request.Descriptor;
        descriptor = descriptor with
        {
            Source = RowLayout.Resolve(descriptor.Source), Destination = RowLayout.Resolve(descriptor.Destination),
        };
        if (ImageLayout.Refuse(Name, request.Isa, descriptor.Source, descriptor.Destination) is { } refused)
            return refused;
        DataType source = descriptor.Source.DataType, destination = descriptor.Destination.DataType;

        PrimitiveAttributes attributes = request.Attributes;
        bool keepsUnits = PassThrough.KeepsUnits(attributes, source, destination);
        bool copies = descriptor.Algorithm == ResamplingAlgorithm.Nearest && PassThrough.Copies(attributes, source, destination);
        Epilogue epilogue = Epilogue.CreateForValues(
            keepsUnits ? PrimitiveAttributes.Default : PassThrough.Complete(attributes, destination), destination);
        EpiloguePlan? epiloguePlan = EpiloguePlan.TryCreate(
            epilogue, DataType.Float32, bias: null, descriptor.Destination, out string refusal);
        if (epiloguePlan is null)
            return Refuse(RejectionReason.PostOps, refusal);
        return new ResamplingPlan(
            $"{Algorithm}:{KernelTier.NameOf(request.Isa)}", cache, request.Isa, descriptor, copies,
            keepsUnits ? PrimitiveAttributes.Default : attributes, epiloguePlan, request.Threads);
    }

    private Rejection Refuse(RejectionReason reason, string detail) => new(Name, reason, detail);
}
