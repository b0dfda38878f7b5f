// Smaller problems next to a failing one: fewer attributes first, then smaller tensors.
namespace Int8Runtime.TestKit;

/// <summary>Reduces problems; what does not validate is left out.</summary>
public static class ProblemShrinker
{
    /// <summary>Problems that are smaller than <paramref name="problem"/> in one respect.</summary>
    public static IEnumerable<Problem> Shrink(Problem problem)
    {
        ArgumentNullException.ThrowIfNull(problem);
        IEnumerable<Problem> candidates =
        [
            .. Attributes(problem.Attributes).Select(attributes => problem with { Attributes = attributes }),
            .. Descriptors(problem.Descriptor).Select(descriptor => problem with { Descriptor = descriptor }),
        ];
        return candidates.Where(candidate => !candidate.Equals(problem) && IsValid(candidate));
    }

    private static IEnumerable<PrimitiveAttributes> Attributes(PrimitiveAttributes attributes)
    {
        for (int i = 0; i < attributes.PostOps.Count; i++)
            yield return attributes with { PostOps = [.. attributes.PostOps.Where((_, index) => index != i)] };
        yield return attributes with { SourceScale = null };
        yield return attributes with { SourceZeroPoint = null };
        yield return attributes with { Source1Scale = null };
        yield return attributes with { Source1ZeroPoint = null };
        yield return attributes with { WeightsScale = null };
        yield return attributes with { WeightsZeroPoint = null };
        yield return attributes with { DestinationScale = null };
        yield return attributes with { DestinationZeroPoint = null };
        yield return attributes with { NumericMode = NumericMode.Exact };
        yield return attributes with { FloatMath = FloatMath.Strict };
        yield return attributes with { Scratchpad = ScratchpadMode.Library };
    }

    // Values per channel and full operands bind the extents; they go first.
    private static IEnumerable<PrimitiveDescriptor> Descriptors(PrimitiveDescriptor descriptor)
    {
        if (descriptor is not ConvolutionDescriptor { Groups: 1, Source: { IsStrided: true } source,
            Destination.IsStrided: true } c || !c.Weights.IsAny)
            yield break;
        yield return c with { Bias = null };
        foreach (int batch in Halves(source.Dimensions[0]))
            yield return c with { Source = Extent(source, 0, batch), Destination = Extent(c.Destination, 0, batch) };
        foreach (int channels in Halves(source.Dimensions[1]))
            yield return c with { Source = Extent(source, 1, channels), Weights = Extent(c.Weights, 1, channels) };
        foreach (int channels in Halves(c.Destination.Dimensions[1]))
        {
            yield return c with
            {
                Weights = Extent(c.Weights, 0, channels), Destination = Extent(c.Destination, 1, channels),
                Bias = c.Bias is null ? null : new MemoryDescriptor([channels], c.Bias.DataType),
            };
        }
    }

    private static IEnumerable<int> Halves(int extent) => new[] { 1, extent / 2, extent - 1 }.Where(e => e >= 1 && e < extent).Distinct();

    // The same order of dimensions without gaps.
    private static MemoryDescriptor Extent(MemoryDescriptor tensor, int dimension, int extent)
    {
        Shape dimensions = tensor.Dimensions.With(dimension, extent);
        return tensor.IsAny
            ? MemoryDescriptor.Any(dimensions, tensor.DataType)
            : new MemoryDescriptor(dimensions, tensor.DataType, FormatTag.Parse(LayoutNotation.DenseTagOf(tensor)));
    }

    private static bool IsValid(Problem problem)
    {
        try
        {
            problem.Descriptor.Validate(problem.Attributes);
            return true;
        }
        catch (ArgumentException)
        {
            return false;
        }
    }
}
