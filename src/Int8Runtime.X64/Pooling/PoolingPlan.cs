// A planned pooling: kernels, the clipping of windows at the borders, and the division of the work.
// Scratch: numbers that are given at execution, and for each thread a table of windows, one for each pixel of a destination row,
// and the offsets of their source rows.
using Int8Runtime.Jit;

namespace Int8Runtime.X64;

/// <summary>Executes a pooling row by row.</summary>
internal sealed unsafe class PoolingPlan : PrimitivePlan
{
    // Wide enough to hide the latency of the reduction, narrow enough for 16 registers.
    private const int VectorsOfBlock = 4;

    private const int LongestUnrolledRow = 8;

    private const int FewRowsPerThread = 8;

    /// <summary>
    /// Most elements of a window of s32 that is averaged: kernels sum to h·2¹⁶ + l, where h has 32 bits and 2¹⁶·2³¹ = 2⁴⁷ fits.
    /// </summary>
    public const int LargestWindowOfInt32 = 1 << 16;

    private readonly PoolingDescriptor _descriptor;
    private readonly EpiloguePlan _epilogue;
    private readonly CompiledKernel? _full, _rest;
    private readonly ImageLayout _source, _destination;
    private readonly Axis[] _outer; // all spatial dimensions but the last one
    private readonly Axis _inner;
    private readonly int _channels, _blockChannels, _threads, _rowsOfImage, _mostSourceRows;
    private readonly PrimitiveAttributes _attributes;
    private readonly OperandQuantization _quantization; // of the source; also where stored units pass, since padding is its zero point
    private readonly bool _isWide;

    /// <summary>Creates the kernels.</summary>
    /// <param name="name">Name of the plan.</param>
    /// <param name="cache">Where kernels are kept.</param>
    /// <param name="isa">Instruction sets.</param>
    /// <param name="descriptor">The problem with resolved layouts.</param>
    /// <param name="reduction">How windows are reduced.</param>
    /// <param name="attributes">Scales and zero points as they were given.</param>
    /// <param name="dequantizes">False where stored units pass through.</param>
    /// <param name="epilogue">What happens to the values.</param>
    /// <param name="threads">Threads of one execution at most.</param>
    public PoolingPlan(
        string name, KernelCache cache, Isa isa, PoolingDescriptor descriptor, PoolingReduction reduction,
        PrimitiveAttributes attributes, bool dequantizes, EpiloguePlan epilogue, int threads)
    {
        (Name, _descriptor, _epilogue, _attributes, _threads) = (name, descriptor, epilogue, attributes, threads);
        _quantization = OperandQuantization.OfSource(attributes);
        _isWide = PoolingKernelSpec.IsWideSum(reduction, descriptor.Source.DataType);
        (_source, _destination) = (new ImageLayout(descriptor.Source), new ImageLayout(descriptor.Destination));
        int last = descriptor.SpatialRank - 1;
        _inner = Axis.Of(descriptor, last);
        _outer = new Axis[last];
        for (int axis = 0; axis < last; axis++)
            _outer[axis] = Axis.Of(descriptor, axis);
        _rowsOfImage = _outer.Aggregate(1, (count, axis) => checked(count * axis.Outputs));
        _mostSourceRows = _outer.Aggregate(1, (count, axis) => checked(count * Math.Min(axis.Kernel, axis.Extent)));
        _channels = descriptor.Source.Dimensions[1];
        _blockChannels = VectorsOfBlock * ChannelBlock.LanesOf(IsaTraits.For(isa), reduction == PoolingReduction.ByteMaximum);
        var spec = new PoolingKernelSpec(
            reduction, descriptor.Source.DataType, _inner.Kernel <= LongestUnrolledRow ? _inner.Kernel : 0,
            _inner.Dilation * _source.Pixel, _destination.Pixel, _blockChannels, _quantization is not { ZeroPoint: 0, ZeroPointSlot: null },
            dequantizes && !_quantization.IsIdentity,
            reduction == PoolingReduction.ByteMaximum ? null : epilogue.Spec);
        var generator = new PoolingKernelGenerator();
        int rest = _channels % _blockChannels;
        _full = _channels >= _blockChannels ? generator.GetOrCreate(cache, spec, isa) : null;
        _rest = rest > 0 ? generator.GetOrCreate(cache, spec with { Channels = rest }, isa) : null;
    }

    /// <inheritdoc/>
    public override string Name { get; }

    /// <inheritdoc/>
    public override PrimitiveDescriptor Descriptor => _descriptor;

    /// <inheritdoc/>
    public override long ScratchBytes => _epilogue.ScratchBytes + (_threads * ThreadBytes);

    /// <inheritdoc/>
    public override long SizeInBytes => 1024 + (_full?.Footprint ?? 0) + (_rest?.Footprint ?? 0) + _epilogue.SizeInBytes;

    /// <inheritdoc/>
    public override string Details => $"kernel {(_full ?? _rest)!.Name}";

    private long ThreadBytes => ScratchLayout.RoundUp(WindowTableBytes + ((long)_mostSourceRows * sizeof(long)));

    private long WindowTableBytes => (long)_inner.Outputs * sizeof(PoolingWindow);

    /// <inheritdoc/>
    public override void Execute(in ExecutionContext context)
    {
        ExecutionArguments arguments = PassThrough.Complete(_attributes, in context.Arguments);
        _epilogue.Prepare(in arguments, _descriptor.Destination, context.Scratch, out EpilogueArguments table);
        int zeroPoint = _quantization.ZeroPointIn(in arguments);
        if (_descriptor.Source.DataType.IsInt8() && !SumsFit(_descriptor, zeroPoint))
            throw new ArgumentException($"The source zero point {zeroPoint} that was given at execution needs sums of more than 32 bits.");
        long tapBytes = _descriptor.Destination.ElementCount * _descriptor.Kernel.ElementCount * _source.ElementBytes;
        int threads = Math.Min(WorkSharing.Threads(tapBytes, context.Threads), _threads);
        int rows = _descriptor.Destination.Dimensions[0] * _rowsOfImage;
        int blocks = (_channels + _blockChannels - 1) / _blockChannels;
        int parts = rows >= threads * FewRowsPerThread ? 1 : Math.Min(blocks, threads);
        var body = new Body(
            this, in arguments, in table, context.Scratch + _epilogue.ScratchBytes, zeroPoint, rows, parts, blocks);
        Parallel.Run(context.Pool, threads, ref body);
    }

    /// <summary>Whether sums of 8-bit elements, of which the padded ones are the zero point, have 32 bits.</summary>
    public static bool SumsFit(PoolingDescriptor descriptor, int zeroPoint) =>
        descriptor.Kernel.ElementCount * Math.Max(255L, Math.Abs((long)zeroPoint)) <= int.MaxValue;

    // Fills the table for destination rows whose windows have `inside` source rows and `counted` rows in the divisor.
    private void FillWindows(PoolingWindow* windows, int inside, long counted, int zeroPoint)
    {
        for (int column = 0; column < _inner.Outputs; column++)
        {
            (int first, int columns, int countedColumns) = _inner.Clip(column);
            long elements = (long)inside * columns;
            long all = _descriptor.Algorithm == PoolingAlgorithm.AverageIncludePadding ? counted * countedColumns : elements;
            // A window without elements is real 0, that is the zero point.
            (long divisor, long padding) = all == 0 ? (1, 1) : (all, all - elements);
            long addend = padding * zeroPoint;
            windows[column] = _isWide
                ? new PoolingWindow(first * _source.Pixel, columns, divisor, (int)(addend >> 16), (int)(addend & 0xFFFF))
                : new PoolingWindow(first * _source.Pixel, columns, divisor, (int)addend, 0);
        }
    }

    // A spatial dimension: where windows lie, and the steps of source and destination in bytes.
    private sealed record Axis(
        int Extent, int Outputs, int Kernel, int Stride, int Dilation, int Before, int After, long SourceStep, long DestinationStep)
    {
        public static Axis Of(PoolingDescriptor d, int axis) => new(
            d.Source.Dimensions[axis + 2], d.Destination.Dimensions[axis + 2], d.Kernel[axis], d.Stride(axis), d.Dilation(axis),
            d.Before(axis), d.After(axis), new ImageLayout(d.Source).Step(axis), new ImageLayout(d.Destination).Step(axis));

        // First position and number of taps inside the source, and the number inside source and declared padding.
        public (int First, int Inside, int Counted) Clip(int output)
        {
            int start = (output * Stride) - Before;
            int skipped = start < 0 ? (-start + Dilation - 1) / Dilation : 0;
            int end = TapsBelow(start, Math.Min(Extent, Extent + After)), counted = TapsBelow(start, Extent + After);
            return skipped >= end ? (0, 0, counted) : (start + (skipped * Dilation), end - skipped, counted);
        }

        // Taps of the window that starts at `start` whose position is below `limit`.
        private int TapsBelow(int start, int limit) =>
            Math.Clamp((limit - start + Dilation - 1) / Dilation, 0, Kernel);
    }

    private readonly ref struct Body(
        PoolingPlan plan, ref readonly ExecutionArguments arguments, ref readonly EpilogueArguments table, byte* scratch,
        int zeroPoint, int rows, int parts, int blocks) : IParallelBody
    {
        private readonly ref readonly ExecutionArguments _arguments = ref arguments;
        private readonly ref readonly EpilogueArguments _table = ref table;

        public void Run(int worker, int workers)
        {
            (int start, int end) = Parallel.Share(rows * parts, worker, workers);
            EpilogueArguments table = _table;
            var windows = (PoolingWindow*)(scratch + (worker * plan.ThreadBytes));
            var rowOffsets = (long*)(scratch + (worker * plan.ThreadBytes) + plan.WindowTableBytes);
            int image = -1;
            (int Inside, long Counted) filled = (-1, -1);
            for (int item = start; item < end; item++)
            {
                int row = item % rows, part = item / rows;
                if (row / plan._rowsOfImage != image)
                {
                    image = row / plan._rowsOfImage;
                    plan._epilogue.SelectImage(in _arguments, image, ref table);
                }

                (int inside, long counted, long destinationRow) = Locate(row % plan._rowsOfImage, rowOffsets);
                if (filled != (inside, counted))
                {
                    plan.FillWindows(windows, inside, counted, zeroPoint);
                    filled = (inside, counted);
                }

                var call = new PoolingKernelArguments
                {
                    Source = (byte*)_arguments[ArgumentSlot.Source] + plan._source.Start + (image * plan._source.Image),
                    Destination = (byte*)_arguments[ArgumentSlot.Destination] + plan._destination.Start
                        + (image * plan._destination.Image) + destinationRow,
                    Windows = windows,
                    Columns = plan._inner.Outputs,
                    Rows = inside,
                    RowOffsets = rowOffsets,
                    ZeroPoint = zeroPoint,
                    Scale = plan._quantization.ScaleIn(in _arguments),
                    Epilogue = &table,
                };
                (int firstBlock, int lastBlock) = Parallel.Share(blocks, part, parts);
                int fullBlocks = plan._channels / plan._blockChannels;
                int full = Math.Min(lastBlock, fullBlocks) - firstBlock;
                if (full > 0)
                    RunBlocks(plan._full!, call, firstBlock, full);
                if (lastBlock > fullBlocks)
                    RunBlocks(plan._rest!, call, fullBlocks, 1);
            }
        }

        // The source rows inside the windows of a destination row (their number is `inside`, with padding `counted`) in row-major
        // order, and where the destination row begins.
        private (int Inside, long Counted, long DestinationRow) Locate(int row, long* rowOffsets)
        {
            (int inside, long counted, long destinationRow) = (1, 1, 0);
            rowOffsets[0] = 0;

            // From the innermost of the outer dimensions outwards, each repeats the rows found so far.
            for (int a = plan._outer.Length - 1; a >= 0; a--)
            {
                Axis axis = plan._outer[a];
                (row, int output) = Math.DivRem(row, axis.Outputs);
                destinationRow += output * axis.DestinationStep;
                (int first, int taps, int countedTaps) = axis.Clip(output);
                for (int tap = taps - 1; tap >= 0; tap--)
                    for (int r = 0; r < inside; r++)
                        rowOffsets[(tap * inside) + r] = rowOffsets[r] + ((first + ((long)tap * axis.Dilation)) * axis.SourceStep);
                inside *= taps;
                counted *= countedTaps;
            }

            return (inside, counted, destinationRow);
        }

        private void RunBlocks(CompiledKernel kernel, PoolingKernelArguments call, int block, int blocks)
        {
            call.Channel = (long)block * plan._blockChannels;
            call.Source += call.Channel * plan._source.ElementBytes;
            call.Destination += call.Channel * plan._destination.ElementBytes;
            call.Blocks = blocks;
            kernel.Entry(&call);
        }
    }
}
