// Depthwise convolution: which problems it takes and how it plans them.
using Int8Runtime.Jit;

namespace Int8Runtime.X64;

/// <summary>
/// Convolution with one source and one output channel for each group, nhwc, by generated kernels that hold channels in the
/// lanes. f32, and u8 or s8 sources with 8-bit weights: VPDPBUSD where there is VNNI and the weights are s8 without a zero
/// point, 16-bit pairs otherwise. Both give the exact sums.
/// </summary>
/// <param name="cache">Where kernels are kept.</param>
internal sealed class DepthwiseConvolution(KernelCache cache) : IImplementation
{
    private const string Algorithm = "depthwise";

    /// <inheritdoc/>
    public PrimitiveKind Kind => PrimitiveKind.Convolution;

    /// <inheritdoc/>
    public string Name => Algorithm + ":any";

    /// <inheritdoc/>
    public PlanResult TryPlan(PlanRequest request)
    {
        var descriptor = (ConvolutionDescriptor)request.Descriptor;
        PrimitiveAttributes attributes = request.Attributes;
        if ((request.Isa & IsaTiers.Avx2) != IsaTiers.Avx2)
            return Refuse(RejectionReason.InstructionSet, $"needs avx2, has {IsaTiers.NameOf(request.Isa)}");
        if (!descriptor.IsDepthwise)
            return Refuse(RejectionReason.Shape, "not one source and one output channel for each group");
        if (descriptor.SpatialRank > 2)
            return Refuse(RejectionReason.Shape, "three spatial dimensions");
        if (descriptor.Destination.ElementCount == 0)
            return Refuse(RejectionReason.Shape, "empty destination");
        bool integer = descriptor.Source.DataType.IsInt8() && descriptor.Weights.DataType.IsInt8();
        bool floating = descriptor.Source.DataType == DataType.Float32 && descriptor.Weights.DataType == DataType.Float32;
        DataType destinationType = descriptor.Destination.DataType;
        bool destinationServed = destinationType == DataType.Float32 || destinationType.IsInt8() || destinationType == DataType.Int32;
        if (!(integer || floating) || !destinationServed)
            return Refuse(RejectionReason.DataTypes, $"{descriptor.Source.DataType.ToShortName()}:{descriptor.Weights.DataType.ToShortName()}:{destinationType.ToShortName()}");
        if (RuntimeAttribute(attributes) is { } runtime)
            return Refuse(RejectionReason.Quantization, $"{runtime} given at execution");
        if (attributes.SourceScale is { Granularity: QuantizationGranularity.PerChannel } || attributes.SourceZeroPoint is { Granularity: QuantizationGranularity.PerChannel })
            return Refuse(RejectionReason.Quantization, "scale or zero point for each source channel");
        int zeroPoint = integer ? attributes.SourceZeroPoint?.At(0) ?? 0 : 0;
        if (integer && !IsInRange(descriptor.Source.DataType, zeroPoint))
            return Refuse(RejectionReason.Quantization, $"source zero point {zeroPoint} outside {descriptor.Source.DataType.ToShortName()}");
        ZeroPoint? weightsZeroPoint = integer && attributes.WeightsZeroPoint is { IsZero: false } ? attributes.WeightsZeroPoint : null;
        if (weightsZeroPoint is not null && weightsZeroPoint.Values.ContainsAnyExceptInRange(-128, 255))
            return Refuse(RejectionReason.Quantization, "weights zero point outside 8 bits");
        descriptor = descriptor with { Source = RowLayout.Resolve(descriptor.Source), Destination = RowLayout.Resolve(descriptor.Destination) };
        if (!RowLayout.Serves(descriptor.Source) || !RowLayout.Serves(descriptor.Destination))
            return Refuse(RejectionReason.Layout, $"source {descriptor.Source} and destination {descriptor.Destination} need channels last");

        IsaTraits traits = IsaTraits.For(request.Isa);
        TapProductKind product = floating ? TapProductKind.Fma
            : traits.HasVnni && descriptor.Weights.DataType == DataType.Int8 && weightsZeroPoint is null ? TapProductKind.ByteQuads
            : TapProductKind.WordPairs;
        int channels = descriptor.Source.Dimensions[1];
        bool isSigned = descriptor.Source.DataType == DataType.Int8;
        int padding = isSigned ? zeroPoint + 128 : zeroPoint;
        int rank = descriptor.SpatialRank;
        var layout = new DepthwiseWeights(
            product, TapGeometry.Of(product, traits), channels, rank == 2 ? descriptor.Weights.Dimensions[2] : 1,
            descriptor.Weights.Dimensions[^1], padding, weightsZeroPoint);
        if (!descriptor.Weights.IsAny && !layout.Equals(descriptor.Weights.Packed))
            return Refuse(RejectionReason.Layout, $"weights {descriptor.Weights} instead of any or {layout.Name}");

        Epilogue epilogue = Epilogue.Create(
            attributes, integer ? DataType.Int32 : DataType.Float32, destinationType, channels, descriptor.Bias is not null);
        EpiloguePlan? epiloguePlan = EpiloguePlan.TryCreate(
            epilogue, integer ? DataType.Int32 : DataType.Float32, descriptor.Bias is not null, descriptor.Destination, out string refusal);
        if (epiloguePlan is null)
            return Refuse(RejectionReason.PostOps, refusal);
        descriptor = descriptor with { Weights = MemoryDescriptor.ForPacked(descriptor.Weights.Dimensions, descriptor.Weights.DataType, layout) };
        return new DepthwisePlan(
            $"{Algorithm}:{IsaTiers.NameOf(traits.Isa)}", cache, request.Isa, descriptor, layout, product, padding, epilogue, epiloguePlan);
    }

    private Rejection Refuse(RejectionReason reason, string detail) => new(Name, reason, detail);

    private static bool IsInRange(DataType type, int value)
    {
        (int min, int max) = type.IntegerRange();
        return value >= min && value <= max;
    }

    private static string? RuntimeAttribute(PrimitiveAttributes attributes) =>
        attributes.SourceScale is { IsRuntime: true } ? "source scale"
        : attributes.SourceZeroPoint is { IsRuntime: true } ? "source zero point"
        : attributes.DestinationScale is { IsRuntime: true } ? "destination scale"
        : attributes.DestinationZeroPoint is { IsRuntime: true } ? "destination zero point"
        : null;
}
