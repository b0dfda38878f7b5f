// The edges of a line of output pixels whose windows reach beyond the source: products there are left out, not multiplied by zero.
namespace Int8Runtime.X64;

/// <summary>
/// What a tile leaves out. Each run of its rows is one row of the window, whose taps follow each other, or a single tap where windows are
/// dilated; row m meets at tap t the source pixel m·<see cref="Step"/> + t·<see cref="Dilation"/>, counted from the first one of row 0.
/// </summary>
/// <param name="Taps">Taps of a row of the window; each has the same number of steps.</param>
/// <param name="Step">Source pixels from a row of the tile to the next.</param>
/// <param name="Before">How many source pixels of row 0's window, and then of the following rows', lie before the source.</param>
/// <param name="After">The same behind the source, counted backwards from the last tap of the last row.</param>
/// <param name="Dilation">Source pixels from a tap to the next.</param>
internal readonly record struct TapClip(int Taps, int Step, int Before, int After, int Dilation = 1)
{
    /// <summary>Whether each tap is a run of its own.</summary>
    public bool TapsAreRuns => Dilation > 1;

    /// <summary>The rows that take part in a tap: from the first to before the end.</summary>
    public (int First, int End) RowsOf(int tap, int rows)
    {
        int first = Math.Min(rows, Rows(Before - (tap * Dilation)));
        return (first, Math.Max(first, rows - Rows(After - ((Taps - 1 - tap) * Dilation))));
    }

    /// <inheritdoc/>
    public override string ToString() => $"{Taps}:{Step}:{Before}:{After}" + (TapsAreRuns ? $":{Dilation}" : "");

    // Rows until so many pixels are passed.
    private int Rows(int pixels) => pixels <= 0 ? 0 : (pixels + Step - 1) / Step;
}

/// <summary>A line of pixels whose first and last windows may reach beyond the source.</summary>
/// <param name="Taps">Taps of a row of the window.</param>
/// <param name="Step">Source pixels from a pixel to the next.</param>
/// <param name="Left">Source pixels that are missing before the first window.</param>
/// <param name="Right">Source pixels that are missing behind the last window.</param>
/// <param name="Dilation">Source pixels from a tap to the next.</param>
internal readonly record struct LineEdges(int Taps, int Step, int Left, int Right, int Dilation)
{
    /// <summary>What the tile of <paramref name="rows"/> pixels from <paramref name="first"/> on leaves out; null for nothing.</summary>
    /// <param name="first">First pixel.</param>
    /// <param name="rows">Pixels of the tile.</param>
    /// <param name="pixels">Pixels of the line.</param>
    public TapClip? ClipOf(int first, int rows, int pixels)
    {
        int before = Math.Max(0, Left - (first * Step)), after = Math.Max(0, Right - ((pixels - first - rows) * Step));
        return before == 0 && after == 0 ? null : new TapClip(Taps, Step, before, after, Dilation);
    }
}

/// <summary>
/// A tile that spans whole lines of output pixels: row m is pixel m mod <see cref="Pixels"/> of line m div <see cref="Pixels"/>.
/// </summary>
/// <param name="Pixels">Pixels of a line.</param>
/// <param name="SourceStep">Bytes from the source of a line to that of the next.</param>
/// <param name="DestinationStep">Bytes from a line of the destination to the next.</param>
/// <param name="Clip">The rows of the window that lines leave out, taps being rows of the window; null for none.</param>
/// <param name="RunsOfTap">Runs of a row of the window.</param>
internal readonly record struct TileLines(int Pixels, int SourceStep, int DestinationStep, TapClip? Clip, int RunsOfTap);
