// The size of a kernel's tile, chosen by a cost model.
using Int8Runtime.Jit;

namespace Int8Runtime.X64;

/// <summary>Vector registers that are not accumulators.</summary>
/// <param name="Total">Registers of the instruction set.</param>
/// <param name="Product">Temporaries of the product, held all the time.</param>
/// <param name="Epilogue">Registers of the epilogue, needed while the operands of products are not.</param>
internal readonly record struct BrgemmRegisters(int Total, int Product, int Epilogue)
{
    /// <summary>The budget of a kernel. Without opmasks a partial last vector needs one more register for its mask.</summary>
    public static BrgemmRegisters For(IsaTraits traits, DotProductKind product, EpilogueSpec epilogue, int columns)
    {
        int mask = !traits.HasOpmask && columns % traits.Lanes32 != 0 ? 1 : 0;
        return new BrgemmRegisters(
            traits.VectorRegisters, DotProducts.Create(product, traits).Temporaries, EpilogueEmitter.NeedsOf(epilogue).Vectors + mask);
    }

    /// <summary>Whether a tile of this size fits.</summary>
    public bool Fits(int rows, int vectors)
    {
        int operands = rows == 1 ? 1 : Math.Min(rows, vectors) + 1;
        return (rows * vectors) + Product + Math.Max(operands, Epilogue) <= Total;
    }
}

/// <summary>How columns and rows are divided among tiles.</summary>
/// <param name="Rows">Rows of a tile (MR).</param>
/// <param name="Vectors">Vectors of a tile's row (NR); the last tile of a row may have fewer.</param>
internal sealed record BrgemmBlocking(int Rows, int Vectors)
{
    // More panels of weights than this, read side by side, are more than the hardware prefetchers follow.
    private const int MaximumVectors = 8;

    private const int MaximumRows = 28;

    // In units of one product. A core that issues two products a cycle also issues two loads (Zen 5, Intel server cores),
    // one that issues one product issues one load (Zen 4), so a load weighs as much as a product and the two overlap.
    private const double Latency = 10, EpilogueOfVector = 3.5, LoopOfTile = 24, PressureOfLoad = 0.3;

    /// <summary>The blocking with the least estimated time.</summary>
    /// <param name="registers">The register budget.</param>
    /// <param name="rows">Rows that follow each other at a constant stride, e.g. pixels of an output row.</param>
    /// <param name="vectors">Column vectors.</param>
    /// <param name="steps">Steps over K, all runs together.</param>
    public static BrgemmBlocking Choose(BrgemmRegisters registers, int rows, int vectors, int steps)
    {
        BrgemmBlocking? best = null;
        double least = double.PositiveInfinity;
        for (int mr = 1; mr <= Math.Min(rows, MaximumRows); mr++)
        {
            for (int nr = 1; nr <= Math.Min(vectors, MaximumVectors) && registers.Fits(mr, nr); nr++)
            {
                double cost = Cost(mr, nr, rows, vectors, steps);
                if (cost < least)
                    (best, least) = (new BrgemmBlocking(mr, nr), cost);
            }
        }

        return best ?? new BrgemmBlocking(1, 1);
    }

    private static double Cost(int mr, int nr, int rows, int vectors, int steps)
    {
        double full = RowsCost(mr, nr, rows, steps), last = vectors % nr == 0 ? 0 : RowsCost(mr, vectors % nr, rows, steps);
        return (vectors / nr * full) + last;
    }

    private static double RowsCost(int mr, int nr, int rows, int steps) =>
        (rows / mr * TileCost(mr, nr, steps)) + (rows % mr == 0 ? 0 : TileCost(rows % mr, nr, steps));

    // Products and loads run side by side; loads above half of the products start to be felt, because they also compete for
    // the caches.
    private static double TileCost(int mr, int nr, int steps)
    {
        int products = mr * nr, loads = mr == 1 ? nr + 1 : mr + nr;
        double step = Math.Max(products, loads) + (PressureOfLoad * Math.Max(0, loads - (products / 2.0)));
        int chains = BrgemmGenerator.ChainsOf(mr, nr, 16);
        step = Math.Max(step, Latency / chains);
        return (steps * step) + (products * EpilogueOfVector) + LoopOfTile;
    }
}
