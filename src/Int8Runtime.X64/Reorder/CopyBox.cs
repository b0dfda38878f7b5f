// The part of a copy that one nest of loops covers.
using Int8Runtime.Jit;

namespace Int8Runtime.X64;

/// <summary>A box of elements that is copied as bits: rows of consecutive elements, a transpose, or single elements.</summary>
internal sealed unsafe class CopyBox
{
    // Rows of a transposed block, and bytes of transposes at once: so few that their cache lines stay in the first level. Of dense
    // streams every line is finished at once, so that many rows only save calls.
    private const int MostRows = 128, MostRowsOfStreams = 2048, MostBytes = 16384;

    private readonly OuterLoops _outer;
    private readonly int _size;
    private readonly Loop _first; // the loop within a run, or along which the destination of a transpose is consecutive
    private readonly Loop _second; // the loop over runs, or along which the source of a transpose is consecutive
    private readonly Loop _third = Loop.Once(2); // the loop over transposes
    private readonly int _stack = 1, _block; // transposes, and rows of one, that are copied at once
    private readonly Transposer? _transposer;
    private readonly CompiledKernel? _kernel; // of short runs

    /// <summary>Chooses how the box is copied. Tensor 0 is the destination, tensor 1 the source.</summary>
    public CopyBox(LoopNest nest, Isa isa, KernelCache cache, int size)
    {
        (_size, Bytes) = (size, nest.Count * size);
        List<Loop> loops = [.. nest.Loops];
        bool isRun = loops.Count > 0 && loops[^1].Strides[0] == size && loops[^1].Strides[1] == size;
        if (!isRun && TransposingBox.FindLoops(nest, size, size) is var (a, b))
        {
            (_first, _second) = (a, b);
            _transposer = new Transposer(isa, cache, size, a.Extent, b.Extent, a.Strides[1], b.Strides[0]);
            _third = Loop.InnermostOf(loops.Where(loop => !ReferenceEquals(loop, a) && !ReferenceEquals(loop, b)), 2);
            _block = _transposer.HasStreams ? MostRowsOfStreams : MostRows;
            _stack = (int)Math.Clamp(MostBytes / (a.Extent * Math.Min(_block, (long)b.Extent) * size), 1, _third.Extent);
            Details = _transposer.KernelName;
        }
        else
        {
            _first = isRun ? loops[^1] : Loop.Once(2);
            _second = Loop.InnermostOf(loops.Where(loop => !ReferenceEquals(loop, _first)), 2);
            Details = isRun ? "runs" : "elements";
            long bytes = (long)_first.Extent * size;
            if (bytes <= RunCopySpec.LongestRun && nest.Count > _first.Extent)
                _kernel = new RunCopyGenerator().GetOrCreate(cache, new RunCopySpec((int)bytes), isa);
        }

        _outer = new OuterLoops(nest.Start, [.. loops.Where(loop => !Array.Exists([_first, _second, _third], l => ReferenceEquals(l, loop)))]);
    }

    /// <summary>How elements travel.</summary>
    public string Details { get; }

    /// <summary>Size of the box.</summary>
    public long Bytes { get; }

    /// <summary>Copies a worker's share.</summary>
    public void Run(byte* source, byte* destination, int worker, int workers)
    {
        if (_transposer is null)
        {
            CopyRuns(source, destination, worker, workers);
            return;
        }

        int parts = ((_second.Extent - 1) / _block) + 1, stacks = ((_third.Extent - 1) / _stack) + 1;
        (long start, long end) = Parallel.Share(_outer.Count * stacks * parts, worker, workers);
        for (long i = start; i < end; i++)
        {
            (long rest, long part) = Math.DivRem(i, parts);
            (long iteration, long stack) = Math.DivRem(rest, stacks);
            Transpose(source, destination, iteration, (int)part * _block, (int)stack * _stack);
        }
    }

    private void CopyRuns(byte* source, byte* destination, int worker, int workers)
    {
        long all = _outer.Count * _second.Extent, length = _first.Extent;
        if (all == 1)
        {
            // One long run is cut into pieces for the workers.
            (long first, long last) = Parallel.Share(length, worker, workers);
            (long to, long from) = _outer.OffsetsOf(0);
            CopyRuns(source + from + (first * _size), destination + to + (first * _size), 1, (last - first) * _size);
            return;
        }

        (long next, long end) = Parallel.Share(all, worker, workers);
        while (next < end)
        {
            (long iteration, long run) = Math.DivRem(next, _second.Extent);
            long count = Math.Min(_second.Extent - run, end - next);
            (long to, long from) = _outer.OffsetsOf(iteration);
            CopyRuns(
                source + from + (run * _second.Strides[1]), destination + to + (run * _second.Strides[0]), count, length * _size);
            next += count;
        }
    }

    private void CopyRuns(byte* source, byte* destination, long runs, long bytes)
    {
        if (_kernel is null)
        {
            for (; runs > 0; runs--, source += _second.Strides[1], destination += _second.Strides[0])
                Buffer.MemoryCopy(source, destination, bytes, bytes);
            return;
        }

        var call = new RunCopyArguments
        {
            Source = source,
            Destination = destination,
            SourceStride = _second.Strides[1],
            DestinationStride = _second.Strides[0],
            Runs = runs,
        };
        _kernel.Entry(&call);
        GC.KeepAlive(this);
    }

    private void Transpose(byte* source, byte* destination, long iteration, int row, int first)
    {
        (long to, long from) = _outer.OffsetsOf(iteration);
        from += (row * _second.Strides[1]) + (first * _third.Strides[1]);
        to += (row * _second.Strides[0]) + (first * _third.Strides[0]);
        var stack = new RectangleStack(
            source + from, destination + to, Math.Min(_stack, _third.Extent - first), _third.Strides[1], _third.Strides[0]);
        _transposer!.Run(in stack, _first.Extent, Math.Min(_block, _second.Extent - row));
    }
}
