// Depthwise convolution: which problems it takes and how it plans them.
using Int8Runtime.Jit;

namespace Int8Runtime.X64;

/// <summary>
/// Convolution with one source and one output channel for each group, nhwc, by generated kernels that hold channels in the
/// lanes, over one to three spatial dimensions. f32, bf16 and f16, summed in f32, and u8 or s8 sources with 8-bit weights: VPDPBUSD where
/// there is VNNI and the weights are s8 without a zero point, VPMADDUBSW for such weights where <see cref="NumericMode"/> allows it,
/// 16-bit pairs otherwise. All give the exact sums, unless the mode is <see cref="NumericMode.Fast"/>.
/// </summary>
/// <param name="cache">Where kernels are kept.</param>
internal sealed class DepthwiseConvolution(KernelCache cache) : IImplementation
{
    private const string Algorithm = "depthwise";

    // Windows are unrolled: larger ones would make too much code.
    private const int MostTaps = 121;

    /// <inheritdoc/>
    public PrimitiveKind Kind => PrimitiveKind.Convolution;

    /// <inheritdoc/>
    public string Name => Algorithm + ":any";

    /// <inheritdoc/>
    public PlanResult TryPlan(PlanRequest request)
    {
        var descriptor = (ConvolutionDescriptor)request.Descriptor;
        PrimitiveAttributes attributes = request.Attributes;
        if (KernelTier.Refusal(Name, request.Isa) is { } tier)
            return tier;
        bool integer = descriptor.Source.DataType.IsInt8() && descriptor.Weights.DataType.IsInt8();
        if (RefusalOfShape(descriptor, integer) is { } shape)
            return shape;
        if (RefusalOfQuantization(descriptor, attributes, integer) is { } quantization)
            return quantization;
        descriptor = descriptor with { Source = RowLayout.Resolve(descriptor.Source),
            Destination = RowLayout.Resolve(descriptor.Destination) };
        if (!RowLayout.Serves(descriptor.Source) || !RowLayout.Serves(descriptor.Destination))
            return Refuse(RejectionReason.Layout,
                $"source {descriptor.Source} and destination {descriptor.Destination} need channels last and fewer than 2³¹ rows below 1 GiB");
        // One unsigned comparison tells columns of the padding from those of a row.
        if (descriptor.Source.Strides[^1] < 0)
            return Refuse(RejectionReason.Layout, $"source {descriptor.Source}, whose rows lie backwards");

        int channels = descriptor.Source.Dimensions[1];
        ZeroPoint? weightsZeroPoint = integer && attributes.WeightsZeroPoint is { IsZero: false } ? attributes.WeightsZeroPoint : null;
        bool packsWithZeroPoint = weightsZeroPoint is { IsRuntime: true };
        if (packsWithZeroPoint && descriptor.Weights.IsAny) // what is subtracted from them becomes known when they are packed
            descriptor = descriptor with { Weights = new MemoryDescriptor(descriptor.Weights.Dimensions, descriptor.Weights.DataType) };
        (TapProductKind product, IsaTraits traits) = Choose(
            request.Isa, integer, descriptor.Weights.DataType == DataType.Int8 && weightsZeroPoint is null,
            attributes.NumericMode, channels);
        bool runtime = integer && attributes.SourceZeroPoint is { IsRuntime: true };
        int zeroPoint = integer && !runtime ? attributes.SourceZeroPoint?.At(0) ?? 0 : 0;
        int padding = runtime ? -1 : descriptor.Source.DataType == DataType.Int8 ? zeroPoint + 128 : zeroPoint;
        int height = KernelHeight(descriptor), width = descriptor.Weights.Dimensions[^1];
        var layout = new DepthwiseWeights(
            product, TapGeometry.For(product, traits, height * width, channels), channels, height, width, padding,
            packsWithZeroPoint ? null : weightsZeroPoint);
        bool packs = descriptor.Weights.IsStrided;
        if (!packs && !descriptor.Weights.IsAny && (packsWithZeroPoint || !layout.Equals(descriptor.Weights.Packed)))
            return Refuse(RejectionReason.Layout, $"weights {descriptor.Weights} instead of any or {layout.Name}");

        DataType accumulator = integer ? DataType.Int32 : DataType.Float32;
        bool hasBias = descriptor.Bias is not null;
        Epilogue epilogue = Epilogue.Create(attributes, accumulator, descriptor.Destination.DataType, channels, hasBias);
        EpiloguePlan? epiloguePlan =
            EpiloguePlan.TryCreate(epilogue, accumulator, descriptor.Bias, descriptor.Destination, out string refusal);
        if (epiloguePlan is null)
            return Refuse(RejectionReason.PostOps, refusal);
        if (!packs)
            descriptor = descriptor with { Weights =
                MemoryDescriptor.ForPacked(descriptor.Weights.Dimensions, descriptor.Weights.DataType, layout) };
        return new DepthwisePlan(
            NameOf(product, traits, attributes.NumericMode), cache, traits.Isa, descriptor, attributes, layout, product, padding,
            epilogue, epiloguePlan);
    }

    // Rows of the window, those of all slices of a volume counted.
    private static int KernelHeight(ConvolutionDescriptor descriptor)
    {
        int rows = 1;
        for (int a = 0; a < descriptor.SpatialRank - 1; a++)
            rows *= descriptor.Weights.Dimensions[a + 2];
        return rows;
    }

    // A block of at most 32 channels would leave half of a 512-bit vector empty and read across cache lines.
    private static (TapProductKind, IsaTraits) Choose(Isa isa, bool integer, bool fitsBytes, NumericMode mode, int channels)
    {
        IsaTraits traits = IsaTraits.For(isa);
        if (!integer)
            return (TapProductKind.Fma, traits);
        bool addsBytes = traits.HasVnni || mode is NumericMode.NarrowWeights or NumericMode.Fast;
        if (fitsBytes && channels <= (int)VectorWidth.V256 && (isa.HasFlag(Isa.Avx2Vnni) || (addsBytes && !traits.HasVnni)))
            return (TapProductKind.ByteQuads, IsaTraits.For(isa & IsaTiers.Avx2Vnni));
        return (fitsBytes && addsBytes ? TapProductKind.ByteQuads : TapProductKind.WordPairs, traits);
    }

    private static string NameOf(TapProductKind product, IsaTraits traits, NumericMode mode)
    {
        string tier = KernelTier.NameOf(traits.Isa) + (product != TapProductKind.Fma && traits.HasVnni ? "_vnni" : "");
        bool maySaturate = product == TapProductKind.ByteQuads && !traits.HasVnni && mode == NumericMode.Fast;
        return $"{Algorithm}:{tier}{(product == TapProductKind.WordPairs ? ":s16" : maySaturate ? ":fast" : "")}";
    }

    private Rejection? RefusalOfShape(ConvolutionDescriptor descriptor, bool integer)
    {
        if (!descriptor.IsDepthwise)
            return Refuse(RejectionReason.Shape, "not one source and one output channel for each group");
        if (descriptor.Destination.ElementCount == 0)
            return Refuse(RejectionReason.Shape, "empty destination");
        if (descriptor.Weights.ElementCount / descriptor.Weights.Dimensions[0] > MostTaps)
            return Refuse(RejectionReason.Shape, $"a window of more than {MostTaps} taps");
        bool floating = FloatConversion.Reads(descriptor.Source.DataType) && FloatConversion.Reads(descriptor.Weights.DataType);
        DataType destination = descriptor.Destination.DataType;
        if (!(integer || floating) || !(destination.IsInt8() || destination == DataType.Int32 || FloatConversion.Reads(destination)))
            return Refuse(
                RejectionReason.DataTypes,
                $"{descriptor.Source.DataType.ToShortName()}:{descriptor.Weights.DataType.ToShortName()}:{destination.ToShortName()}");
        return null;
    }

    private Rejection? RefusalOfQuantization(ConvolutionDescriptor descriptor, PrimitiveAttributes attributes, bool integer)
    {
        if (ProductQuantization.Refuse(Name, attributes, descriptor.Source.DataType) is { } undefined)
            return undefined;
        if (attributes.SourceZeroPoint is { Granularity: QuantizationGranularity.PerChannel })
            return Refuse(RejectionReason.Quantization, "zero point for each source channel");
        if (!integer)
            return null;
        (int min, int max) = descriptor.Source.DataType.IntegerRange();
        int zeroPoint = attributes.SourceZeroPoint is null or { IsRuntime: true } ? 0 : attributes.SourceZeroPoint.At(0);
        if (zeroPoint < min || zeroPoint > max)
            return Refuse(RejectionReason.Quantization,
                $"source zero point {zeroPoint} outside {descriptor.Source.DataType.ToShortName()}");
        if (attributes.WeightsZeroPoint is { } weights && weights.Values.ContainsAnyExceptInRange(sbyte.MinValue, byte.MaxValue))
            return Refuse(RejectionReason.Quantization, "weights zero point outside 8 bits");
        return null;
    }

    private Rejection Refuse(RejectionReason reason, string detail) => new(Name, reason, detail);
}
