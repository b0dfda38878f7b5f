// Reorders of s8 weights that also write what products with shifted or asymmetric sources are corrected by.
namespace Int8Runtime.X64;

/// <summary>
/// A reorder, then for each compensation a reduction of what it stored: Σ in s32, times −128 or −1. Both are generated code; the
/// weights are still in the caches when they are summed.
/// </summary>
/// <param name="reorders">The reorders, in the order in which they are tried.</param>
/// <param name="reductions">The reductions, likewise.</param>
internal sealed class CompensatedReorder(IReadOnlyList<IImplementation> reorders, IReadOnlyList<IImplementation> reductions)
    : IImplementation
{
    // Up to here a sum of s8, and 128 times it, is a number of f32 and below the upper bound of s32, so that the epilogue changes no bit.
    private const long MostSummed = (1 << 17) - 1;

    /// <inheritdoc/>
    public PrimitiveKind Kind => PrimitiveKind.Reorder;

    /// <inheritdoc/>
    public string Name => "compensated_reorder";

    /// <inheritdoc/>
    public PlanResult TryPlan(PlanRequest request)
    {
        if (KernelTier.Refusal(Name, request.Isa) is { } tier)
            return tier;
        var descriptor = (ReorderDescriptor)request.Descriptor;
        if (!descriptor.HasCompensations)
            return new Rejection(Name, RejectionReason.SlowerThanNext, "no compensation is asked for");
        PlanResult reorder = First(reorders, request with
        {
            Descriptor = descriptor with { SignedSourceCompensation = null, ZeroPointCompensation = null },
        });
        if (reorder.Plan is not { } copy)
            return Refuse(reorder);
        var sums = new List<(ArgumentSlot Slot, PrimitivePlan Plan)>();
        foreach (Compensation compensation in descriptor.Compensations)
        {
            var sum = new ReductionDescriptor
            {
                Algorithm = ReductionAlgorithm.Sum, Source = descriptor.Destination, Destination = compensation.Tensor,
            };
            if (sum.SetSize > MostSummed)
                return new Rejection(Name, RejectionReason.Shape, $"a compensation of {sum.SetSize} weights, more than {MostSummed}");
            PlanResult reduction = First(reductions, request with
            {
                Descriptor = sum, Attributes =
                    new PrimitiveAttributes { PostOps = [PostOp.Eltwise(EltwiseAlgorithm.Linear, compensation.Factor, 0)] },
            });
            if (reduction.Plan is not { } plan)
                return Refuse(reduction);
            sums.Add((compensation.Slot, plan));
        }

        return new Plan(descriptor, copy, sums);
    }

    private Rejection Refuse(PlanResult result) => new(Name, result.Rejection!.Reason, result.Rejection.ToString());

    // The first plan, or the refusal by the implementation for the lowest tier.
    private static PlanResult First(IReadOnlyList<IImplementation> implementations, PlanRequest request)
    {
        PlanResult result = default;
        foreach (IImplementation implementation in implementations)
        {
            result = implementation.TryPlan(request);
            if (result.Plan is not null)
                break;
        }

        return result;
    }

    // Scratch: that of the stage that runs.
    private sealed unsafe class Plan(
        ReorderDescriptor descriptor, PrimitivePlan reorder, IReadOnlyList<(ArgumentSlot Slot, PrimitivePlan Plan)> sums) : PrimitivePlan
    {
        public override string Name => reorder.Name + ":compensated";

        public override PrimitiveDescriptor Descriptor => descriptor;

        public override string Details => string.Join("; ", sums.Select(sum => sum.Plan.Details).Prepend(reorder.Details));

        public override long ScratchBytes => sums.Max(sum => Math.Max(sum.Plan.ScratchBytes, reorder.ScratchBytes));

        public override long SizeInBytes => reorder.SizeInBytes + sums.Sum(sum => sum.Plan.SizeInBytes);

        public override void Execute(in ExecutionContext context)
        {
            reorder.Execute(in context);
            ExecutionArguments arguments = default;
            arguments[ArgumentSlot.Source] = context.Arguments[ArgumentSlot.Destination];
            for (int i = 0; i < sums.Count; i++)
            {
                arguments[ArgumentSlot.Destination] = context.Arguments[sums[i].Slot];
                sums[i].Plan.Execute(new ExecutionContext(in arguments, context.Pool, context.Threads, context.Scratch));
            }
        }
    }
}
