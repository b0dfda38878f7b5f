// Rows too short to fill vectors, transposed so that lanes are rows.
using Int8Runtime.Jit;

namespace Int8Runtime.X64;

/// <summary>
/// Passes rows along an innermost axis through scratch memory in which the axis is outermost and neighbouring rows are consecutive, and
/// back. Of rows of two elements this takes an eighth of the time of reductions across lanes.
/// </summary>
internal sealed unsafe class ShortRows
{
    /// <summary>Elements up to which transposing twice takes less than reductions across lanes.</summary>
    public const int Longest = 32;

    /// <summary>Neighbouring rows of a call.</summary>
    public const int Block = 64;

    private readonly Transposer _in, _out;
    private readonly int _axis, _sourceBytes, _destinationBytes;

    /// <summary>Chooses the transposes.</summary>
    /// <param name="isa">Instruction sets of the kernels.</param>
    /// <param name="cache">Where kernels are kept.</param>
    /// <param name="source">The source, in which the axis is consecutive.</param>
    /// <param name="destination">The destination, likewise.</param>
    /// <param name="axis">Extent of the axis.</param>
    /// <param name="rows">The rows.</param>
    public ShortRows(Isa isa, KernelCache cache, MemoryDescriptor source, MemoryDescriptor destination, int axis, RowLoops rows)
    {
        (_axis, _sourceBytes, _destinationBytes) = (axis, source.DataType.SizeInBytes(), destination.DataType.SizeInBytes());
        _in = new Transposer(isa, cache, _sourceBytes, Block, axis, rows.SourceStride, Block * _sourceBytes);
        _out = new Transposer(isa, cache, _destinationBytes, axis, Block, Block * _destinationBytes, rows.DestinationStride);
    }

    /// <summary>Bytes of a worker.</summary>
    public long ScratchBytes => SourceBytes + ScratchLayout.RoundUp((long)_axis * Block * _destinationBytes);

    /// <summary>Names of the kernels.</summary>
    public string Details => $"{_in.KernelName}, {_out.KernelName}";

    private long SourceBytes => ScratchLayout.RoundUp((long)_axis * Block * _sourceBytes);

    /// <summary>Computes neighbouring rows.</summary>
    /// <param name="kernel">The kernel, whose lanes are rows.</param>
    /// <param name="call">Its arguments, of which those that say where rows lie are set here.</param>
    /// <param name="source">First row of the source.</param>
    /// <param name="destination">First row of the destination; may be the source's.</param>
    /// <param name="rows">Number of rows, <see cref="Block"/> at most.</param>
    /// <param name="scratch"><see cref="ScratchBytes"/> bytes.</param>
    public void Run(CompiledKernel kernel, ref SoftmaxArguments call, byte* source, byte* destination, int rows, byte* scratch)
    {
        byte* results = scratch + SourceBytes;
        _in.Run(source, scratch, rows, _axis);
        call.Source = scratch;
        call.Destination = results;
        (call.SourceStride, call.DestinationStride, call.Rows) = (Block * _sourceBytes, Block * _destinationBytes, rows);
        fixed (SoftmaxArguments* arguments = &call)
            kernel.Entry(arguments);
        _out.Run(results, destination, _axis, rows);
    }
}
