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

    /// <summary>Copies a rectangle.</summary>
    public void Run(byte* source, byte* destination, int countA, int countB)
    {
        int step = _spec.Step;
        switch (_spec.Form)
        {
            case TransposeForm.Interleave when countA == _spec.Streams:
                Call(source, destination, 1, countB / step);
                RunLoop(source, destination, 0, countA, countB / step * step, countB);
                break;
            case TransposeForm.Deinterleave when countB == _spec.Streams:
                Call(source, destination, 1, countA / step);
                RunLoop(source, destination, countA / step * step, countA, 0, countB);
                break;
            case TransposeForm.Tile when countA >= step && countB >= step:
                RunTiles(source, destination, countA, countB, step);
                break;
            default:
                RunLoop(source, destination, 0, countA, 0, countB);
                break;
        }

        GC.KeepAlive(this);
    }

    // The last tile of a row or column that is no multiple of the tile overlaps the one before it.
    private void RunTiles(byte* source, byte* destination, int countA, int countB, int step)
    {
        Call(source, destination, countA / step, countB / step);
        long lastA = countA - step, lastB = countB - step;
        byte* lowerSource = source + (lastA * _sourceStride), lowerDestination = destination + (lastA * _size);
        if (countA % step != 0)
            Call(lowerSource, lowerDestination, 1, countB / step);
        if (countB % step == 0)
            return;
        Call(source + (lastB * _size), destination + (lastB * _destinationStride), countA / step, 1);
        if (countA % step != 0)
            Call(lowerSource + (lastB * _size), lowerDestination + (lastB * _destinationStride), 1, 1);
    }

    private void Call(byte* source, byte* destination, int tilesA, int tilesB)
    {
        if (tilesB == 0)
            return;
        var call = new TransposeArguments
        {
            Source = source,
            Destination = destination,
            SourceStride = _sourceStride,
            DestinationStride = _destinationStride,
            TilesA = tilesA,
            TilesB = tilesB,
        };
        _kernel.Entry(&call);
    }

    // What is smaller than a tile, element by element along the longer side.
    private void RunLoop(byte* source, byte* destination, int fromA, int toA, int fromB, int toB)
    {
        int countA = toA - fromA, countB = toB - fromB;
        source += (fromA * _sourceStride) + (fromB * _size);
        destination += (fromB * _destinationStride) + (fromA * _size);
        if (countA >= countB)
        {
            for (int b = 0; b < countB; b++)
                CopyElements(source + (b * _size), _sourceStride, destination + (b * _destinationStride), _size, countA);
        }
        else
        {
            for (int a = 0; a < countA; a++)
                CopyElements(source + (a * _sourceStride), _size, destination + (a * _size), _destinationStride, countB);
        }
    }

    private void CopyElements(byte* source, long sourceStride, byte* destination, long destinationStride, int count)
    {
        if (count == 0)
            return;
        var call = new RunCopyArguments
        {
            Source = source,
            Destination = destination,
            SourceStride = sourceStride,
            DestinationStride = destinationStride,
            Runs = count,
        };
        _elements.Entry(&call);
    }
}
