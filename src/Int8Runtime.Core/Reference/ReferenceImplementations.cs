// The normative implementation of each primitive; the last entry of every list.
namespace Int8Runtime.Reference;

internal static class ReferenceImplementations
{
    /// <summary>One scalar implementation for each kind of primitive.</summary>
    public static IReadOnlyList<IImplementation> All { get; } = Create(OutputSample.All);

    /// <summary>The same list, computing a part of each destination only.</summary>
    public static IReadOnlyList<IImplementation> Create(OutputSample outputs) =>
    [
        new RefConvolution<ConvolutionDescriptor>(PrimitiveKind.Convolution, "ref_conv:any") { Outputs = outputs },
        new RefConvolution<DeconvolutionDescriptor>(PrimitiveKind.Deconvolution, "ref_deconv:any") { Outputs = outputs },
        new RefInnerProduct { Outputs = outputs },
        new RefMatMul { Outputs = outputs },
        new RefPooling { Outputs = outputs },
        new RefResampling { Outputs = outputs },
        new RefEltwise { Outputs = outputs },
        new RefBinary { Outputs = outputs },
        new RefPRelu { Outputs = outputs },
        new RefSelect { Outputs = outputs },
        new RefSoftmax(),
        new RefLrn { Outputs = outputs },
        new RefConcat(),
        new RefSum { Outputs = outputs },
        new RefShuffle { Outputs = outputs },
        new RefReorder { Outputs = outputs },
        new RefReduction { Outputs = outputs },
        new RefNormalization<LayerNormalizationDescriptor>(PrimitiveKind.LayerNormalization, "ref_lnorm:any") { Outputs = outputs },
        new RefNormalization<BatchNormalizationDescriptor>(PrimitiveKind.BatchNormalization, "ref_bnorm:any") { Outputs = outputs },
        new RefNormalization<GroupNormalizationDescriptor>(PrimitiveKind.GroupNormalization, "ref_gnorm:any") { Outputs = outputs },
    ];
}
