// Transposes of whole rectangles: kernel tiles, overlapping tiles at the edges, and single elements where it is smaller than a tile.
using Int8Runtime.Jit;

namespace Int8Runtime.X64;

/// <summary>
/// Copies <c>source[a][b]</c> to <c>destination[b][a]</c>, elements as bits. Rows of the source are consecutive along b, those
/// of the destination along a.
/// </summary>
internal sealed unsafe class Transposer
{
    private const int MostStreams = 4;

    private readonly int _size;
    private readonly long _sourceStride, _destinationStride;
    private readonly TransposeSpec _spec;
    private readonly CompiledKernel _kernel, _elements;

    /// <summary>Chooses the kernel.</summary>
    /// <param name="isa">Instruction sets of the kernel.</param>
    /// <param name="cache">Where kernels are kept.</param>
    /// <param name="elementBytes">1, 2 or 4.</param>
    /// <param name="countA">Usual extent along a.</param>
    /// <param name="countB">Usual extent along b.</param>
    /// <param name="sourceStride">Bytes between rows of the source.</param>
    /// <param name="destinationStride">Bytes between rows of the destination.</param>
    public Transposer(
        Isa isa, KernelCache cache, int elementBytes, int countA, int countB, long sourceStride, long destinationStride)
    {
        (_size, _sourceStride, _destinationStride) = (elementBytes, sourceStride, destinationStride);
        _spec = countA is >= 2 and <= MostStreams && destinationStride == countA * elementBytes
                ? new TransposeSpec(elementBytes, TransposeForm.Interleave, countA)
            : countB is >= 2 and <= MostStreams && sourceStride == countB * elementBytes
                ? new TransposeSpec(elementBytes, TransposeForm.Deinterleave, countB)
                : new TransposeSpec(elementBytes, TransposeForm.Tile);
        _kernel = new TransposeGenerator().GetOrCreate(cache, _spec, isa);
        _elements = new RunCopyGenerator().GetOrCreate(cache, new RunCopySpec(elementBytes), isa);
    }

    /// <summary>Name of the kernel.</summary>
    public string KernelName => _kernel.Name;

    /// <summary>Whether dense streams are interleaved or taken apart.</summary>
    public bool HasStreams => _spec.Form != TransposeForm.Tile;

    /// <summary>Copies a rectangle.</summary>
    public void Run(byte* source, byte* destination, int countA, int countB) =>
        Run(new RectangleStack(source, destination, 1, 0, 0), countA, countB);

    /// <summary>Copies a stack of rectangles.</summary>
    public void Run(in RectangleStack stack, int countA, int countB)
    {
        int step = _spec.Step;
        switch (_spec.Form)
        {
            case TransposeForm.Interleave when countA == _spec.Streams:
                Call(in stack, 1, countB / step);
                CopyElements(Moved(in stack, 0, countB / step * step), countA, countB % step);
                break;
            case TransposeForm.Deinterleave when countB == _spec.Streams:
                Call(in stack, 1, countA / step);
                CopyElements(Moved(in stack, countA / step * step, 0), countA % step, countB);
                break;
            case TransposeForm.Tile when countA >= step && countB >= step:
                RunTiles(in stack, countA, countB, step);
                break;
            default:
                CopyElements(in stack, countA, countB);
                break;
        }

        GC.KeepAlive(this);
    }

    // The last tile of a row or column that is no multiple of the tile overlaps the one before it.
    private void RunTiles(in RectangleStack stack, int countA, int countB, int step)
    {
        int lastA = countA - step, lastB = countB - step;
        Call(in stack, countA / step, countB / step);
        if (countA % step != 0)
            Call(Moved(in stack, lastA, 0), 1, countB / step);
        if (countB % step == 0)
            return;
        Call(Moved(in stack, 0, lastB), countA / step, 1);
        if (countA % step != 0)
            Call(Moved(in stack, lastA, lastB), 1, 1);
    }

    private RectangleStack Moved(in RectangleStack stack, int a, int b) => stack with
    {
        Source = stack.Source + (a * _sourceStride) + (b * _size),
        Destination = stack.Destination + (b * _destinationStride) + (a * _size),
    };

    private void Call(in RectangleStack stack, int tilesA, int tilesB)
    {
        if (tilesB == 0)
            return;
        var call = new TransposeArguments
        {
            Source = stack.Source,
            Destination = stack.Destination,
            SourceStride = _sourceStride,
            DestinationStride = _destinationStride,
            TilesA = tilesA,
            TilesB = tilesB,
            Count = stack.Count,
            NextSource = stack.NextSource,
            NextDestination = stack.NextDestination,
        };
        _kernel.Entry(&call);
    }

    // What is smaller than a tile, element by element along the longest direction.
    private void CopyElements(in RectangleStack stack, int countA, int countB)
    {
        if (countA == 0 || countB == 0)
            return;
        Direction longest = new(countA, _size, _sourceStride), second = new(countB, _destinationStride, _size),
            third = new(stack.Count, stack.NextDestination, stack.NextSource);
        if (second.Count > longest.Count)
            (longest, second) = (second, longest);
        if (third.Count > longest.Count)
            (longest, third) = (third, longest);
        var call = new RunCopyArguments { SourceStride = longest.Source, DestinationStride = longest.Destination, Runs = longest.Count };
        for (long i = 0; i < second.Count; i++)
        {
            for (long j = 0; j < third.Count; j++)
            {
                call.Source = stack.Source + (i * second.Source) + (j * third.Source);
                call.Destination = stack.Destination + (i * second.Destination) + (j * third.Destination);
                _elements.Entry(&call);
            }
        }
    }

    // A loop and the bytes by which it moves.
    private readonly record struct Direction(long Count, long Destination, long Source);
}

/// <summary>Equal rectangles at equal distances.</summary>
/// <param name="source">Element [0][0] of the first source.</param>
/// <param name="destination">Element [0][0] of the first destination.</param>
/// <param name="count">Number of rectangles, at least 1.</param>
/// <param name="nextSource">Bytes from one source to the next.</param>
/// <param name="nextDestination">Bytes from one destination to the next.</param>
internal readonly unsafe struct RectangleStack(byte* source, byte* destination, long count, long nextSource, long nextDestination)
{
    public byte* Source { get; init; } = source;

    public byte* Destination { get; init; } = destination;

    public long Count => count;

    public long NextSource => nextSource;

    public long NextDestination => nextDestination;
}
