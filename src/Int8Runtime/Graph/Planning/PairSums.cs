// Which integer product serves weights whose content is known, on CPUs without dot-product instructions.
using Int8Runtime.Jit;

namespace Int8Runtime.Graph.Planning;

/// <summary>
/// VPMADDUBSW adds two products of u8 by s8 in 16 bits. Where no two weights that meet in it (<see cref="WeightPairs"/>) can
/// leave that range, or where kernels split those that can, products of bytes have the same exact sums as words. This holds for
/// u8 sources with any zero point, which is corrected behind the sum, and for s8 sources, which kernels shift to u8; a weights
/// zero point other than the middle of the type widens the operands and leaves nothing to choose.
/// </summary>
internal static class PairSums
{
    // In instructions of a step: words take 4, pairs 3, quads 2.5; a split vector takes about 3.5 more. Twice as many split vectors
    // as this would use up what is gained.
    private const double LargestShare = 0.125;

    /// <summary>How the products of an operation are to be computed.</summary>
    /// <param name="weights">The integers; null where they are computed when the model runs.</param>
    /// <param name="pairs">Which of them meet.</param>
    /// <param name="engine">The engine.</param>
    /// <param name="store">Remembers what was found out about constants.</param>
    public static NumericMode ModeFor(TensorData? weights, WeightPairs pairs, Engine engine, WeightsStore store) =>
        engine.NumericMode == NumericMode.Exact && engine.Isa.HasFlag(Isa.Sse41)
            && (engine.Isa & (Isa.Avx512Vnni | Isa.Avx2Vnni)) == Isa.None
        && weights is not null && weights.ElementType.IsInt8()
            ? store.ModeFor(weights, pairs, IsaTraits.For(engine.Isa).Lanes32)
            : NumericMode.Exact;

    /// <summary>The fastest of the exact ways for these weights.</summary>
    /// <param name="weights">8-bit integers; those of u8 are meant with 128 subtracted, as kernels have them.</param>
    /// <param name="pairs">Which of them meet.</param>
    /// <param name="lanes">Columns of a vector.</param>
    public static NumericMode Choose(TensorData weights, WeightPairs pairs, int lanes)
    {
        ReadOnlySpan<sbyte> integers = weights.ElementType == DataType.Int8 ? weights.AsSpan<sbyte>() : Centred(weights.AsSpan<byte>());
        (double Pairs, double Quads)? shares = pairs.SplitShares(integers, lanes);
        if (shares is { Quads: <= LargestShare })
            return NumericMode.ExactQuads;
        if (shares is null or { Pairs: 0 } && pairs.Fit(integers))
            return NumericMode.NarrowWeights;
        return shares is { Pairs: <= LargestShare } ? NumericMode.ExactPairs : NumericMode.Exact;
    }

    private static sbyte[] Centred(ReadOnlySpan<byte> weights)
    {
        var centred = new sbyte[weights.Length];
        for (int i = 0; i < centred.Length; i++)
            centred[i] = (sbyte)(weights[i] - 128);
        return centred;
    }
}
