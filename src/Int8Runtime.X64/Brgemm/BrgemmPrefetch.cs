// Cache lines that a matrix kernel asks for before it needs them.
using Int8Runtime.Jit;

namespace Int8Runtime.X64;

/// <summary>What a kernel asks for ahead of its use. No result depends on it.</summary>
[Flags]
internal enum BrgemmPrefetch
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>Weights some steps ahead: those of the second-level cache arrive in time.</summary>
    Weights = 1,

    /// <summary>
    /// The rows of the next tile. Tiles read many rows side by side, a few bytes of each, which hardware prefetchers do not follow.
    /// </summary>
    NextTile = 2,

    /// <summary>The lines that a tile writes, which arrive while its products are summed.</summary>
    Destination = 4,
}

/// <summary>Emits the prefetches of one kernel.</summary>
/// <param name="asm">The kernel.</param>
/// <param name="spec">What the kernel is.</param>
internal sealed class PrefetchEmitter(KernelAssembler asm, BrgemmSpec spec) : IDisposable
{
    // A step of a full tile takes 14 cycles where two products are issued a cycle.
    private const int StepsAhead = 8;

    private const int Line = 64, StepBytes = 4;

    // Where the source of the next tile is; rows lie one behind the other, so it is one piece of memory for each run.
    private readonly Gpr? _nextTile = (spec.Prefetch & BrgemmPrefetch.NextTile) != 0 ? asm.Registers.Gpr("next tile") : null;

    /// <summary>Begins a tile.</summary>
    /// <param name="asm">The kernel.</param>
    /// <param name="spec">What the kernel is.</param>
    /// <param name="row">Address of each row of the destination.</param>
    public static void Destination(KernelAssembler asm, BrgemmSpec spec, Func<int, Mem> row)
    {
        if ((spec.Prefetch & BrgemmPrefetch.Destination) == 0)
            return;
        int bytes = spec.Vectors * asm.Traits.Lanes32 * spec.Epilogue.Destination.SizeInBytes();
        for (int m = 0; m < spec.Rows; m++)
            for (int at = 0; at < bytes; at += Line)
                asm.Prefetch(row(m) + at);
    }

    /// <summary>Gives the register back.</summary>
    public void Dispose() => _nextTile?.Dispose();

    /// <summary>Begins a run.</summary>
    /// <param name="row">Register of the run's place in the first row of the tile.</param>
    public void BeginRun(Gpr row)
    {
        if (_nextTile is { } next)
            asm.Lea(next, row[spec.Rows * spec.SourceStride]);
    }

    /// <summary>Asks for a vector of weights of a later step.</summary>
    /// <param name="step">Address of the vector in this step.</param>
    public void Weights(Mem step)
    {
        if ((spec.Prefetch & BrgemmPrefetch.Weights) != 0)
            asm.Prefetch(step + (StepsAhead * asm.Traits.VectorBytes));
    }

    /// <summary>Asks for the share of the next tile that belongs to some steps of a run.</summary>
    /// <param name="steps">Steps that were emitted.</param>
    public void NextTile(int steps)
    {
        if (_nextTile is not { } next)
            return;
        int lines = Math.Max(1, ((steps * spec.Rows * spec.SourceStride) + (spec.RunSteps * Line / 2)) / (spec.RunSteps * Line));
        for (int line = 0; line < lines; line++)
            asm.Prefetch(next[line * Line]);
        asm.Add(next, lines * Line);
    }
}
