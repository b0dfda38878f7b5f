// One of the convolutions that a deconvolution falls into: views of its tensors for one phase of each spatial dimension.
namespace Int8Runtime.X64;

/// <summary>
/// A phase: a convolution of stride 1 that reads a part of the source with some of the taps, backwards, and writes every
/// stride-th element of the destination. A phase without taps convolves padding with one weight of 0, so that its outputs
/// are what the epilogue makes of an empty sum.
/// </summary>
internal sealed class DeconvolutionPhase
{
    private readonly AxisPhase[] _axes;

    private DeconvolutionPhase(AxisPhase[] axes, ConvolutionDescriptor convolution, PrimitiveAttributes attributes) =>
        (_axes, Convolution, Attributes) = (axes, convolution, attributes);

    /// <summary>The convolution, its weights as those of the deconvolution: open, or a view of plain ones.</summary>
    public ConvolutionDescriptor Convolution { get; }

    /// <summary>The deconvolution's attributes, with operands of post-ops seen as the destination is.</summary>
    public PrimitiveAttributes Attributes { get; }

    /// <summary>Whether any tap meets the source.</summary>
    public bool HasTaps => HasAllTaps(_axes);

    /// <summary>Number of phases: positions of an output between the strides.</summary>
    public static long CountOf(DeconvolutionDescriptor descriptor) => Enumerable.Range(0, descriptor.SpatialRank).Aggregate(
        1L, (count, axis) => count * Math.Min(descriptor.Stride(axis), descriptor.Destination.Dimensions[axis + 2]));

    /// <summary>All phases. Tensors are strided without inner blocks; weights may be open or packed.</summary>
    public static IReadOnlyList<DeconvolutionPhase> Of(DeconvolutionDescriptor descriptor, PrimitiveAttributes attributes)
    {
        IEnumerable<AxisPhase[]> combinations = [[]];
        for (int a = 0; a < descriptor.SpatialRank; a++)
        {
            IReadOnlyList<AxisPhase> phases = AxisPhase.Of(descriptor, a);
            combinations = [.. combinations.SelectMany(outer => phases.Select(inner => (AxisPhase[])[.. outer, inner]))];
        }

        return [.. combinations.Select(axes =>
            new DeconvolutionPhase(axes, ConvolutionOf(descriptor, axes), AttributesOf(descriptor, attributes, axes)))];
    }

    /// <summary>Whether another phase has the same taps in the same order.</summary>
    public bool HasTapsOf(DeconvolutionPhase other) => _axes.AsSpan().SequenceEqual(other._axes, TapComparer.Instance);

    /// <summary>The weights of this phase inside those of the deconvolution.</summary>
    public MemoryDescriptor WeightsOf(MemoryDescriptor weights) => Part(
        weights, axis => _axes[axis].LastTap, axis => -_axes[axis].TapStep, axis => _axes[axis].Taps);

    private static bool HasAllTaps(AxisPhase[] axes) => Array.TrueForAll(axes, axis => axis.Taps > 0);

    private static ConvolutionDescriptor ConvolutionOf(DeconvolutionDescriptor descriptor, AxisPhase[] axes)
    {
        MemoryDescriptor source = descriptor.Source, weights = descriptor.Weights;
        MemoryDescriptor destination = Outputs(descriptor.Destination, descriptor, axes);
        if (!HasAllTaps(axes))
        {
            Shape ones = Shape.Filled(axes.Length, 1);
            return new ConvolutionDescriptor
            {
                Source = source.Slice(new int[source.Rank], [source.Dimensions[0], descriptor.Groups, .. ones]),
                Weights = MemoryDescriptor.Any([weights.Dimensions[0], 1, .. ones], weights.DataType),
                Bias = descriptor.Bias,
                Destination = destination,
                PaddingBefore = [.. axes.Select(axis => axis.Outputs)],
                Groups = descriptor.Groups,
            };
        }

        return new ConvolutionDescriptor
        {
            Source = Part(source, axis => axes[axis].FirstSource, _ => 1, axis => source.Dimensions[axis + 2] - axes[axis].FirstSource),
            Weights = weights.IsStrided
                ? Part(weights, axis => axes[axis].LastTap, axis => -axes[axis].TapStep, axis => axes[axis].Taps)
                : MemoryDescriptor.Any([weights.Dimensions[0], weights.Dimensions[1], .. axes.Select(axis => axis.Taps)], weights.DataType),
            Bias = descriptor.Bias,
            Destination = destination,
            Dilations = [.. axes.Select(axis => axis.Dilation)],
            PaddingBefore = [.. axes.Select(axis => axis.Before)],
            PaddingAfter = [.. axes.Select(axis => axis.After)],
            Groups = descriptor.Groups,
        };
    }

    private static PrimitiveAttributes AttributesOf(DeconvolutionDescriptor descriptor, PrimitiveAttributes attributes, AxisPhase[] axes) =>
        attributes with
        {
            PostOps = PostOpChain.Create([.. attributes.PostOps.Select(postOp => postOp is OperandPostOp binary
                ? binary with { Operand = Outputs(binary.Operand, descriptor, axes) }
                : postOp)]),
        };

    // The elements of the destination, or of a tensor that broadcasts to it, that belong to the phase.
    private static MemoryDescriptor Outputs(MemoryDescriptor tensor, DeconvolutionDescriptor descriptor, AxisPhase[] axes)
    {
        bool Moves(int axis) => tensor.Dimensions[axis + 2] > 1;
        return Part(
            tensor, axis => Moves(axis) ? axes[axis].FirstOutput : 0, axis => Moves(axis) ? descriptor.Stride(axis) : 1,
            axis => Moves(axis) ? axes[axis].Outputs : 1);
    }

    private static MemoryDescriptor Part(MemoryDescriptor tensor, Func<int, int> start, Func<int, int> step, Func<int, int> extent)
    {
        int[] axes = [.. Enumerable.Range(0, tensor.Rank - 2)];
        return tensor.Slice(
            [0, 0, .. axes.Select(start)], [1, 1, .. axes.Select(step)],
            [tensor.Dimensions[0], tensor.Dimensions[1], .. axes.Select(extent)]);
    }

    private sealed class TapComparer : IEqualityComparer<AxisPhase>
    {
        public static TapComparer Instance { get; } = new();

        public bool Equals(AxisPhase x, AxisPhase y) => TapsOf(x) == TapsOf(y);

        public int GetHashCode(AxisPhase axis) => TapsOf(axis).GetHashCode();

        private static (int, int, int) TapsOf(AxisPhase axis) => (axis.LastTap, axis.TapStep, axis.Taps);
    }
}
