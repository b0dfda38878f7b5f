// The tensors that one execution of a primitive reads and writes.
namespace Int8Runtime.Diagnostics;

/// <summary>A tensor argument of a primitive.</summary>
/// <param name="Slot">Its place in the argument table.</param>
/// <param name="Descriptor">What it holds.</param>
internal readonly record struct TensorArgument(ArgumentSlot Slot, MemoryDescriptor Descriptor);

/// <summary>Enumerates the tensors of a problem.</summary>
internal static class PrimitiveTensors
{
    /// <summary>The destination.</summary>
    public static MemoryDescriptor Destination(PrimitiveDescriptor descriptor) => descriptor switch
    {
        ConvolutionDescriptorBase d => d.Destination,
        InnerProductDescriptor d => d.Destination,
        MatMulDescriptor d => d.Destination,
        BinaryDescriptor d => d.Destination,
        SelectDescriptor d => d.Destination,
        ManySourcesDescriptor d => d.Destination,
        IUnaryDescriptor d => d.Destination,
        _ => throw new ArgumentException($"Unknown primitive {descriptor.Kind}."),
    };

    /// <summary>The argument that may be the destination's memory.</summary>
    public static ArgumentSlot FirstSource(PrimitiveDescriptor descriptor) =>
        descriptor is ManySourcesDescriptor ? ArgumentSlot.PostOp0 : ArgumentSlot.Source;

    /// <summary>Results beside the destination.</summary>
    public static IReadOnlyList<TensorArgument> FurtherResults(PrimitiveDescriptor descriptor) => descriptor switch
    {
        NormalizationDescriptor { Statistics: NormalizationStatistics.Stored } d =>
            [new(ArgumentSlot.NormalizationMean, d.Mean!), new(ArgumentSlot.NormalizationVariance, d.Variance!)],
        ReorderDescriptor d => [.. d.Compensations.Select(compensation => new TensorArgument(compensation.Slot, compensation.Tensor))],
        _ => [],
    };

    /// <summary>The weights; null if there are none.</summary>
    public static MemoryDescriptor? Weights(PrimitiveDescriptor descriptor) => descriptor switch
    {
        ConvolutionDescriptorBase d => d.Weights,
        InnerProductDescriptor d => d.Weights,
        MatMulDescriptor d => d.Weights,
        _ => null,
    };

    /// <summary>The same problem with other weights.</summary>
    public static PrimitiveDescriptor WithWeights(PrimitiveDescriptor descriptor, MemoryDescriptor weights) => descriptor switch
    {
        ConvolutionDescriptorBase d => d with { Weights = weights },
        InnerProductDescriptor d => d with { Weights = weights },
        MatMulDescriptor d => d with { Weights = weights },
        _ => descriptor,
    };

    /// <summary>Source and destination of a primitive over images.</summary>
    public static (MemoryDescriptor Source, MemoryDescriptor Destination) Images(PrimitiveDescriptor descriptor) => descriptor switch
    {
        ConvolutionDescriptorBase d => (d.Source, d.Destination),
        PoolingDescriptor d => (d.Source, d.Destination),
        ResamplingDescriptor d => (d.Source, d.Destination),
        ShuffleDescriptor d => (d.Source, d.Destination),
        SoftmaxDescriptor d => (d.Source, d.Destination),
        NormalizationDescriptor d => (d.Source, d.Destination),
        _ => throw new ArgumentException($"{descriptor.Kind} does not go over images."),
    };

    /// <summary>The same problem with another source and destination; see <see cref="Images"/>.</summary>
    public static PrimitiveDescriptor WithImages(PrimitiveDescriptor descriptor, MemoryDescriptor source, MemoryDescriptor destination) =>
        descriptor switch
        {
            ConvolutionDescriptorBase d => d with { Source = source, Destination = destination },
            PoolingDescriptor d => d with { Source = source, Destination = destination },
            ResamplingDescriptor d => d with { Source = source, Destination = destination },
            ShuffleDescriptor d => d with { Source = source, Destination = destination },
            SoftmaxDescriptor d => d with { Source = source, Destination = destination },
            NormalizationDescriptor d => d with { Source = source, Destination = destination },
            _ => throw new ArgumentException($"{descriptor.Kind} does not go over images."),
        };

    /// <summary>Sources, bias and operands of post-ops: everything read beside the weights and the destination.</summary>
    public static IEnumerable<TensorArgument> Inputs(PrimitiveDescriptor descriptor, PrimitiveAttributes attributes)
    {
        switch (descriptor)
        {
            case ManySourcesDescriptor many:
                for (int i = 0; i < many.Sources.Length; i++)
                    yield return new TensorArgument(ArgumentSlot.PostOp0 + i, many.Sources[i]);
                break;
            case BinaryDescriptor binary:
                yield return new TensorArgument(ArgumentSlot.Source, binary.Source);
                yield return new TensorArgument(ArgumentSlot.Source1, binary.Source1);
                break;
            case PReluDescriptor prelu:
                yield return new TensorArgument(ArgumentSlot.Source, prelu.Source);
                yield return new TensorArgument(ArgumentSlot.Source1, prelu.Slopes);
                break;
            case SelectDescriptor select:
                yield return new TensorArgument(ArgumentSlot.Source, select.Source);
                yield return new TensorArgument(ArgumentSlot.Source1, select.Source1);
                yield return new TensorArgument(ArgumentSlot.Condition, select.Condition);
                break;
            case NormalizationDescriptor normalization:
                yield return new TensorArgument(ArgumentSlot.Source, normalization.Source);
                if (normalization.Scale is { } scale)
                    yield return new TensorArgument(ArgumentSlot.NormalizationScale, scale);
                if (normalization.Shift is { } shift)
                    yield return new TensorArgument(ArgumentSlot.NormalizationShift, shift);
                if (normalization.Statistics == NormalizationStatistics.Given)
                {
                    yield return new TensorArgument(ArgumentSlot.NormalizationMean, normalization.Mean!);
                    yield return new TensorArgument(ArgumentSlot.NormalizationVariance, normalization.Variance!);
                }

                break;
            default:
                (MemoryDescriptor source, MemoryDescriptor? bias) = descriptor switch
                {
                    ConvolutionDescriptorBase d => (d.Source, d.Bias),
                    InnerProductDescriptor d => (d.Source, d.Bias),
                    MatMulDescriptor d => (d.Source, d.Bias),
                    IUnaryDescriptor d => (d.Source, null),
                    _ => throw new ArgumentException($"Unknown primitive {descriptor.Kind}."),
                };
                yield return new TensorArgument(ArgumentSlot.Source, source);
                if (bias is not null)
                    yield return new TensorArgument(ArgumentSlot.Bias, bias);
                break;
        }

        for (int i = 0; i < attributes.PostOps.Count; i++)
        {
            if (attributes.PostOps[i] is OperandPostOp postOp)
                yield return new TensorArgument(ArgumentSlot.PostOp0 + i, postOp.Operand);
            if (attributes.PostOps[i] is not DepthwisePostOp depthwise)
                continue;
            yield return new TensorArgument(ArgumentSlot.PostOp0 + i, depthwise.Weights);
            if (depthwise.Bias is { } depthwiseBias)
                yield return new TensorArgument(ArgumentSlot.DepthwiseBias, depthwiseBias);
        }
    }
}
