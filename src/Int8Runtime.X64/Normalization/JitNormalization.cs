// Normalizations by mean and variance of unblocked tensors: each kind says how its tensors fall apart into sets.
using Int8Runtime.Jit;

namespace Int8Runtime.X64;

/// <summary>Layer normalization.</summary>
internal sealed class JitNormalization(KernelCache cache, PrimitiveKind kind, string algorithm, bool needsAvx512)
    : VectorImplementation(cache, algorithm, needsAvx512)
{
    /// <inheritdoc/>
    public override PrimitiveKind Kind => kind;

    /// <inheritdoc/>
    protected override PlanResult TryPlan(PlanRequest request, Isa isa)
    {
        var descriptor = (NormalizationDescriptor)request.Descriptor;
        PrimitiveAttributes attributes = request.Attributes;
        MemoryDescriptor source = Plain(descriptor.Source), destination = Like(descriptor.Destination, source);
        descriptor = descriptor with { Source = source, Destination = destination };
        if (RefuseTensors(source, destination) is { } tensors)
            return tensors;
        if (RefuseQuantization(attributes, source.DataType, destination.DataType) is { } quantization)
            return quantization;
        if (EpiloguePlan.TryForValues(Epilogue.CreateForValues(attributes, destination.DataType)) is not { } epilogue)
            return Refuse(RejectionReason.PostOps, "a post-op with an operand");
        if (LoopsOf(descriptor) is not { } loops)
            return Refuse(RejectionReason.Layout, $"{source} or {destination} is blocked");
        var walk = new SetWalkSpec(
            source.DataType, loops.AcrossLanes, attributes.SourceZeroPoint is not null, attributes.SourceScale is not null);
        var spec = new NormalizationSpec(
            walk, ParameterType(descriptor), descriptor.Scale is not null, descriptor.Shift is not null, loops.ParametersInLanes,
            epilogue.Spec);
        CompiledKernel kernel = new NormalizationGenerator().GetOrCreate(Cache, spec, isa);
        return new SetPlan(Name, descriptor, attributes, loops, epilogue, kernel)
        {
            Bytes = source.ElementCount * sizeof(float), Epsilon = descriptor.Epsilon,
        };
    }

    private static DataType ParameterType(NormalizationDescriptor descriptor) =>
        (descriptor.Scale ?? descriptor.Shift)?.DataType ?? DataType.Float32;

    private static SetLoops? LoopsOf(NormalizationDescriptor descriptor)
    {
        MemoryDescriptor source = descriptor.Source, destination = descriptor.Destination;
        if (!source.InnerBlocks.IsEmpty || !destination.InnerBlocks.IsEmpty)
            return null;
        switch (descriptor)
        {
            case LayerNormalizationDescriptor layer:
                bool[] inSet = [.. Enumerable.Range(0, source.Rank).Select(d => d >= layer.Axis)];
                Shape extents = Shape.Create([.. source.Dimensions.Select((extent, d) => inSet[d] ? extent : 1)]);
                return SetLoops.TryCreate(
                    inSet, true, source, destination, new MemoryDescriptor(extents, ParameterType(descriptor)));
            default:
                throw new ArgumentException($"{descriptor.Kind} has no sets.");
        }
    }
}
