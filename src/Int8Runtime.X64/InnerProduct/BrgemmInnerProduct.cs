// Fully connected layers as matrix products: the weights are packed in the physical order of the source, so that channels
// and pixels of a sample are one row whatever the layout.
using Int8Runtime.Jit;

namespace Int8Runtime.X64;

/// <summary>Fully connected layers over samples that are dense in any order of their dimensions.</summary>
internal sealed class BrgemmInnerProduct(KernelCache cache, CpuFeatures cpu) : IImplementation
{
    /// <inheritdoc/>
    public PrimitiveKind Kind => PrimitiveKind.InnerProduct;

    /// <inheritdoc/>
    public string Name => "brgemm_ip";

    /// <inheritdoc/>
    public PlanResult TryPlan(PlanRequest request)
    {
        var descriptor = (InnerProductDescriptor)request.Descriptor;
        if (BrgemmOperands.Choose(Name, request, descriptor.Source.DataType, descriptor.Weights.DataType,
            descriptor.Destination.DataType, descriptor.Weights.ElementCount / Math.Max(1, descriptor.Weights.Dimensions[0]) % 2 == 0,
            isPadded: false, out Rejection? rejection) is not { } operands)
            return rejection!;
        if (descriptor.Destination.ElementCount == 0 || descriptor.Weights.ElementCount == 0)
            return new Rejection(Name, RejectionReason.Shape, "nothing to compute");
        long elements = descriptor.Weights.ElementCount / descriptor.Weights.Dimensions[0];
        if (elements > int.MaxValue)
            return new Rejection(Name, RejectionReason.Shape, $"{elements} elements of a sample, which 32 bits do not count");
        if (MatrixProblem.Refuse(Name, products: 1, descriptor.Destination.Dimensions[1]) is { } size)
            return size;
        descriptor = descriptor with { Source = ChannelsLast(descriptor.Source), Destination = ChannelsLast(descriptor.Destination) };
        MemoryDescriptor source = descriptor.Source, destination = descriptor.Destination;
        if (PhysicalOrder(source) is not { } order)
            return new Rejection(Name, RejectionReason.Layout, $"the samples of source {source} are not dense");
        int columns = destination.Dimensions[1], sum = (int)elements;
        if (!destination.IsStrided || !destination.InnerBlocks.IsEmpty || (destination.Strides[1] != 1 && columns > 1))
            return new Rejection(Name, RejectionReason.Layout, $"the columns of destination {destination} are not neighbours");
        if (MatrixEpilogue.TryCreate(
            request.Attributes, operands.Product.AccumulatorType(), destination, descriptor.Bias, out string refusal)
            is not { } epilogue)
            return new Rejection(Name, RejectionReason.PostOps, refusal);

        var spec = new BrgemmWeightsSpec
        {
            Product = operands.Product,
            Lanes = IsaTraits.For(operands.Isa).Lanes32,
            Matrices = 1,
            Columns = columns,
            Runs = 1,
            RunElements = sum,
            SumDimensions = order,
            ColumnDimension = 0,
            Type = descriptor.Weights.DataType,
            IsSplit = operands.SplitsWeights,
            ZeroPoint = operands.SubtractedZeroPoint(request.Attributes, descriptor.Weights.DataType),
            GroupScale = request.Attributes.WeightsScale is { Granularity: QuantizationGranularity.PerGroup } groups ? groups : null,
        };
        if (BrgemmWeightsOperand.TryCreate(Name, descriptor.Weights, spec, operands, request.Attributes.SourceZeroPoint,
            out rejection, takesCompact: true)
            is not { } weights)
            return rejection!;
        int sourceSize = source.DataType.SizeInBytes(), destinationSize = destination.DataType.SizeInBytes();
        var problem = new MatrixProblem
        {
            Rows = destination.Dimensions[0],
            Columns = columns,
            Sum = sum,
            SourceRow = source.Strides[0] * sourceSize,
            SourceElement = 1,
            DestinationRow = destination.Strides[0] * destinationSize,
            SourceOffsets = [source.Offset * sourceSize],
            DestinationOffsets = [destination.Offset * destinationSize],
            Matrices = [0],
            Images = [0],
            ZeroPoints = source.DataType.IsInt8() ? ZeroPoints(source, order, request.Attributes.SourceZeroPoint) : null,
        };
        return problem.Refuse(Name) is { } rows ? rows : new BrgemmMatrixPlan(
            $"{Name}:{operands.Variant}", descriptor with { Weights = weights.Descriptor }, source, destination, request,
            operands, problem, spec, weights, epilogue, cache, cpu);
    }

    private static MemoryDescriptor ChannelsLast(MemoryDescriptor descriptor) => descriptor.IsAny
        ? new MemoryDescriptor(descriptor.Dimensions, descriptor.DataType, FormatTag.ChannelsLast(descriptor.Rank))
        : descriptor;

    // The zero points of source channels in the order in which K runs over a sample.
    private static short[]? ZeroPoints(MemoryDescriptor source, Shape order, ZeroPoint? zeroPoint)
    {
        if (RowCopy.ZeroPointsOf(zeroPoint) is not { } ofChannels)
            return null;
        int place = order.ToList().IndexOf(1), inner = 1, sum = 1;
        for (int i = 0; i < order.Count; i++)
        {
            inner *= i > place ? source.Dimensions[order[i]] : 1;
            sum *= source.Dimensions[order[i]];
        }

        return [.. Enumerable.Range(0, sum).Select(k => ofChannels[k / inner % ofChannels.Length])];
    }

    /// <summary>Whether the elements of each sample lie without gaps, in any order of the dimensions.</summary>
    public static bool IsDenseSample(MemoryDescriptor source) => PhysicalOrder(source) is not null;

    // The dimensions of a sample from the slowest to the fastest; null if they do not fill the sample without gaps.
    private static Shape? PhysicalOrder(MemoryDescriptor source)
    {
        if (!source.IsStrided || !source.InnerBlocks.IsEmpty)
            return null;
        int[] order = [.. Enumerable.Range(1, source.Rank - 1)];
        Array.Sort(order, (a, b) => StrideOf(a) != StrideOf(b) ? StrideOf(a).CompareTo(StrideOf(b)) : a - b);
        long expected = 1;
        foreach (int d in order)
        {
            if (source.Dimensions[d] == 1)
                continue;
            if (source.Strides[d] != expected)
                return null;
            expected *= source.Dimensions[d];
        }

        Array.Reverse(order);
        return order;

        long StrideOf(int d) => source.Dimensions[d] == 1 ? 0 : source.Strides[d];
    }
}
