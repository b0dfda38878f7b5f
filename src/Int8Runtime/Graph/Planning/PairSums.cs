// Which integer product serves weights whose content is known, on CPUs without dot-product instructions.
using Int8Runtime.Jit;

namespace Int8Runtime.Graph.Planning;

/// <summary>
/// VPMADDUBSW adds two products of u8 by s8 in 16 bits. Where no two weights that meet in it (<see cref="WeightPairs"/>) can
/// leave that range, or where kernels split those that can, products of bytes have the same exact sums as words. This holds for
/// u8 sources with any zero point, which is corrected behind the sum, and for s8 sources, which kernels shift to u8; a weights
/// zero point other than the middle of the type widens the operands and leaves nothing to choose.
/// </summary>
/// <param name="Weights">8-bit integers; those of u8 are meant with 128 subtracted, as kernels have them.</param>
/// <param name="Pairs">Which of them meet.</param>
/// <param name="Lanes">Columns of a vector.</param>
internal sealed record PairSums(TensorData Weights, WeightPairs Pairs, int Lanes)
{
    // In instructions of a step: words take 4, pairs 3, quads 2.5; a split vector takes about 3.5 more. Twice as many split vectors
    // as this would use up what is gained.
    private const double LargestShare = 0.125;

    /// <summary>The question for the products of an operation; null where nothing depends on the weights.</summary>
    /// <param name="weights">The integers; null where they are computed when the model runs.</param>
    /// <param name="pairs">Which of them meet.</param>
    /// <param name="engine">The engine.</param>
    public static PairSums? Of(TensorData? weights, WeightPairs pairs, Engine engine) =>
        engine.NumericMode == NumericMode.Exact && engine.Isa.HasFlag(Isa.Sse41)
            && (engine.Isa & (Isa.Avx512Vnni | Isa.Avx2Vnni)) == Isa.None
        && weights is not null && weights.ElementType.IsInt8()
            ? new PairSums(weights, pairs, IsaTraits.For(engine.Isa).Lanes32)
            : null;

    /// <summary>The fastest of the exact ways for these weights. Looks at each of them.</summary>
    public NumericMode Choose()
    {
        ReadOnlySpan<sbyte> integers = Weights.ElementType == DataType.Int8 ? Weights.AsSpan<sbyte>() : Centred(Weights.AsSpan<byte>());
        (double Pairs, double Quads)? shares = Pairs.SplitShares(integers, Lanes);
        if (shares is { Quads: <= LargestShare })
            return NumericMode.ExactQuads;
        if (shares is null or { Pairs: 0 } && Pairs.Fit(integers))
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
