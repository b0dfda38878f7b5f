// Convolution as batch-reduce matrix products over channel-last rows: M = output pixels of a row (of a whole image where
// rows follow each other without a gap), N = output channels, K = runs of contiguous elements of source rows.
using Int8Runtime.Jit;

namespace Int8Runtime.X64;

/// <summary>Dense and grouped convolution over one to three spatial dimensions with any window.</summary>
internal sealed class BrgemmConvolution(KernelCache cache, CpuFeatures cpu) : IImplementation
{
    private const string Algorithm = "brgemm_conv";

    private const long LargestPixelStep = 32 << 20;

    /// <inheritdoc/>
    public PrimitiveKind Kind => PrimitiveKind.Convolution;

    /// <inheritdoc/>
    public string Name => Algorithm;

    /// <inheritdoc/>
    public PlanResult TryPlan(PlanRequest request)
    {
        var descriptor = (ConvolutionDescriptor)request.Descriptor;
        // Pairs of depthwise weights are promised for the order of the depthwise kernels.
        if (descriptor.IsDepthwise && request.Attributes.NumericMode == NumericMode.NarrowWeights)
            request = request with { Attributes = request.Attributes with { NumericMode = NumericMode.Exact } };
        DataType destinationType = descriptor.Destination.DataType;
        bool isPadded = Enumerable.Range(0, descriptor.SpatialRank).Any(a => descriptor.Before(a) > 0 || descriptor.After(a) > 0);
        if (BrgemmOperands.Choose(Name, request, descriptor.Source.DataType, descriptor.Weights.DataType, destinationType,
            HasWholePairs(descriptor), isPadded, out Rejection? rejection) is not { } operands)
            return rejection!;
        if (descriptor.Destination.ElementCount == 0 || descriptor.Weights.ElementCount == 0 || descriptor.Source.ElementCount == 0)
            return new Rejection(Name, RejectionReason.Shape, "nothing to compute");
        if (descriptor.Weights.ElementCount / descriptor.Weights.Dimensions[0] is var products && products > int.MaxValue)
            return new Rejection(Name, RejectionReason.Shape, $"a window of {products} products, which 32 bits do not count");
        descriptor = descriptor with
        {
            Source = RowLayout.Resolve(descriptor.Source), Destination = RowLayout.Resolve(descriptor.Destination),
        };
        if ((RefuseLayout(descriptor.Source) ?? RefuseLayout(descriptor.Destination)) is { } layout)
            return layout;

        DataType accumulator = operands.Product.AccumulatorType();
        Epilogue epilogue = Epilogue.Create(
            request.Attributes, accumulator, destinationType, descriptor.Destination.Dimensions[1], descriptor.Bias is not null);
        if (EpiloguePlan.TryCreate(epilogue, accumulator, descriptor.Bias, descriptor.Destination, out string refusal)
            is not { } epiloguePlan)
            return new Rejection(Name, RejectionReason.PostOps, refusal);

        ConvolutionGeometry geometry = ConvolutionGeometry.Of(descriptor).WithoutSkippedPixels;
        if (RefusePixels(geometry, operands.Product) is { } pixels)
            return pixels;
        ConvolutionRows rows = ConvolutionRows.Choose(
            geometry, operands, descriptor.Source.DataType, request.Attributes.SourceZeroPoint);
        if (rows.ScratchRowBytes > RowCopy.LargestRow)
            return new Rejection(Name, RejectionReason.Shape, $"copied rows of {rows.ScratchRowBytes} bytes; at most {RowCopy.LargestRow}");
        IsaTraits traits = IsaTraits.For(operands.Isa);
        var spec = new BrgemmWeightsSpec
        {
            Product = operands.Product,
            Lanes = traits.Lanes32,
            Matrices = geometry.Groups,
            Columns = geometry.OutputChannels,
            Runs = rows.Runs(geometry),
            RunElements = rows.RunElements,
            SumDimensions = [.. Enumerable.Range(2, descriptor.SpatialRank), 1],
            ColumnDimension = 0,
            Type = descriptor.Weights.DataType,
            IsSplit = operands.SplitsWeights,
            ZeroPoint = operands.SubtractedZeroPoint(request.Attributes, descriptor.Weights.DataType),
        };
        if (BrgemmWeightsOperand.TryCreate(Name, descriptor.Weights, spec, operands, request.Attributes.SourceZeroPoint, out rejection,
            takesCompact: descriptor.IsMostlyWeights || descriptor.Weights.Packed is CompactWeights) is not { } weights)
            return rejection!;
        return new BrgemmConvolutionPlan(
            $"{Algorithm}:{operands.Variant}", descriptor with { Weights = weights.Descriptor }, request,
            operands, geometry, rows, spec, weights, epiloguePlan, cache, cpu);
    }

    // A run is a piece of a row: the channels of a pixel, or of all pixels of a dense window row.
    private static bool HasWholePairs(ConvolutionDescriptor descriptor) => descriptor.Weights.Dimensions[1] % 2 == 0
        || (descriptor.Dilation(descriptor.SpatialRank - 1) == 1 && descriptor.Weights.Dimensions[^1] % 2 == 0);

    /// <summary>Whether the channels of a pixel are neighbours, as kernels read and write them.</summary>
    public static bool HasChannelsLast(MemoryDescriptor descriptor) => descriptor.IsStrided && descriptor.InnerBlocks.IsEmpty
        && (descriptor.Dimensions[1] == 1 || descriptor.Strides[1] == 1);

    // Kernels find the rows of a tile, which are pixels, by displacements of 32 bits.
    private Rejection? RefusePixels(ConvolutionGeometry geometry, DotProductKind product)
    {
        long source = Math.Max(Math.Abs(geometry.Source.Pixel), (long)geometry.InputChannels * product.ElementBytes());
        long step = Math.Max(geometry.StrideWidth * source, Math.Abs(geometry.Destination.Pixel));
        return step <= LargestPixelStep
            ? null : new Rejection(Name, RejectionReason.Layout, $"pixels {step} bytes apart; at most {LargestPixelStep}");
    }

    private Rejection? RefuseLayout(MemoryDescriptor descriptor) => HasChannelsLast(descriptor)
        ? null : new Rejection(Name, RejectionReason.Layout, $"{descriptor} is not channel-last");
}
