// Matrix products: constant weights are packed beforehand, a right operand that is an activation at execution.
using Int8Runtime.Jit;

namespace Int8Runtime.X64;

/// <summary>Batched matrix products with any strides of the operands.</summary>
internal sealed class BrgemmMatMul(KernelCache cache, CpuFeatures cpu) : IImplementation
{
    /// <inheritdoc/>
    public PrimitiveKind Kind => PrimitiveKind.MatMul;

    /// <inheritdoc/>
    public string Name => "brgemm_matmul";

    /// <inheritdoc/>
    public PlanResult TryPlan(PlanRequest request)
    {
        var descriptor = (MatMulDescriptor)request.Descriptor;
        if (BrgemmOperands.Choose(Name, request, descriptor.Source.DataType, descriptor.Weights.DataType,
            descriptor.Destination.DataType, descriptor.K % 2 == 0, isPadded: false, out Rejection? rejection) is not { } operands)
            return rejection!;
        if (descriptor.Destination.ElementCount == 0 || descriptor.K == 0)
            return new Rejection(Name, RejectionReason.Shape, "nothing to compute");
        if (MatrixProblem.Refuse(Name, MatrixProblem.BatchCount(descriptor.Destination), descriptor.N) is { } batch)
            return batch;
        descriptor = descriptor with { Source = RowMajor(descriptor.Source), Destination = RowMajor(descriptor.Destination) };
        MemoryDescriptor source = descriptor.Source, destination = descriptor.Destination;
        if (!source.IsStrided || !source.InnerBlocks.IsEmpty)
            return new Rejection(Name, RejectionReason.Layout, $"source {source}");
        if (!destination.IsStrided || !destination.InnerBlocks.IsEmpty || (destination.Strides[^1] != 1 && descriptor.N > 1))
            return new Rejection(Name, RejectionReason.Layout, $"the columns of destination {destination} are not neighbours");
        if (MatrixEpilogue.TryCreate(
            request.Attributes, operands.Product.AccumulatorType(), destination, descriptor.Bias, out string refusal)
            is not { } epilogue)
            return new Rejection(Name, RejectionReason.PostOps, refusal);

        short[]? zeroPoints = source.DataType.IsInt8() ? RowCopy.ZeroPointsOf(request.Attributes.SourceZeroPoint) : null;
        MatrixProblem problem = MatrixProblem.Of(descriptor, keepsImages: epilogue.MovesPerImage) with { ZeroPoints = zeroPoints };
        if (problem.Refuse(Name) is { } rows)
            return rows;
        int rank = destination.Rank;
        var spec = new BrgemmWeightsSpec
        {
            Product = operands.Product,
            Lanes = IsaTraits.For(operands.Isa).Lanes32,
            Matrices = (int)MatrixProblem.BatchCount(descriptor.Weights),
            Columns = descriptor.N,
            Runs = 1,
            RunElements = descriptor.K,
            SumDimensions = [rank - 2],
            ColumnDimension = rank - 1,
            BatchRank = rank - 2,
            Type = descriptor.Weights.DataType,
            IsSplit = operands.SplitsWeights,
            ZeroPoint = operands.SubtractedZeroPoint(request.Attributes, descriptor.Weights.DataType),
            GroupScale = request.Attributes.WeightsScale is { Granularity: QuantizationGranularity.PerGroup } groups ? groups : null,
        };
        if (BrgemmWeightsOperand.TryCreate(Name, descriptor.Weights, spec, operands, request.Attributes.SourceZeroPoint,
            out rejection, takesCompact: true)
            is not { } weights)
            return rejection!;
        return new BrgemmMatrixPlan(
            $"{Name}:{operands.Variant}", descriptor with { Weights = weights.Descriptor }, source, destination, request,
            operands, problem, spec, weights, epilogue, cache, cpu);
    }

    private static MemoryDescriptor RowMajor(MemoryDescriptor descriptor) =>
        descriptor.IsAny ? new MemoryDescriptor(descriptor.Dimensions, descriptor.DataType) : descriptor;
}
