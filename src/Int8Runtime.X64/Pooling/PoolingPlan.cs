// A planned pooling: kernels, the clipping of windows at the borders, and the division of the work.
// Scratch: for each thread a table of windows, one for each pixel of a destination row.
using Int8Runtime.Jit;

namespace Int8Runtime.X64;

/// <summary>Executes a pooling row by row.</summary>
internal sealed unsafe class PoolingPlan : PrimitivePlan
{
    // Wide enough to hide the latency of the reduction, narrow enough for 16 registers.
    private const int VectorsOfBlock = 4;

    private const int LongestUnrolledRow = 8;

    private const int FewRowsPerThread = 8;

    private readonly PoolingDescriptor _descriptor;
    private readonly EpiloguePlan _epilogue;
    private readonly CompiledKernel? _full, _rest;
    private readonly RowLayout _source, _destination;
    private readonly Axis _vertical, _horizontal;
    private readonly int _blockChannels, _threads, _zeroPoint;
    private readonly float _scale;

    /// <summary>Creates the kernels.</summary>
    /// <param name="name">Name of the plan.</param>
    /// <param name="cache">Where kernels are kept.</param>
    /// <param name="isa">Instruction sets.</param>
    /// <param name="descriptor">The problem with resolved layouts.</param>
    /// <param name="reduction">How windows are reduced.</param>
    /// <param name="dequantization">Zero point and scale of the source; null where stored units pass through.</param>
    /// <param name="zeroPoint">What a padded element counts as.</param>
    /// <param name="epilogue">What happens to the values.</param>
    /// <param name="threads">Threads of one execution at most.</param>
    public PoolingPlan(
        string name, KernelCache cache, Isa isa, PoolingDescriptor descriptor, PoolingReduction reduction,
        (int ZeroPoint, float Scale)? dequantization, int zeroPoint, EpiloguePlan epilogue, int threads)
    {
        (Name, _descriptor, _epilogue, _zeroPoint, _threads) = (name, descriptor, epilogue, zeroPoint, threads);
        (_source, _destination) = (new RowLayout(descriptor.Source), new RowLayout(descriptor.Destination));
        int last = descriptor.SpatialRank - 1;
        _horizontal = Axis.Of(descriptor, last);
        _vertical = last > 0 ? Axis.Of(descriptor, 0) : new Axis(1, 1, 1, 1, 0, 0);
        _scale = dequantization?.Scale ?? 1f;
        _blockChannels = VectorsOfBlock * PoolingKernelGenerator.LanesOf(reduction, IsaTraits.For(isa));
        bool dequantizes = dequantization is { } q && (q.ZeroPoint != 0 || q.Scale != 1f);
        var spec = new PoolingKernelSpec(
            reduction, descriptor.Source.DataType, _horizontal.Kernel <= LongestUnrolledRow ? _horizontal.Kernel : 0,
            _horizontal.Dilation * _source.Pixel, _destination.Pixel, _blockChannels, zeroPoint != 0, dequantizes,
            reduction == PoolingReduction.ByteMaximum ? null : epilogue.Spec);
        var generator = new PoolingKernelGenerator();
        int rest = _source.Channels % _blockChannels;
        _full = _source.Channels >= _blockChannels ? generator.GetOrCreate(cache, spec, isa) : null;
        _rest = rest > 0 ? generator.GetOrCreate(cache, spec with { Channels = rest }, isa) : null;
    }

    /// <inheritdoc/>
    public override string Name { get; }

    /// <inheritdoc/>
    public override PrimitiveDescriptor Descriptor => _descriptor;

    /// <inheritdoc/>
    public override long ScratchBytes => (long)_threads * WindowTableBytes;

    /// <inheritdoc/>
    public override long SizeInBytes => 1024 + (_full?.Footprint ?? 0) + (_rest?.Footprint ?? 0) + _epilogue.SizeInBytes;

    /// <inheritdoc/>
    public override string Details => $"kernel {(_full ?? _rest)!.Name}";

    // A multiple of a cache line, so that threads do not share lines.
    private int WindowTableBytes => ((_destination.Columns * sizeof(PoolingWindow)) + 63) & ~63;

    /// <inheritdoc/>
    public override void Execute(in ExecutionContext context)
    {
        _epilogue.Prepare(in context.Arguments, _descriptor.Destination, out EpilogueArguments table);
        int threads = Math.Min(context.Threads, _threads);
        int rows = _destination.Images * _destination.Rows;
        int blocks = (_source.Channels + _blockChannels - 1) / _blockChannels;
        int parts = rows >= threads * FewRowsPerThread ? 1 : Math.Min(blocks, threads);
        var body = new Body(this, in context.Arguments, in table, context.Scratch, rows, parts, blocks);
        Parallel.Run(context.Pool, threads, ref body);
    }

    // Fills the table for destination rows whose windows have `inside` source rows and `counted` rows in the divisor.
    private void FillWindows(PoolingWindow* windows, int inside, int counted)
    {
        for (int column = 0; column < _destination.Columns; column++)
        {
            (int first, int columns, int countedColumns) = _horizontal.Clip(column);
            int elements = inside * columns;
            int all = _descriptor.Algorithm == PoolingAlgorithm.AverageIncludePadding ? counted * countedColumns : elements;
            // A window without elements is real 0, that is the zero point.
            (int divisor, int padding) = all == 0 ? (1, 1) : (all, all - elements);
            windows[column] = new PoolingWindow(first * _source.Pixel, columns, divisor, padding * _zeroPoint);
        }
    }

    // A spatial dimension: where windows lie.
    private readonly record struct Axis(int Extent, int Kernel, int Stride, int Dilation, int Before, int After)
    {
        public static Axis Of(PoolingDescriptor d, int axis) => new(
            d.Source.Dimensions[axis + 2], d.Kernel[axis], d.Stride(axis), d.Dilation(axis), d.Before(axis), d.After(axis));

        // First position and number of taps inside the source, and the number inside source and declared padding.
        public (int First, int Inside, int Counted) Clip(int output)
        {
            int start = (output * Stride) - Before;
            int skipped = start < 0 ? (-start + Dilation - 1) / Dilation : 0;
            int end = TapsBelow(start, Extent), counted = TapsBelow(start, Extent + After);
            return skipped >= end ? (0, 0, counted) : (start + (skipped * Dilation), end - skipped, counted);
        }

        // Taps of the window that starts at `start` whose position is below `limit`.
        private int TapsBelow(int start, int limit) =>
            Math.Clamp((limit - start + Dilation - 1) / Dilation, 0, Kernel);
    }

    private readonly ref struct Body(
        PoolingPlan plan, ref readonly ExecutionArguments arguments, ref readonly EpilogueArguments table, byte* scratch,
        int rows, int parts, int blocks) : IParallelBody
    {
        private readonly ref readonly ExecutionArguments _arguments = ref arguments;
        private readonly ref readonly EpilogueArguments _table = ref table;

        public void Run(int worker, int workers)
        {
            (int start, int end) = Parallel.Share(rows * parts, worker, workers);
            EpilogueArguments table = _table;
            var windows = (PoolingWindow*)(scratch + ((long)worker * plan.WindowTableBytes));
            int image = -1;
            (int Inside, int Counted) filled = (-1, -1);
            for (int item = start; item < end; item++)
            {
                int row = item % rows, part = item / rows;
                if (row / plan._destination.Rows != image)
                {
                    image = row / plan._destination.Rows;
                    plan._epilogue.SelectImage(in _arguments, image, ref table);
                }

                int y = row % plan._destination.Rows;
                (int first, int inside, int counted) = plan._vertical.Clip(y);
                if (filled != (inside, counted))
                {
                    plan.FillWindows(windows, inside, counted);
                    filled = (inside, counted);
                }

                (int firstBlock, int lastBlock) = Parallel.Share(blocks, part, parts);
                int fullBlocks = plan._source.Channels / plan._blockChannels;
                int full = Math.Min(lastBlock, fullBlocks) - firstBlock;
                if (full > 0)
                    RunBlocks(plan._full!, windows, image, y, first, inside, firstBlock, full, &table);
                if (lastBlock > fullBlocks)
                    RunBlocks(plan._rest!, windows, image, y, first, inside, fullBlocks, 1, &table);
            }
        }

        private void RunBlocks(
            CompiledKernel kernel, PoolingWindow* windows, int image, int row, int firstSourceRow, int sourceRows, int block, int blocks,
            EpilogueArguments* table)
        {
            (RowLayout from, RowLayout to) = (plan._source, plan._destination);
            long channel = (long)block * plan._blockChannels;
            var call = new PoolingKernelArguments
            {
                Source = (byte*)_arguments[ArgumentSlot.Source] + from.Start + (image * from.Image) + (firstSourceRow * from.Row)
                    + (channel * from.ElementBytes),
                Destination = (byte*)_arguments[ArgumentSlot.Destination] + to.Start + (image * to.Image) + (row * to.Row)
                    + (channel * to.ElementBytes),
                Windows = windows,
                Columns = to.Columns,
                Rows = sourceRows,
                RowStep = plan._vertical.Dilation * from.Row,
                Blocks = blocks,
                ZeroPoint = plan._zeroPoint,
                Scale = plan._scale,
                Channel = channel,
                Epilogue = table,
            };
            kernel.Entry(&call);
        }
    }
}
