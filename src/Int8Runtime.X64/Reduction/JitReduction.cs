// Reductions of any dimensions: each result belongs to a set of elements.
using Int8Runtime.Jit;

namespace Int8Runtime.X64;

/// <summary>Reduction on any layout, with quantization and post-ops.</summary>
internal sealed class JitReduction(KernelCache cache, Isa tier)
    : VectorImplementation(cache, "jit_reduction", tier)
{
    // Tensors of the loops: source, destination, parameters (none), operands.
    private const int FirstOperand = 3;

    /// <inheritdoc/>
    public override PrimitiveKind Kind => PrimitiveKind.Reduction;

    /// <inheritdoc/>
    protected override PlanResult TryPlan(PlanRequest request, Isa isa)
    {
        var descriptor = (ReductionDescriptor)request.Descriptor;
        PrimitiveAttributes attributes = request.Attributes;
        MemoryDescriptor source = Plain(descriptor.Source), destination = Plain(descriptor.Destination);
        descriptor = descriptor with { Source = source, Destination = destination };
        if ((RefuseTensors(source, destination) ?? RefuseQuantization(attributes)) is { } refused)
            return refused;
        bool[] inSet = [.. destination.Dimensions.Select(extent => extent == 1)];
        MemoryDescriptor[] operands = [.. attributes.PostOps.OfType<OperandPostOp>().Select(postOp => postOp.Operand)];
        SetLoops? loops = SetLoops.TryCreate(
            inSet, perElement: false, [source, destination, ElementwiseSteps.Single(source.Rank, DataType.Float32), .. operands]);
        if (loops is null)
            return Refuse(RejectionReason.Layout, $"{source} and {destination} {SetLoops.Refusal}");
        EpiloguePlan epilogue = EpiloguePlan.ForValues(
            Epilogue.CreateForValues(attributes, destination.DataType), operand =>
                loops.ModeOf(FirstOperand + operand), out (int, int)[] places);
        bool hasZeroPoint = attributes.SourceZeroPoint is not null, hasScale = attributes.SourceScale is not null;
        var walk = new SetWalkSpec(source.DataType, loops.AcrossLanes, hasZeroPoint, hasScale, descriptor.IsExact);
        var spec = new ReductionSpec(walk, descriptor.Algorithm, descriptor.IsNorm ? descriptor.P : 1, epilogue.Spec);
        return new SetPlan(Name, descriptor, attributes, loops, epilogue, new ReductionGenerator().GetOrCreate(Cache, spec, isa))
        {
            Bytes = source.ElementCount * sizeof(float), Epsilon = descriptor.Epsilon, Operands = places,
            ZeroPointCount = descriptor.Algorithm is ReductionAlgorithm.Max or ReductionAlgorithm.Min ? 1 : descriptor.SetSize,
        };
    }
}
