// Which integer product serves weights whose content is known, on CPUs without dot-product instructions.
namespace Int8Runtime.Graph.Planning;

/// <summary>
/// VPMADDUBSW adds two products of u8 by s8 in 16 bits. Where no two weights that meet in it (<see cref="WeightPairs"/>) can leave that range, the
/// product runs on pairs of bytes, with the same exact sums as words. This holds for u8 sources with any zero point, which is corrected behind the
/// sum, and for s8 sources, which kernels shift to u8; a weights zero point other than the middle of the type widens the operands and leaves
/// nothing to choose.
/// </summary>
internal static class PairSums
{
    /// <summary>How the products of an operation are to be computed: by pairs where these weights let none saturate.</summary>
    /// <param name="weights">The integers; null where they are computed when the model runs.</param>
    /// <param name="pairs">Which of them meet.</param>
    /// <param name="engine">The engine.</param>
    /// <param name="store">Remembers what was found out about constants.</param>
    public static NumericMode ModeFor(TensorData? weights, WeightPairs pairs, Engine engine, WeightsStore store) =>
        engine.NumericMode == NumericMode.Exact && (engine.Isa & (Isa.Avx512Vnni | Isa.Avx2Vnni)) == Isa.None
        && weights is not null && weights.ElementType.IsInt8() && store.FitPairs(weights, pairs)
            ? NumericMode.NarrowWeights
            : NumericMode.Exact;

    /// <summary>Whether no two 8-bit weights that meet can saturate; those of u8 are meant with 128 subtracted, as kernels have them.</summary>
    public static bool Fit(TensorData weights, WeightPairs pairs) => weights.ElementType == DataType.Int8
        ? pairs.Fit(weights.AsSpan<sbyte>())
        : pairs.Fit(weights.AsSpan<byte>());
}
