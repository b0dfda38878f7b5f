// A planned depthwise convolution: kernels, scratch memory and the division of the work.
// Scratch: [padding row, if the window reaches above or below the source][bias in unpacked order, if it is needed].
using Int8Runtime.Jit;

namespace Int8Runtime.X64;

/// <summary>Executes a depthwise convolution row by row.</summary>
internal sealed unsafe class DepthwisePlan : PrimitivePlan
{
    // With fewer destination rows than this for each thread, threads also share the channel blocks.
    private const int FewRowsPerThread = 8;

    private readonly ConvolutionDescriptor _descriptor;
    private readonly DepthwiseWeights _layout;
    private readonly TapGeometry _geometry;
    private readonly EpiloguePlan _epilogue;
    private readonly CompiledKernel? _full, _tail;
    private readonly AlignedFloats? _unpackedScale;
    private readonly bool _copiesBias;
    private readonly uint _padding;
    private readonly byte _paddingByte;
    private readonly RowLayout _source, _destination;
    private readonly int _kernelHeight, _rowStride, _rowDilation, _rowsBefore;
    private readonly long _firstColumn;
    private readonly bool _needsPaddingRow;

    /// <summary>Creates the kernels.</summary>
    public DepthwisePlan(
        string name, KernelCache cache, Isa isa, ConvolutionDescriptor descriptor, DepthwiseWeights layout,
        TapProductKind product, int padding, Epilogue epilogue, EpiloguePlan epiloguePlan)
    {
        (Name, _descriptor, _layout, _epilogue) = (name, descriptor, layout, epiloguePlan);
        _geometry = TapGeometry.Of(product, IsaTraits.For(isa));
        (_source, _destination) = (new RowLayout(descriptor.Source), new RowLayout(descriptor.Destination));
        int last = descriptor.SpatialRank - 1;
        bool hasRows = last > 0;
        (_kernelHeight, _rowStride, _rowDilation, _rowsBefore) = hasRows
            ? (descriptor.Weights.Dimensions[2], descriptor.Stride(0), descriptor.Dilation(0), descriptor.Before(0))
            : (1, 1, 1, 0);
        _needsPaddingRow = hasRows && (descriptor.Before(0) > 0 || descriptor.After(0) > 0);
        _firstColumn = -(long)descriptor.Before(last) * _source.Pixel;
        bool isSigned = descriptor.Source.DataType == DataType.Int8;
        _padding = (uint)padding * (product == TapProductKind.WordPairs ? 0x00010001u : 0x01010101u);
        _paddingByte = (byte)(isSigned ? padding - 128 : padding);
        int channels = descriptor.Source.Dimensions[1], tail = channels % _geometry.BlockChannels;
        var spec = new DepthwiseKernelSpec(
            product, descriptor.Source.DataType, _kernelHeight, descriptor.Weights.Dimensions[^1], descriptor.Stride(last),
            descriptor.Dilation(last), _source.Pixel, _destination.Pixel, _geometry.BlockChannels, padding != 0, epiloguePlan.Spec);
        var generator = new DepthwiseKernelGenerator();
        _full = channels >= _geometry.BlockChannels ? generator.GetOrCreate(cache, spec, isa) : null;
        _tail = tail > 0 ? generator.GetOrCreate(cache, spec with { Channels = tail }, isa) : null;
        if (!DepthwiseStore.StoresPacked(spec))
            return;
        _copiesBias = epiloguePlan.Spec.Bias == OperandMode.PerChannel;
        if (epiloguePlan.Spec.Scale == OperandMode.PerChannel)
        {
            var scale = new float[PaddedChannels];
            fixed (float* source = epilogue.Scale, destination = scale)
                ToUnpackedOrder(source, destination, channels);
            _unpackedScale = AlignedFloats.Copy(scale);
        }
    }

    /// <inheritdoc/>
    public override string Name { get; }

    /// <inheritdoc/>
    public override PrimitiveDescriptor Descriptor => _descriptor;

    /// <inheritdoc/>
    public override long ScratchBytes => PaddingRowBytes + (_copiesBias ? PaddedChannels * sizeof(float) : 0);

    /// <inheritdoc/>
    public override long SizeInBytes => 1024 + (_full?.Footprint ?? 0) + (_tail?.Footprint ?? 0) + _epilogue.SizeInBytes;

    /// <inheritdoc/>
    public override string Details => $"{_layout.Name}, kernel {(_full ?? _tail)!.Name}";

    private int PaddedChannels => _layout.Blocks * _geometry.BlockChannels;

    private long RowBytes => (long)_source.Columns * _source.Pixel;

    private long PaddingRowBytes => _needsPaddingRow ? (RowBytes + 63) & ~63L : 0;

    /// <inheritdoc/>
    public override void Execute(in ExecutionContext context)
    {
        _epilogue.Prepare(in context.Arguments, _descriptor.Destination, out EpilogueArguments table);
        if (_unpackedScale is not null)
            table.Scale = _unpackedScale.Data;
        if (_copiesBias)
        {
            var bias = (float*)(context.Scratch + PaddingRowBytes);
            ToUnpackedOrder(table.Bias, bias, _descriptor.Source.Dimensions[1]);
            table.Bias = bias;
        }

        if (_needsPaddingRow)
            new Span<byte>(context.Scratch, (int)RowBytes).Fill(_paddingByte);
        int rows = _destination.Images * _destination.Rows;
        int blocks = _layout.Blocks;
        int parts = rows >= context.Threads * FewRowsPerThread ? 1 : Math.Min(blocks, context.Threads);
        var body = new Body(this, in context.Arguments, in table, context.Scratch, rows, parts);
        context.Run(ref body);
    }

    // Rows of four channels keep their order, so whole Vector128 move. Channels beyond the last one get 0.
    private void ToUnpackedOrder(float* source, float* destination, int channels)
    {
        for (int quad = 0; quad < PaddedChannels / 4; quad++)
        {
            int place = quad * 4 % _geometry.BlockChannels;
            int channel = (quad * 4) - place + _geometry.ChannelOf(place / _geometry.Lanes, place % _geometry.Lanes);
            if (channel + 4 <= channels)
            {
                System.Runtime.Intrinsics.Vector128.Store(System.Runtime.Intrinsics.Vector128.Load(source + channel), destination + (quad * 4));
                continue;
            }

            for (int i = 0; i < 4; i++)
                destination[(quad * 4) + i] = channel + i < channels ? source[channel + i] : 0;
        }
    }

    private readonly ref struct Body(
        DepthwisePlan plan, ref readonly ExecutionArguments arguments, ref readonly EpilogueArguments table, byte* paddingRow,
        int rows, int parts) : IParallelBody
    {
        private readonly ref readonly ExecutionArguments _arguments = ref arguments;
        private readonly ref readonly EpilogueArguments _table = ref table;

        public void Run(int worker, int workers)
        {
            (int start, int end) = Parallel.Share(rows * parts, worker, workers);
            EpilogueArguments table = _table;
            byte** rowTable = stackalloc byte*[plan._kernelHeight];
            int image = -1;
            for (int item = start; item < end; item++)
            {
                int row = item % rows, part = item / rows;
                if (row / plan._destination.Rows != image)
                {
                    image = row / plan._destination.Rows;
                    plan._epilogue.SelectImage(in _arguments, image, ref table);
                }

                (int first, int last) = Parallel.Share(plan._layout.Blocks, part, parts);
                RunRow(rowTable, image, row % plan._destination.Rows, first, last, &table);
            }
        }

        private void RunRow(byte** rowTable, int image, int row, int firstBlock, int lastBlock, EpilogueArguments* table)
        {
            int fullBlocks = plan._source.Channels / plan._geometry.BlockChannels;
            int full = Math.Min(lastBlock, fullBlocks) - firstBlock;
            if (full > 0)
                RunBlocks(plan._full!, rowTable, image, row, firstBlock, full, table);
            if (lastBlock > fullBlocks)
                RunBlocks(plan._tail!, rowTable, image, row, fullBlocks, 1, table);
        }

        private void RunBlocks(
            CompiledKernel kernel, byte** rowTable, int image, int row, int block, int blocks, EpilogueArguments* table)
        {
            (RowLayout from, RowLayout to) = (plan._source, plan._destination);
            int channel = block * plan._geometry.BlockChannels;
            long sourceChannel = (long)channel * from.ElementBytes;
            byte* source = (byte*)_arguments[ArgumentSlot.Source] + from.Start + (image * from.Image);
            byte* destination = (byte*)_arguments[ArgumentSlot.Destination] + to.Start
                + (image * to.Image) + (row * to.Row);
            for (int r = 0; r < plan._kernelHeight; r++)
            {
                int sourceRow = (row * plan._rowStride) - plan._rowsBefore + (r * plan._rowDilation);
                byte* start = (uint)sourceRow < (uint)from.Rows ? source + (sourceRow * from.Row) : paddingRow;
                rowTable[r] = start + sourceChannel;
            }

            var arguments = new DepthwiseKernelArguments
            {
                Rows = rowTable,
                Weights = (byte*)_arguments[ArgumentSlot.Weights] + ((long)block * plan._layout.BlockBytes),
                Destination = destination + ((long)channel * to.ElementBytes),
                Columns = to.Columns,
                RowBytes = plan.RowBytes,
                FirstColumn = plan._firstColumn,
                Blocks = blocks,
                Padding = plan._padding,
                Channel = channel,
                Epilogue = table,
            };
            kernel.Entry(&arguments);
        }
    }
}
