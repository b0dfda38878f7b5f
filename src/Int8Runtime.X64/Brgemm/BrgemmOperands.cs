// Which product serves which operand types, for every primitive that is built on the matrix kernel.
using Int8Runtime.Jit;

namespace Int8Runtime.X64;

/// <summary>The choice of a product, or the reason why there is none.</summary>
/// <param name="Product">Kind of the product.</param>
/// <param name="Isa">Instruction sets that its kernels may use: no more than they profit from, so that tiers share kernels.</param>
/// <param name="ShiftsSource">Whether the kernel adds 128 to the source.</param>
/// <param name="Mode">How sums of two products are kept from saturating where there is no VPDPBUSD.</param>
/// <param name="Converts">Whether float operands are converted to another type for the product.</param>
internal readonly record struct BrgemmOperands(
    DotProductKind Product, Isa Isa, bool ShiftsSource, NumericMode Mode = NumericMode.Exact, bool Converts = false)
{
    /// <summary>Magnitude of zero points that can be subtracted from 8-bit elements before they are multiplied as words.</summary>
    public const int LargestWordZeroPoint = 32512;

    /// <summary>Chooses the product for the operands' types and zero points.</summary>
    /// <param name="name">Name of the implementation, for the rejection.</param>
    /// <param name="request">The problem.</param>
    /// <param name="source">Type of the source.</param>
    /// <param name="weights">Type of the weights.</param>
    /// <param name="destination">Type of the destination.</param>
    /// <param name="hasWholePairs">Whether every run of K has an even number of elements.</param>
    /// <param name="isPadded">
    /// Whether padded elements are multiplied, so that the source's zero point has to be a value of its type.
    /// </param>
    /// <param name="rejection">The reason, if the result is null.</param>
    public static BrgemmOperands? Choose(
        string name, PlanRequest request, DataType source, DataType weights, DataType destination, bool hasWholePairs,
        bool isPadded, out Rejection? rejection)
    {
        Rejection? Refuse(RejectionReason reason, string detail) => new(name, reason, detail);
        PrimitiveAttributes attributes = request.Attributes;
        rejection = KernelTier.Refusal(name, request.Isa) ?? ProductQuantization.Refuse(name, attributes, source);
        if (rejection is not null)
            return null;
        if (ProductQuantization.Dequantizes(attributes, source))
            rejection = Refuse(RejectionReason.Quantization, "integers with scales or zero points in groups");
        else if (!(source.IsInt8() && weights.IsIntegerWeight())
            && !(FloatConversion.Reads(source) && (FloatConversion.Reads(weights) || weights.IsIntegerWeight())))
            rejection = Refuse(RejectionReason.DataTypes, $"{source.ToShortName()} source with {weights.ToShortName()} weights");
        else if (!destination.IsInt8() && destination != DataType.Int32 && !FloatConversion.Reads(destination))
            rejection = Refuse(RejectionReason.DataTypes, $"{destination.ToShortName()} destination");
        else if (IsBeyondWords(attributes.SourceZeroPoint)
            && (isPadded || attributes.SourceZeroPoint!.Granularity == QuantizationGranularity.PerChannel))
            rejection = Refuse(RejectionReason.Quantization, $"a source zero point beyond ±{LargestWordZeroPoint}");
        else if (IsBeyondWords(attributes.WeightsZeroPoint))
            rejection = Refuse(RejectionReason.Quantization, $"a weights zero point beyond ±{LargestWordZeroPoint}");
        if (rejection is not null)
            return null;

        Isa plain = KernelTier.Of(request.Isa);
        bool hasBf16 = IsaTraits.For(request.Isa).HasBf16;
        if (hasBf16 && destination == DataType.BFloat16)
            plain = request.Isa & IsaTiers.Avx512Bf16; // stores convert
        if (FloatConversion.Reads(source))
        {
            bool Rounds(DataType type) =>
                type == DataType.BFloat16 || (type == DataType.Float32 && attributes.FloatMath == FloatMath.BFloat16);
            DotProductKind kind = hasBf16 && hasWholePairs && Rounds(source) && Rounds(weights)
                ? DotProductKind.BFloat16 : DotProductKind.Float32;
            return new BrgemmOperands(
                kind, kind == DotProductKind.BFloat16 ? request.Isa & IsaTiers.Avx512Bf16 : plain, false,
                Converts: source != kind.FloatType() || weights != kind.FloatType());
        }

        Isa vnni = plain | (request.Isa & (IsaTraits.For(plain).HasOpmask ? Isa.Avx512Vnni : Isa.Avx2Vnni));
        bool bytes = (IsaTraits.For(vnni).HasVnni || attributes.NumericMode != NumericMode.Exact)
            && WeightsAreCentred(attributes.WeightsZeroPoint, weights)
            && SourceIsBytes(attributes.SourceZeroPoint, source, isPadded);
        if (!bytes && IsBeyondWords(attributes.SourceZeroPoint))
        {
            rejection = Refuse(RejectionReason.Quantization, $"a source zero point beyond ±{LargestWordZeroPoint}");
            return null;
        }

        bool quads = attributes.NumericMode == NumericMode.ExactQuads && !IsaTraits.For(vnni).HasVnni;
        DotProductKind product = !bytes ? DotProductKind.Int16
            : source == DataType.UInt8 ? (quads ? DotProductKind.UInt8Quads : DotProductKind.UInt8)
            : quads ? DotProductKind.Int8Quads : DotProductKind.Int8;
        return new BrgemmOperands(product, vnni, product.ShiftsSource(), attributes.NumericMode);
    }

    /// <summary>Whether weights are split so that sums of two (or four) products cannot saturate.</summary>
    public bool SplitsWeights => Product.StepsOfSum() == 2 || (AddsPairsInWords && Mode == NumericMode.ExactPairs);

    /// <summary>
    /// What follows the algorithm in a name, for example <c>avx512</c>, <c>avx2:fast</c>, or <c>avx2:f32</c> where other floats are
    /// computed with as f32.
    /// </summary>
    public string Variant => IsaTiers.NameOf(Isa) + (AddsPairsInWords && Mode == NumericMode.Fast ? ":fast" : "")
        + (Converts ? ":" + Product.FloatType().ToShortName() : "");

    private bool AddsPairsInWords => Product is DotProductKind.UInt8 or DotProductKind.Int8 && !IsaTraits.For(Isa).HasVnni;

    /// <summary>What the sum of weights is multiplied by to correct the accumulators for a source zero point.</summary>
    public int CompensationFactor(int sourceZeroPoint) =>
        Product.IsFloatingPoint() || Product == DotProductKind.Int16 ? 0 : -(sourceZeroPoint + (ShiftsSource ? 128 : 0));

    /// <summary>Whether accumulators start from a sum over all weights, so that no product may be left out.</summary>
    public bool Compensates(ZeroPoint? sourceZeroPoint) => sourceZeroPoint is { IsRuntime: true }
        ? CompensationFactor(1) != CompensationFactor(0)
        : CompensationFactor(BrgemmWeightsOperand.ConstantOf(sourceZeroPoint)) != 0;

    /// <summary>The zero point that packing subtracts from the weights; null where the product takes them as they are.</summary>
    public ZeroPoint? SubtractedZeroPoint(PrimitiveAttributes attributes, DataType weights) =>
        Product == DotProductKind.Int16 || (Product == DotProductKind.Float32 && weights.IsIntegerWeight())
            ? attributes.WeightsZeroPoint : null;

    /// <summary>Checks a source zero point that is given at execution.</summary>
    /// <param name="zeroPoint">The zero point.</param>
    /// <param name="source">Type of the source.</param>
    /// <param name="isPadded">Whether padded elements are multiplied.</param>
    /// <exception cref="ArgumentException">The product cannot represent it.</exception>
    public void RequireZeroPoint(int zeroPoint, DataType source, bool isPadded)
    {
        if (!source.IsInt8())
            return;
        (int min, int max) = Product == DotProductKind.Int16 ? (-LargestWordZeroPoint, LargestWordZeroPoint)
            : isPadded ? source.IntegerRange() : (int.MinValue, int.MaxValue);
        if (zeroPoint < min || zeroPoint > max)
            throw new ArgumentException($"The source zero point {zeroPoint} is outside of {min} to {max}, which this primitive takes.");
    }

    // Padding is filled with the zero point, and one zero point for all channels is compensated for by Σw.
    private static bool SourceIsBytes(ZeroPoint? zeroPoint, DataType source, bool isPadded)
    {
        if (zeroPoint is null or { IsRuntime: true })
            return true;
        (int min, int max) = source.IntegerRange();
        return zeroPoint.Granularity == QuantizationGranularity.PerTensor
            && (!isPadded || (zeroPoint.At(0) >= min && zeroPoint.At(0) <= max));
    }

    private static bool IsBeyondWords(ZeroPoint? zeroPoint) => zeroPoint is { IsRuntime: false }
        && zeroPoint.Values.ContainsAnyExceptInRange(-LargestWordZeroPoint, LargestWordZeroPoint);

    // Whether the weights are s8 without zero point once u8 weights are shifted by 128.
    private static bool WeightsAreCentred(ZeroPoint? zeroPoint, DataType weights)
    {
        int centre = weights == DataType.UInt8 ? 128 : 0;
        return zeroPoint is null ? centre == 0 : !zeroPoint.IsRuntime && !zeroPoint.Values.ContainsAnyExcept(centre);
    }
}
