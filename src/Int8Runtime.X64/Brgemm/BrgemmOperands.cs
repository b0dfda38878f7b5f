// Which product serves which operand types, for every primitive that is built on the matrix kernel.
using Int8Runtime.Jit;

namespace Int8Runtime.X64;

/// <summary>The choice of a product, or the reason why there is none.</summary>
/// <param name="Product">Kind of the product.</param>
/// <param name="Isa">Instruction sets that its kernels may use: no more than they profit from, so that tiers share kernels.</param>
/// <param name="ShiftsSource">Whether the kernel adds 128 to the source.</param>
/// <param name="MaySaturate">Whether sums of two products may saturate where there is no VPDPBUSD.</param>
internal readonly record struct BrgemmOperands(DotProductKind Product, Isa Isa, bool ShiftsSource, bool MaySaturate = false)
{
    /// <summary>Chooses the product for the operands' types and zero points.</summary>
    public static BrgemmOperands? Choose(
        string name, PlanRequest request, DataType source, DataType weights, DataType destination, out Rejection? rejection)
    {
        Rejection? Refuse(RejectionReason reason, string detail) => new(name, reason, detail);
        PrimitiveAttributes attributes = request.Attributes;
        rejection = null;
        if ((request.Isa & IsaTiers.Avx2) != IsaTiers.Avx2)
            rejection = Refuse(RejectionReason.InstructionSet, "needs at least AVX2");
        else if (!(source.IsInt8() && weights.IsInt8()) && !(source == DataType.Float32 && weights == DataType.Float32))
            rejection = Refuse(RejectionReason.DataTypes, $"{source.ToShortName()} source with {weights.ToShortName()} weights");
        else if (destination is not (DataType.Float32 or DataType.Int32 or DataType.UInt8 or DataType.Int8))
            rejection = Refuse(RejectionReason.DataTypes, $"{destination.ToShortName()} destination");
        else if (attributes.SourceScale is { IsRuntime: true } || attributes.DestinationScale is { IsRuntime: true }
            || attributes.DestinationZeroPoint is { IsRuntime: true } || attributes.WeightsZeroPoint is { IsRuntime: true })
            rejection = Refuse(RejectionReason.Quantization, "scales and zero points that are given at execution (the source's zero point excepted)");
        else if (attributes.SourceZeroPoint is { Granularity: QuantizationGranularity.PerChannel })
            rejection = Refuse(RejectionReason.Quantization, "a zero point for each source channel");
        if (rejection is not null)
            return null;

        bool evex = (request.Isa & IsaTiers.Avx512) == IsaTiers.Avx512;
        Isa plain = request.Isa & (evex ? IsaTiers.Avx512 : IsaTiers.Avx2);
        if (source == DataType.Float32)
            return new BrgemmOperands(DotProductKind.Float32, plain, false);
        Isa vnni = plain | (request.Isa & (evex ? Isa.Avx512Vnni : Isa.Avx2Vnni));
        bool bytes = WeightsAreCentred(attributes.WeightsZeroPoint, weights);
        DotProductKind product = !bytes ? DotProductKind.Int16
            : source == DataType.UInt8 ? DotProductKind.UInt8 : DotProductKind.Int8;
        return new BrgemmOperands(product, vnni, product == DotProductKind.Int8, attributes.NumericMode == NumericMode.Fast);
    }

    /// <summary>Whether weights are split so that sums of two products cannot saturate.</summary>
    public bool SplitsPairs => AddsPairsInWords && !MaySaturate;

    /// <summary>What follows the algorithm in a name, for example <c>avx512</c> or <c>avx2:fast</c>.</summary>
    public string Variant => IsaTiers.NameOf(Isa) + (AddsPairsInWords && MaySaturate ? ":fast" : "");

    private bool AddsPairsInWords => Product is DotProductKind.UInt8 or DotProductKind.Int8 && !IsaTraits.For(Isa).HasVnni;

    /// <summary>What the sum of weights is multiplied by to correct the accumulators for a source zero point.</summary>
    public int CompensationFactor(int sourceZeroPoint) =>
        Product is DotProductKind.Float32 or DotProductKind.Int16 ? 0 : -(sourceZeroPoint + (ShiftsSource ? 128 : 0));

    // Whether the weights are s8 without zero point once u8 weights are shifted by 128.
    private static bool WeightsAreCentred(ZeroPoint? zeroPoint, DataType weights)
    {
        int centre = weights == DataType.UInt8 ? 128 : 0;
        return zeroPoint is null ? centre == 0 : !zeroPoint.Values.ContainsAnyExcept(centre);
    }
}
