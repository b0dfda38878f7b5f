// Which integer product serves weights whose content is known, on CPUs without dot-product instructions.
namespace Int8Runtime.Graph.Planning;

/// <summary>
/// VPMADDUBSW adds two products of u8 by s8 in 16 bits. If no weight is beyond ±64, no two of them can leave that range, in whatever
/// order a layout puts them: 255·(64 + 64) = 32640 ≤ 32767, and −32640 ≥ −32768. This holds for u8 sources with any zero point, which is
/// corrected behind the sum, and for s8 sources, which kernels shift to u8. Such weights (7 bits) run on pairs of bytes, with the same exact
/// sums as words; a weights zero point other than the middle of the type widens the operands and leaves nothing to choose.
/// </summary>
internal static class PairSums
{
    /// <summary>The largest magnitude of weights of which any two may meet.</summary>
    public const int LargestWeight = 64;

    /// <summary>How the products of an operation are to be computed: by pairs where these weights let none saturate.</summary>
    /// <param name="weights">The integers; null where they are computed when the model runs.</param>
    /// <param name="engine">The engine.</param>
    /// <param name="store">Remembers what was found out about constants.</param>
    public static NumericMode ModeFor(TensorData? weights, Engine engine, WeightsStore store) =>
        engine.NumericMode == NumericMode.Exact && (engine.Isa & (Isa.Avx512Vnni | Isa.Avx2Vnni)) == Isa.None
        && weights is not null && weights.ElementType.IsInt8() && store.FitPairs(weights)
            ? NumericMode.NarrowWeights
            : NumericMode.Exact;

    /// <summary>Whether no 8-bit weight is further than <see cref="LargestWeight"/> from 0, where kernels have the 128 of a u8.</summary>
    public static bool Fit(TensorData weights) => weights.ElementType == DataType.Int8
        ? !weights.AsSpan<sbyte>().ContainsAnyExceptInRange((sbyte)-LargestWeight, (sbyte)LargestWeight)
        : !weights.AsSpan<byte>().ContainsAnyExceptInRange((byte)(128 - LargestWeight), (byte)(128 + LargestWeight));
}
