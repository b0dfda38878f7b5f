// Sums of tensors by the run kernel: the first source is the value, every other one the operand of a step.
using Int8Runtime.Jit;

namespace Int8Runtime.X64;

/// <summary>Sum over any mixture of layouts and types in one pass over memory.</summary>
internal sealed class JitSum(KernelCache cache, Isa tier) : VectorImplementation(cache, "jit_sum", tier)
{
    /// <inheritdoc/>
    public override PrimitiveKind Kind => PrimitiveKind.Sum;

    /// <inheritdoc/>
    protected override PlanResult TryPlan(PlanRequest request, Isa isa)
    {
        var descriptor = (SumDescriptor)request.Descriptor;
        MemoryDescriptor first = Plain(descriptor.Sources[0]), destination = Like(descriptor.Destination, first);
        descriptor = descriptor with
        {
            Sources = [first, .. descriptor.Sources.Skip(1).Select(source => Like(source, first))], Destination = destination,
        };
        if ((RefuseTensors([.. descriptor.Sources, destination]) ?? RefuseQuantization(request.Attributes)) is { } refused)
            return refused;

        Epilogue epilogue = Epilogue.CreateForValues(request.Attributes, destination.DataType);
        var steps = new ElementwiseSteps();
        if (descriptor.Scale(0) != 1)
            steps.Add(BinaryAlgorithm.Multiply, [descriptor.Scale(0)], destination.Rank, 0);
        for (int i = 1; i < descriptor.Sources.Length; i++)
            steps.Add(BinaryAlgorithm.Add, descriptor.Sources[i], ArgumentSlot.PostOp0 + i,
                new OperandQuantization(descriptor.Scale(i)));
        steps.AddPostOps(epilogue, destination.Rank);
        return ElementwisePlan.TryCreate(isa, Cache, first, destination, steps.Steps, epilogue) is { } plan
            ? new ElementwisePrimitivePlan(Name, descriptor, plan, request.Threads, ArgumentSlot.PostOp0)
            : Refuse(RejectionReason.Layout, $"{string.Join(", ", descriptor.Sources)} and {destination} are blocked differently");
    }
}
