// Normalizations by mean and variance.
//
//   one kernel      statistics and results of a set while it is in cache: where they are only computed and post-ops have no operands
//   two stages      statistics by a kernel of their own, unless they are given; results by the element-wise plan, which takes every
//                   layout and operand
using Int8Runtime.Jit;

namespace Int8Runtime.X64;

/// <summary>Batch, group and layer normalization.</summary>
internal sealed class JitNormalization(KernelCache cache, PrimitiveKind kind, string algorithm, Isa tier)
    : VectorImplementation(cache, algorithm, tier)
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
        if ((RefuseTensors(source, destination) ?? RefuseQuantization(attributes)) is { } refused)
            return refused;
        NormalizationSets? sets = NormalizationSets.Of(descriptor);
        bool isGiven = descriptor.Statistics == NormalizationStatistics.Given;
        if (sets is null && !isGiven)
            return Refuse(RejectionReason.Layout, $"groups of channels of {source} or {destination}, which is blocked");
        if (descriptor.Statistics == NormalizationStatistics.Computed && PlanFused(descriptor, attributes, sets!, isa) is { } fused)
            return fused;

        // Means and factors lie in arrays of the plan's scratch memory, which 32 bits index.
        long factors = Math.Max(descriptor.StatisticsShape.ElementCount,
            descriptor is GroupNormalizationDescriptor ? (long)source.Dimensions[0] * source.Dimensions[1] : 0);
        if (factors > int.MaxValue)
            return Refuse(RejectionReason.Shape, $"{factors} means and factors, which 32 bits do not count");
        SetPlan? statistics = null;
        if (!isGiven)
        {
            statistics = PlanStatistics(descriptor, attributes, sets!, isa);
            if (statistics is null)
                return Refuse(RejectionReason.Layout, $"{source} and {destination} {SetLoops.Refusal}");
        }

        return NormalizationPlan.TryCreate(Name, isa, Cache, descriptor, attributes, statistics, request.Threads) is { } plan
            ? plan
            : Refuse(RejectionReason.Layout, $"{source} and {destination} are blocked differently");
    }

    private static SetWalkSpec WalkOf(NormalizationDescriptor descriptor, PrimitiveAttributes attributes, SetLoops loops) => new(
        descriptor.Source.DataType, loops.AcrossLanes, attributes.SourceZeroPoint is not null, attributes.SourceScale is not null);

    private SetPlan? PlanFused(NormalizationDescriptor descriptor, PrimitiveAttributes attributes, NormalizationSets sets, Isa isa)
    {
        if (EpiloguePlan.TryForValues(Epilogue.CreateForValues(attributes, descriptor.Destination.DataType)) is not { } epilogue
            || SetLoops.TryCreate(sets.InSet, perElement: true, sets.Source, sets.Destination, sets.Parameters) is not { } loops)
            return null;
        var spec = new NormalizationSpec(
            WalkOf(descriptor, attributes, loops), sets.Parameters.DataType, descriptor.Scale is not null, descriptor.Shift is not null,
            loops.ParametersInLanes, epilogue.Spec);
        CompiledKernel kernel = new NormalizationGenerator().GetOrCreate(Cache, spec, isa);
        return new SetPlan(Name, descriptor, attributes, loops, epilogue, kernel)
        {
            Bytes = descriptor.Source.ElementCount * sizeof(float), Epsilon = descriptor.Epsilon,
        };
    }

    // Means go where a reduction has its destination, variances where there would be factors.
    private SetPlan? PlanStatistics(NormalizationDescriptor descriptor, PrimitiveAttributes attributes, NormalizationSets sets, Isa isa)
    {
        if (SetLoops.TryCreate(sets.InSet, perElement: false, sets.Source, sets.Statistics, sets.Statistics) is not { } loops)
            return null;
        var means = new ReductionDescriptor { Algorithm = ReductionAlgorithm.Mean, Source = sets.Source, Destination = sets.Statistics };
        EpiloguePlan epilogue = EpiloguePlan.TryForValues(Epilogue.CreateForValues(PrimitiveAttributes.Default, DataType.Float32))!;
        CompiledKernel kernel = new StatisticsGenerator().GetOrCreate(Cache, WalkOf(descriptor, attributes, loops), isa);
        return new SetPlan(Name, means, attributes, loops, epilogue, kernel) { Bytes = descriptor.Source.ElementCount * sizeof(float) };
    }
}
