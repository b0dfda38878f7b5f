// A planned depthwise convolution: kernels, scratch memory and the division of the work.
// Scratch: [padding row, if the window reaches beyond the rows of the source][bias in unpacked order][scales in unpacked order]
// [numbers of the epilogue that are given at execution][weights that are packed or completed at execution], each if it is needed.
using Int8Runtime.Jit;

namespace Int8Runtime.X64;

/// <summary>Executes a depthwise convolution row by row.</summary>
internal sealed unsafe class DepthwisePlan : PrimitivePlan
{
    // With fewer destination rows than this for each thread, threads also share the channel blocks.
    private const int FewRowsPerThread = 8;

    // A channel block sweeps over the rows of its window, and takes one or a few cache lines of each pixel. Where the rows are longer than
    // this, the lines lie too far apart for prefetchers and first-level TLB, so the row is done in segments: every channel block of one,
    // then the next. Measured on f32 with 100 to 700 channels: 0.65 to 0.95 of the time.
    private const int LongRows = 128 << 10, SegmentBytes = 64 << 10, ColumnsOfTile = 8;

    private readonly ConvolutionDescriptor _descriptor;
    private readonly DepthwiseWeights _layout;
    private readonly TapGeometry _geometry;
    private readonly EpiloguePlan _epilogue;
    private readonly CompiledKernel? _full, _tail;
    private readonly AlignedFloats? _unpackedScale;
    private readonly bool _copiesBias, _copiesScale, _packsWeights, _hasRuntimeZeroPoint;
    private readonly PrimitiveAttributes _attributes;
    private readonly TapProductKind _product;
    private readonly int _constantPadding;
    private readonly RowLayout _source, _destination;
    private readonly int _windowRows, _kernelHeight, _rowStride, _rowDilation, _rowsBefore, _sliceStride, _sliceDilation, _slicesBefore;
    private readonly int _columnStride, _segmentColumns;
    private readonly long _firstColumn;
    private readonly bool _needsPaddingRow;

    /// <summary>Creates the kernels.</summary>
    public DepthwisePlan(
        string name, KernelCache cache, Isa isa, ConvolutionDescriptor descriptor, PrimitiveAttributes attributes,
        DepthwiseWeights layout, TapProductKind product, int padding, Epilogue epilogue, EpiloguePlan epiloguePlan)
    {
        (Name, _descriptor, _attributes, _layout, _epilogue) = (name, descriptor, attributes, layout, epiloguePlan);
        (_product, _constantPadding, _packsWeights) = (product, padding, descriptor.Weights.IsStrided);
        _hasRuntimeZeroPoint = product != TapProductKind.Fma && attributes.SourceZeroPoint is { IsRuntime: true };
        _geometry = layout.Geometry;
        (_source, _destination) = (new RowLayout(descriptor.Source), new RowLayout(descriptor.Destination));
        int last = descriptor.SpatialRank - 1;
        (_kernelHeight, _rowStride, _rowDilation, _rowsBefore) = Axis(last - 1);
        (int kernelDepth, _sliceStride, _sliceDilation, _slicesBefore) = Axis(last - 2);
        _windowRows = kernelDepth * _kernelHeight;
        for (int a = 0; a < last; a++)
            _needsPaddingRow |= descriptor.Before(a) > 0 || descriptor.After(a) > 0;
        _columnStride = descriptor.Stride(last);
        _segmentColumns = SegmentOf(_windowRows * RowBytes);
        _firstColumn = -(long)descriptor.Before(last) * _source.Pixel;
        int channels = descriptor.Source.Dimensions[1], tail = channels % _geometry.BlockChannels;
        EpilogueSpec epilogueSpec = epiloguePlan.Spec;
        var spec = new DepthwiseKernelSpec(
            product, descriptor.Source.DataType, _windowRows, descriptor.Weights.Dimensions[^1], descriptor.Stride(last),
            descriptor.Dilation(last), _source.Pixel, _destination.Pixel, _geometry.Vectors, _geometry.BlockChannels, padding != 0, epilogueSpec);
        (int, int, int, int) Axis(int a) => a < 0
            ? (1, 1, 1, 0) : (descriptor.Weights.Dimensions[a + 2], descriptor.Stride(a), descriptor.Dilation(a), descriptor.Before(a));
        // A bias that is brought into unpacked order becomes f32 on the way.
        bool packed = DepthwiseStore.StoresPacked(spec);
        if (packed && epilogueSpec.Bias == OperandMode.PerChannel)
            spec = spec with { Epilogue = epilogueSpec with { BiasType = DataType.Float32 } };
        var generator = new DepthwiseKernelGenerator();
        _full = channels >= _geometry.BlockChannels ? generator.GetOrCreate(cache, spec, isa) : null;
        _tail = tail > 0 ? generator.GetOrCreate(cache, spec with { Channels = tail }, isa) : null;
        if (!packed)
            return;
        _copiesBias = epiloguePlan.Spec.Bias == OperandMode.PerChannel;
        _copiesScale = epiloguePlan.Spec.Scale == OperandMode.PerChannel && epilogue.HasRuntimeScale;
        if (epiloguePlan.Spec.Scale == OperandMode.PerChannel && !_copiesScale)
        {
            var scale = new float[PaddedChannels];
            fixed (float* source = epilogue.Scale, destination = scale)
                ToUnpackedOrder((byte*)source, DataType.Float32, destination, channels);
            _unpackedScale = AlignedFloats.Copy(scale);
        }
    }

    /// <inheritdoc/>
    public override string Name { get; }

    /// <inheritdoc/>
    public override PrimitiveDescriptor Descriptor => _descriptor;

    /// <inheritdoc/>
    public override long ScratchBytes => PaddingRowBytes + (_copiesBias ? ChannelBytes : 0) + (_copiesScale ? ChannelBytes : 0)
        + _epilogue.ScratchBytes + (CompletesWeights ? _layout.SizeInBytes : 0);

    /// <inheritdoc/>
    public override long SizeInBytes => 1024 + (_full?.Footprint ?? 0) + (_tail?.Footprint ?? 0) + _epilogue.SizeInBytes;

    /// <inheritdoc/>
    public override string Details => $"{_layout.Name}, kernel {(_full ?? _tail)!.Name}";

    private bool CompletesWeights => _packsWeights || _hasRuntimeZeroPoint;

    private long ChannelBytes => ScratchLayout.RoundUp((long)PaddedChannels * sizeof(float));

    private int PaddedChannels => _layout.Blocks * _geometry.BlockChannels;

    private long RowBytes => (long)_source.Columns * _source.Pixel;

    private long PaddingRowBytes => _needsPaddingRow ? ScratchLayout.RoundUp(RowBytes) : 0;

    /// <inheritdoc/>
    public override void Execute(in ExecutionContext context)
    {
        byte* scratch = context.Scratch, paddingRow = scratch;
        scratch += PaddingRowBytes;
        byte* Take(long bytes)
        {
            byte* part = scratch;
            scratch += bytes;
            return part;
        }

        int channels = _descriptor.Source.Dimensions[1];
        _epilogue.Prepare(in context.Arguments, _descriptor.Destination, Take(_epilogue.ScratchBytes), out EpilogueArguments table);
        if (_unpackedScale is not null)
            table.Scale = _unpackedScale.Data;
        if (_copiesScale)
        {
            var scale = (float*)Take(ChannelBytes);
            ToUnpackedOrder((byte*)table.Scale, DataType.Float32, scale, channels);
            table.Scale = scale;
        }

        if (_copiesBias)
        {
            // Kernels of packed stores read f32.
            var bias = (float*)Take(ChannelBytes);
            ToUnpackedOrder(table.Bias, _descriptor.Bias!.DataType, bias, channels);
            table.Bias = (byte*)bias;
        }

        int padding = _hasRuntimeZeroPoint ? RuntimePadding(in context.Arguments) : _constantPadding;
        byte* weights = CompletesWeights
            ? CompleteWeights((byte*)context.Arguments[ArgumentSlot.Weights], Take(_layout.SizeInBytes), padding,
                BrgemmWeightsOperand.ZeroPointAtExecution(_product == TapProductKind.WordPairs, in context.Arguments))
            : (byte*)context.Arguments[ArgumentSlot.Weights];
        if (_needsPaddingRow)
            new Span<byte>(paddingRow, (int)RowBytes).Fill((byte)(_descriptor.Source.DataType == DataType.Int8 ? padding - 128 : padding));
        int rows = _destination.Images * _destination.Slices * _destination.Rows;
        long tapBytes = _descriptor.Destination.ElementCount * _windowRows * _descriptor.Weights.Dimensions[^1] * _source.ElementBytes;
        int threads = WorkSharing.Threads(tapBytes, context.Threads);
        int parts = rows >= threads * FewRowsPerThread ? 1 : Math.Min(_layout.Blocks, threads);
        var body = new Body(
            this, in context.Arguments, in table, paddingRow, weights,
            (uint)padding * (_product == TapProductKind.WordPairs ? 0x00010001u : 0x01010101u), rows, parts);
        Parallel.Run(context.Pool, threads, ref body);
    }

    // Columns that are done for every channel block before the next ones: all of them, or whole tiles.
    private int SegmentOf(long windowBytes)
    {
        if (windowBytes <= LongRows)
            return _destination.Columns;
        long tiles = SegmentBytes / ((long)_windowRows * _columnStride * _source.Pixel * ColumnsOfTile);
        return (int)Math.Clamp(tiles * ColumnsOfTile, 2 * ColumnsOfTile, Math.Max(2 * ColumnsOfTile, _destination.Columns));
    }

    // The padded element as the product sees it, for a zero point that is given at execution.
    private int RuntimePadding(in ExecutionArguments arguments)
    {
        int zeroPoint = *(int*)arguments[ArgumentSlot.SourceZeroPoint];
        (int min, int max) = _descriptor.Source.DataType.IntegerRange();
        if (zeroPoint < min || zeroPoint > max)
            throw new ArgumentException($"The source zero point {zeroPoint} is outside of {min} to {max}, which this primitive takes.");
        return _descriptor.Source.DataType == DataType.Int8 ? zeroPoint + 128 : zeroPoint;
    }

    // Packs plain weights; multiplies the sums of weights by a padded element that was not known when they were packed.
    private byte* CompleteWeights(byte* weights, byte* scratch, int padding, int weightsZeroPoint)
    {
        if (_packsWeights)
            _layout.Pack(_descriptor.Weights, weights, scratch, weightsZeroPoint);
        else
            Buffer.MemoryCopy(weights, scratch, _layout.SizeInBytes, _layout.SizeInBytes);
        if (_hasRuntimeZeroPoint)
            _layout.ScaleCompensation(scratch, -padding);
        return scratch;
    }

    // Rows of four channels keep their order, so whole Vector128 move. Channels beyond the last one get 0.
    private void ToUnpackedOrder(byte* data, DataType type, float* destination, int channels)
    {
        var source = (float*)data;
        for (int quad = 0; quad < PaddedChannels / 4; quad++)
        {
            int place = quad * 4 % _geometry.BlockChannels;
            int channel = (quad * 4) - place + _geometry.ChannelOf(place / _geometry.Lanes, place % _geometry.Lanes);
            if (channel + 4 <= channels && type == DataType.Float32)
            {
                System.Runtime.Intrinsics.Vector128.Store(System.Runtime.Intrinsics.Vector128.Load(source + channel),
                    destination + (quad * 4));
                continue;
            }

            for (int i = 0; i < 4; i++)
                destination[(quad * 4) + i] = channel + i < channels ? Reference.ScalarAccess.Load(data, type, channel + i) : 0;
        }
    }

    private readonly ref struct Body(
        DepthwisePlan plan, ref readonly ExecutionArguments arguments, ref readonly EpilogueArguments table, byte* paddingRow,
        byte* weights, uint padding, int rows, int parts) : IParallelBody
    {
        private readonly ref readonly ExecutionArguments _arguments = ref arguments;
        private readonly ref readonly EpilogueArguments _table = ref table;

        // Items are the rows of all images, and all of them again for each part of the channel blocks.
        public void Run(int worker, int workers)
        {
            (int start, int end) = Parallel.Share(rows * parts, worker, workers);
            RowLayout to = plan._destination;
            byte** rowTable = stackalloc byte*[plan._windowRows];
            EpilogueArguments table = _table;
            (int part, int row) = Math.DivRem(start, rows);
            (int plane, int line) = Math.DivRem(row, to.Rows);
            (int image, int slice) = Math.DivRem(plane, to.Slices);
            bool isNewPart = true, isNewImage = true;
            (int First, int Last) blocks = default;
            for (int item = start; item < end; item++)
            {
                if (isNewPart)
                    blocks = Parallel.Share(plan._layout.Blocks, part, parts);
                if (isNewImage)
                    plan._epilogue.SelectImage(in _arguments, image, ref table);
                RunRow(rowTable, image, slice, line, blocks.First, blocks.Last, &table);
                isNewPart = isNewImage = false;
                if (++line < to.Rows)
                    continue;
                line = 0;
                if (++slice < to.Slices)
                    continue;
                slice = 0;
                isNewImage = true;
                if (++image < to.Images)
                    continue;
                image = 0;
                part++;
                isNewPart = true;
            }
        }

        private void RunRow(
            byte** rowTable, int image, int slice, int line, int firstBlock, int lastBlock, EpilogueArguments* table)
        {
            int fullBlocks = plan._source.Channels / plan._geometry.BlockChannels;
            int full = Math.Min(lastBlock, fullBlocks) - firstBlock;
            for (int column = 0; column < plan._destination.Columns; column += plan._segmentColumns)
            {
                if (full > 0)
                    RunBlocks(plan._full!, rowTable, image, slice, line, column, firstBlock, full, table);
                if (lastBlock > fullBlocks)
                    RunBlocks(plan._tail!, rowTable, image, slice, line, column, fullBlocks, 1, table);
            }
        }

        private void RunBlocks(
            CompiledKernel kernel, byte** rowTable, int image, int slice, int line, int column, int block, int blocks,
            EpilogueArguments* table)
        {
            (RowLayout from, RowLayout to) = (plan._source, plan._destination);
            int channel = block * plan._geometry.BlockChannels;
            byte* source = (byte*)_arguments[ArgumentSlot.Source] + from.Start + (image * from.Image);
            long sourceChannel = (long)channel * from.ElementBytes;
            int sourceSlice = (slice * plan._sliceStride) - plan._slicesBefore;
            for (int r = 0; r < plan._windowRows; sourceSlice += plan._sliceDilation)
            {
                bool isSliceInside = (uint)sourceSlice < (uint)from.Slices;
                int sourceRow = (line * plan._rowStride) - plan._rowsBefore;
                for (int end = r + plan._kernelHeight; r < end; r++, sourceRow += plan._rowDilation)
                {
                    bool isInside = isSliceInside && (uint)sourceRow < (uint)from.Rows;
                    rowTable[r] = (isInside ? source + (sourceSlice * from.Slice) + (sourceRow * from.Row) : paddingRow) + sourceChannel;
                }
            }

            var arguments = new DepthwiseKernelArguments
            {
                Rows = rowTable,
                Weights = weights + ((long)block * plan._layout.BlockBytes),
                Destination = (byte*)_arguments[ArgumentSlot.Destination] + to.Start + (image * to.Image) + (slice * to.Slice)
                    + (line * to.Row) + ((long)column * to.Pixel) + ((long)channel * to.ElementBytes),
                Columns = Math.Min(plan._segmentColumns, to.Columns - column),
                RowBytes = plan.RowBytes,
                FirstColumn = plan._firstColumn + ((long)column * plan._columnStride * from.Pixel),
                Blocks = blocks,
                Padding = padding,
                Channel = channel,
                Epilogue = table,
            };
            kernel.Entry(&arguments);
        }
    }
}
