// The runs of each line of output pixels: rows of the window that lie outside of the source are left out.
using System.Runtime.CompilerServices;

namespace Int8Runtime.X64;

/// <summary>
/// Tables of runs, one for each part of the window that some line meets: first the whole window, which is what is packed, then the
/// parts of lines near the upper and lower border (for a volume also of slices near the front and the back).
/// </summary>
internal sealed unsafe class ConvolutionRuns
{
    private readonly BrgemmRun[] _runs; // pinned
    private readonly List<(int Start, int Count)> _tables = [];
    private readonly int[] _tableOf; // [plane, line]
    private readonly int _lines;

    /// <summary>Makes the tables.</summary>
    /// <param name="geometry">The convolution.</param>
    /// <param name="rows">How its rows are read.</param>
    /// <param name="lines">Most lines of a unit of work, on which the place of scratch rows depends.</param>
    /// <param name="runBytes">Bytes of a run in packed weights.</param>
    public ConvolutionRuns(ConvolutionGeometry geometry, ConvolutionRows rows, int lines, long runBytes)
    {
        var whole = new Window(0, geometry.KernelDepth, 0, geometry.KernelHeight);
        var runs = new List<BrgemmRun>();
        var tables = new Dictionary<Window, int>();
        int TableOf(Window window)
        {
            if (tables.TryGetValue(window, out int table))
                return table;
            int start = runs.Count;
            AddRuns(window);
            _tables.Add((start, runs.Count - start));
            return tables[window] = _tables.Count - 1;
        }

        _ = TableOf(whole);
        _lines = rows.Lines;
        _tableOf = new int[rows.Planes * rows.Lines];
        if (rows.SkipsRows)
        {
            for (int i = 0; i < _tableOf.Length; i++)
            {
                (int plane, int line) = Math.DivRem(i, _lines);
                (int front, int back) = geometry.SlicesInside(plane);
                (int top, int bottom) = geometry.RowsInside(line);
                _tableOf[i] = TableOf(new Window(front, back, top, bottom));
            }
        }

        _runs = GC.AllocateArray<BrgemmRun>(runs.Count, pinned: true);
        runs.CopyTo(_runs);

        void AddRuns(Window window)
        {
            (long slice, long row, long pixel) = rows.Copy is null
                ? (geometry.DilationDepth * geometry.Source.Slice, geometry.Source.Row, geometry.Source.Pixel)
                : (geometry.RowsOf(lines) * rows.ScratchRowBytes, rows.ScratchRowBytes, rows.Copy.ScratchPixelBytes);
            for (int d = window.Front; d < window.Back; d++)
                for (int h = window.Top; h < window.Bottom; h++)
                    for (int run = 0; run < rows.RunsOfRow; run++)
                        runs.Add(new BrgemmRun(
                            (d * slice) + (h * geometry.DilationHeight * row) + (run * geometry.DilationWidth * pixel),
                            ((((long)d * geometry.KernelHeight) + h) * rows.RunsOfRow + run) * runBytes));
        }
    }

    /// <summary>Bytes of the tables.</summary>
    public long SizeInBytes => ((long)_runs.Length * BrgemmRun.Bytes) + (_tableOf.Length * sizeof(int));

    /// <summary>Sets the runs of a line.</summary>
    public void Select(int plane, int line, ref BrgemmArguments call) => Select(_tableOf[(plane * _lines) + line], ref call);

    /// <summary>Sets the runs of the whole window.</summary>
    public void SelectWhole(ref BrgemmArguments call) => Select(0, ref call);

    private void Select(int table, ref BrgemmArguments call)
    {
        (int start, int count) = _tables[table];
        call.PackedRuns = (BrgemmRun*)Unsafe.AsPointer(ref _runs[0]); // pinned
        call.Runs = call.PackedRuns + start;
        call.RunCount = count;
    }

    // The slices and rows of a window from the first to before the last.
    private readonly record struct Window(int Front, int Back, int Top, int Bottom);
}
