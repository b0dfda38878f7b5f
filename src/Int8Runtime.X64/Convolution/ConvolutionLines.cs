// How the lines of output pixels of a convolution are divided among tiles: a tile is a part of a line, or spans several short lines so
// that each vector of weights that is loaded serves more pixels.
using Int8Runtime.Jit;

namespace Int8Runtime.X64;

/// <summary>
/// Bands of lines with their kernels. A band is one line, or as many as a tile spans; bands at the upper and lower border, and a shorter
/// last one, have kernels of their own where they span.
/// </summary>
internal sealed class ConvolutionLines
{
    private readonly BrgemmKernels[] _kernels;
    private readonly int[] _kernelOfBand;
    private readonly int _lines;

    /// <summary>Makes the kernels.</summary>
    /// <param name="geometry">The convolution.</param>
    /// <param name="rows">How its rows are read.</param>
    /// <param name="blocking">The tile; with more rows than a line has pixels it spans whole lines.</param>
    /// <param name="kernelsOf">Makes the kernels of a band from its lines and the number of its rows.</param>
    public ConvolutionLines(
        ConvolutionGeometry geometry, ConvolutionRows rows, BrgemmBlocking blocking, Func<TileLines?, int, BrgemmKernels> kernelsOf)
    {
        _lines = rows.Lines;
        Span = Math.Clamp(blocking.Rows / rows.Pixels, 1, _lines);
        Bands = (_lines + Span - 1) / Span;
        if (Span == 1)
        {
            (_kernels, _kernelOfBand) = ([kernelsOf(null, rows.Pixels)], new int[Bands]);
            return;
        }

        var kinds = new List<(int Lines, TapClip? Clip)>();
        _kernelOfBand = new int[Bands];
        for (int band = 0; band < Bands; band++)
        {
            (int Lines, TapClip? Clip) kind = (LinesOf(band), rows.SkipsRows ? ClipOf(geometry, band) : null);
            int index = kinds.IndexOf(kind);
            if (index < 0)
            {
                index = kinds.Count;
                kinds.Add(kind);
            }

            _kernelOfBand[band] = index;
        }

        int sourceStep = checked((int)rows.LineStep), destinationStep = checked((int)geometry.Destination.Row);
        _kernels = [.. kinds.ConvertAll(kind => kernelsOf(
            new TileLines(rows.Pixels, sourceStep, destinationStep, kind.Clip, rows.RunsOfRow), kind.Lines * rows.Pixels))];
    }

    /// <summary>Lines of a band at most.</summary>
    public int Span { get; }

    /// <summary>Bands of an image, or of a plane of a volume.</summary>
    public int Bands { get; }

    /// <summary>The kernels of a band.</summary>
    public BrgemmKernels this[int band] => _kernels[_kernelOfBand[band]];

    /// <summary>
    /// How many lines a tile may span: those of one plane; one where windows have slices, rows that are left out lie apart, or the lines
    /// are out of the reach of a displacement.
    /// </summary>
    public static int MostOfTile(ConvolutionGeometry geometry, ConvolutionRows rows) =>
        geometry.KernelDepth == 1 && (!rows.SkipsRows || geometry.DilationHeight == 1)
        && rows.Lines * Math.Max(Math.Abs(rows.LineStep), Math.Abs(geometry.Destination.Row)) <= int.MaxValue
            ? rows.Lines : 1;

    private int LinesOf(int band) => Math.Min(Span, _lines - (band * Span));

    private TapClip? ClipOf(ConvolutionGeometry geometry, int band)
    {
        int first = (band * Span * geometry.StrideHeight) - geometry.Top;
        int last = first + ((LinesOf(band) - 1) * geometry.StrideHeight) + geometry.KernelHeight;
        int before = Math.Max(0, -first), after = Math.Max(0, last - geometry.InputHeight);
        return before == 0 && after == 0 ? null : new TapClip(geometry.KernelHeight, geometry.StrideHeight, before, after);
    }
}
