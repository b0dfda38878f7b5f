// The part of a copy that one nest of loops covers.
using Int8Runtime.Jit;

namespace Int8Runtime.X64;

/// <summary>A box of elements that is copied as bits: rows of consecutive elements, a transpose, or single elements.</summary>
internal sealed unsafe class CopyBox
{
    // Rows of a transposed block: few enough that their cache lines stay in the first level.
    private const int MostRows = 128;

    private readonly OuterLoops _outer;
    private readonly int _size;
    private readonly Loop _inner; // of a transpose: along which the destination is consecutive
    private readonly Loop? _second; // of a transpose: along which the source is consecutive
    private readonly Transposer? _transposer;
    private readonly bool _isRun;

    /// <summary>Chooses how the box is copied. Tensor 0 is the destination, tensor 1 the source.</summary>
    public CopyBox(LoopNest nest, Isa isa, KernelCache cache, int size)
    {
        (_size, Bytes) = (size, nest.Count * size);
        List<Loop> loops = [.. nest.Loops];
        if (loops.Count > 0 && loops[^1].Strides[0] == size && loops[^1].Strides[1] == size)
        {
            _isRun = true;
            _inner = loops[^1];
        }
        else if (TransposingBox.FindLoops(nest, size, size) is var (a, b))
        {
            (_inner, _second) = (a, b);
            _transposer = new Transposer(isa, cache, size, a.Extent, b.Extent, a.Strides[1], b.Strides[0]);
        }
        else
        {
            _inner = loops.Count > 0 ? loops.MaxBy(loop => loop.Extent)! : Loop.Once(2);
        }

        _outer = new OuterLoops(
            nest.Start, [.. loops.Where(loop => !ReferenceEquals(loop, _inner) && !ReferenceEquals(loop, _second))]);
    }

    /// <summary>How elements travel.</summary>
    public string Details => _transposer?.KernelName ?? (_isRun ? "runs" : "elements");

    /// <summary>Size of the box.</summary>
    public long Bytes { get; }

    /// <summary>Copies a worker's share.</summary>
    public void Run(byte* source, byte* destination, int worker, int workers)
    {
        if (_isRun && _outer.Count == 1)
        {
            // One long run is cut into pieces for the workers.
            (int from, int to) = Parallel.Share(_inner.Extent, worker, workers);
            CopyRun(source, destination, 0, from, to - from);
            return;
        }

        int parts = _second is null ? 1 : ((_second.Extent - 1) / MostRows) + 1;
        (long start, long end) = Parallel.Share(_outer.Count * parts, worker, workers);
        for (long i = start; i < end; i++)
        {
            if (_isRun)
                CopyRun(source, destination, i, 0, _inner.Extent);
            else if (_second is not null)
                Transpose(source, destination, i / parts, (int)(i % parts) * MostRows, _second);
            else
                CopyElements(source, destination, i);
        }
    }

    private void CopyRun(byte* source, byte* destination, long iteration, long first, long count)
    {
        (long to, long from) = _outer.OffsetsOf(iteration);
        Buffer.MemoryCopy(source + from + (first * _size), destination + to + (first * _size), count * _size, count * _size);
    }

    private void CopyElements(byte* source, byte* destination, long iteration)
    {
        (long to, long from) = _outer.OffsetsOf(iteration);
        ElementCopy.Run(source + from, _inner.Strides[1], destination + to, _inner.Strides[0], _inner.Extent, _size);
    }

    private void Transpose(byte* source, byte* destination, long iteration, int first, Loop second)
    {
        (long to, long from) = _outer.OffsetsOf(iteration);
        int count = Math.Min(MostRows, second.Extent - first);
        _transposer!.Run(
            source + from + (first * second.Strides[1]), destination + to + (first * second.Strides[0]), _inner.Extent, count);
    }
}
