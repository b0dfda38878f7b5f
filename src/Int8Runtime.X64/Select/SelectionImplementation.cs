// What the choice between two tensors and rectifiers with slopes have in common: each lane takes one of two values.
using Int8Runtime.Jit;

namespace Int8Runtime.X64;

/// <summary>Plans a <see cref="Selection"/> on any mixture of layouts, types, scales and broadcasts, by the run kernel.</summary>
internal abstract class SelectionImplementation(KernelCache cache, string algorithm, Isa tier)
    : VectorImplementation(cache, algorithm, tier)
{
    /// <summary>Plans a problem whose layouts are resolved.</summary>
    /// <param name="request">The problem.</param>
    /// <param name="isa">Instruction sets of the kernels.</param>
    /// <param name="descriptor">The operation with its layouts resolved.</param>
    /// <param name="source">The first operand.</param>
    /// <param name="source1">The second source, or the slopes.</param>
    /// <param name="condition">What chooses; null for the sign of the source.</param>
    /// <param name="destination">The result.</param>
    protected PlanResult Plan(
        PlanRequest request, Isa isa, PrimitiveDescriptor descriptor, MemoryDescriptor source, MemoryDescriptor source1,
        MemoryDescriptor? condition, MemoryDescriptor destination)
    {
        PrimitiveAttributes attributes = request.Attributes;
        MemoryDescriptor[] tensors = condition is null ? [source, source1, destination] : [source, source1, condition, destination];
        if ((RefuseTensors(tensors) ?? RefuseQuantization(attributes)) is { } refusal)
            return refusal;
        if (source1.DataType == DataType.Int32 && attributes.Source1ZeroPoint is { IsZero: false })
            return Refuse(RejectionReason.Quantization, "a zero point of an s32 operand");

        Epilogue epilogue = Epilogue.CreateForValues(attributes, destination.DataType);
        ElementwiseSteps steps = new ElementwiseSteps().AddPostOps(epilogue, destination.Rank);
        return ElementwisePlan.TryCreate(isa, Cache, source, destination, steps.Steps, epilogue,
            new Selection(source1, condition, attributes)) is { } plan
            ? new ElementwisePrimitivePlan(Name, descriptor, plan, request.Threads)
            : Refuse(RejectionReason.Layout,
                $"{string.Join<MemoryDescriptor>(", ", tensors[..^1])} and {destination} are blocked differently");
    }
}
