// The plan of a convolution: units of work are (image, plane of a volume, group, bands of lines, block of pixels, part of the
// output channels).
// Inside a unit the channel block is the outer loop and bands are the inner one, so that a panel of weights stays in the
// cache while bands sweep over it.
using Int8Runtime.Jit;

namespace Int8Runtime.X64;

/// <summary>A planned convolution.</summary>
internal sealed unsafe class BrgemmConvolutionPlan : PrimitivePlan
{
    private const int ScratchSlack = 64;

    private readonly ConvolutionGeometry _geometry;
    private readonly ConvolutionRows _rows;
    private readonly ConvolutionLines _lines;
    private readonly BrgemmBlocking _tile;
    private readonly BrgemmWeightsSpec _weightsSpec;
    private readonly BrgemmWeightsOperand _weights;
    private readonly EpiloguePlan _epilogue;
    private readonly PrimitiveAttributes _attributes;
    private readonly BlockingProblem _blocking;
    private readonly WorkSplit _split;
    private readonly BrgemmOperands _operands;
    private readonly ConvolutionRuns _runs;
    private readonly ExpandedBlocks? _expansion; // of weights that stay integers
    private readonly long _copyBytes, _scratchOfThread; // of each worker: copied rows, then a block of expanded weights
    private readonly int _threads, _linesOfUnit;

    public BrgemmConvolutionPlan(
        string name, ConvolutionDescriptor descriptor, PlanRequest request, BrgemmOperands operands, ConvolutionGeometry geometry,
        ConvolutionRows rows, BrgemmWeightsSpec weightsSpec, BrgemmWeightsOperand weights, EpiloguePlan epilogue,
        KernelCache cache, CpuFeatures cpu)
    {
        (Name, Descriptor, _attributes, _geometry, _rows) = (name, descriptor, request.Attributes, geometry, rows);
        (_weightsSpec, _weights, _epilogue, _threads) = (weightsSpec, weights, epilogue, request.Threads);
        _operands = operands;
        IsaTraits traits = IsaTraits.For(operands.Isa);
        var template = new BrgemmSpec
        {
            Product = operands.Product,
            Rows = 1,
            Vectors = 1,
            SourceStride = rows.PixelStep,
            DestinationStride = checked((int)geometry.Destination.Pixel),
            RunSteps = weightsSpec.RunSteps,
            WeightsStride = weightsSpec.VectorStride,
            Residuals = weightsSpec.Residuals,
            HasCompensation = weights.HasCompensation,
            Epilogue = epilogue.Spec,
        };
        _blocking = new BlockingProblem(
            BrgemmRegisters.For(traits, operands.Product, epilogue.Spec, geometry.OutputChannels), rows.Pixels, weightsSpec.Vectors,
            weightsSpec.Runs * weightsSpec.RunSteps, traits.VectorBytes, rows.PixelStep, ConvolutionLines.MostOfTile(geometry, rows),
            rows.LineStep, cpu.Caches.L2, DestinationStep: template.DestinationStride,
            KeepsOrder: operands.Product.AccumulatorType() == DataType.Float32);
        _tile = _blocking.Choose(request.Tile);
        if (weights.Compact is { } compact)
        {
            _tile = _tile with { Vectors = Math.Min(_tile.Vectors, ExpandedBlocks.MostVectors(weightsSpec, cpu)) };
            _expansion = new ExpandedBlocks(cache, operands.Isa, compact.Format, weightsSpec, _tile.Vectors);
        }

        long written = Math.Abs(geometry.Destination.Row) * geometry.OutputHeight * geometry.OutputDepth;
        long read = rows.Copy is not null ? 0 // copies lie in the second-level cache
            : Math.Abs(geometry.Source.Row) * geometry.InputHeight * geometry.InputDepth;
        template = template with { Prefetch = _blocking.PrefetchOf(_tile, weightsSpec.RunSteps, read, written) };
        _lines = new ConvolutionLines(geometry, rows, _tile, (lines, count) => new BrgemmKernels(
            cache, operands.Isa, template with { Lines = lines }, _tile, count, geometry.OutputChannels, rows.Edges));

        int blocks = _lines[0].BlockCount, span = _lines.Span;
        long lineBytes = rows.Copy is null
            ? (long)geometry.StrideHeight * rows.PixelStep * rows.Pixels : rows.LineStep * geometry.KernelDepth;
        int elementBytes = descriptor.Destination.DataType.SizeInBytes();
        long destinationBytes = (long)rows.Pixels * geometry.OutputChannels * elementBytes;
        int moreRows = _expansion is null ? 1 : ExpandedBlocks.MoreRows;
        int rowsOfSharedLines = WorkShape.SharedLines(
            traits.Lanes32 * elementBytes, geometry.Destination.Pixel,
            ((long)weightsSpec.Runs * weightsSpec.RunSteps * sizeof(int)) + (_tile.Vectors * traits.Lanes32 * elementBytes),
            weightsSpec.MatrixBytes / blocks, _tile.Rows);
        _split = WorkSplit.Choose(
            new WorkShape(geometry.Images * rows.Planes * geometry.Groups, _lines.Bands, span * rows.Pixels, blocks,
                span * lineBytes / moreRows, span * destinationBytes / moreRows, weightsSpec.MatrixBytes, weightsSpec.MatrixBytes / blocks, rowsOfSharedLines),
            _tile.Rows, request.Threads, cpu.Caches.L2);
        _linesOfUnit = Math.Min(rows.Lines, _split.LineBlock * span);
        _runs = new ConvolutionRuns(geometry, rows, _linesOfUnit, (long)weightsSpec.RunSteps * traits.VectorBytes);
        _copyBytes = rows.Copy is null
            ? 0 : ScratchLayout.RoundUp((ConvolutionRows.ScratchRows(geometry, _linesOfUnit) * rows.ScratchRowBytes) + ScratchSlack);
        _scratchOfThread = _copyBytes + (_expansion?.ScratchBytes ?? 0);
    }

    /// <inheritdoc/>
    public override string Name { get; }

    /// <inheritdoc/>
    public override PrimitiveDescriptor Descriptor { get; }

    /// <inheritdoc/>
    public override IReadOnlyList<KernelTile> Tiles => _blocking.Candidates();

    /// <inheritdoc/>
    public override KernelTile? Tile => new KernelTile(_tile.Rows, _tile.Vectors);

    /// <inheritdoc/>
    public override long ScratchBytes => _epilogue.ScratchBytes + _weights.ScratchBytes + (_scratchOfThread * _threads);

    /// <inheritdoc/>
    public override long SizeInBytes => 2048 + _epilogue.SizeInBytes + _runs.SizeInBytes;

    /// <inheritdoc/>
    public override string Details => $"tile {_tile.Rows}x{_tile.Vectors}"
        + (_lines.Span > 1 ? $" of {_lines.Span} lines" : "") + $", {(_rows.Copy is null ? "direct" : "copied")} rows"
        + (_rows.SkipsRows || _rows.Edges is not null ? " without padding" : "")
        + _weightsSpec.SplitDetails + (_weights.Compact is { } compact ? $", {compact.Format.Bits}-bit weights expanded by blocks" : "")
        + $", {_split}";

    /// <inheritdoc/>
    public override void Execute(in ExecutionContext context)
    {
        int zeroPoint = Reference.RefEpilogue.SourceZeroPoint(_attributes, in context.Arguments);
        MemoryDescriptor destination = ((ConvolutionDescriptor)Descriptor).Destination;
        _operands.RequireZeroPoint(zeroPoint, SourceType, _geometry.IsPadded);
        _epilogue.Prepare(in context.Arguments, destination, context.Scratch, out EpilogueArguments epilogue);
        byte* scratch = context.Scratch + _epilogue.ScratchBytes;
        PreparedWeights weights = _weights.Prepare(in context, scratch, zeroPoint);
        var body = new Body
        {
            Plan = this,
            Arguments = ref context.Arguments,
            Source = (byte*)context.Arguments[ArgumentSlot.Source] + _geometry.Source.Offset,
            Destination = (byte*)context.Arguments[ArgumentSlot.Destination] + _geometry.Destination.Offset,
            Weights = weights,
            Scratch = scratch + _weights.ScratchBytes,
            ZeroPoint = zeroPoint,
            Epilogue = &epilogue,
        };
        context.Run(ref body);
        GC.KeepAlive(this); // and with it the kernels' memory
    }

    private DataType SourceType => ((ConvolutionDescriptor)Descriptor).Source.DataType;

    // The share of one worker. Lives on the stack of the caller.
    private ref struct Body : IParallelBody
    {
        public BrgemmConvolutionPlan Plan;
        public ref readonly ExecutionArguments Arguments;
        public byte* Source, Destination, Scratch;
        public PreparedWeights Weights;
        public int ZeroPoint;
        public EpilogueArguments* Epilogue;
        public UnitQueue Queue;

        public void Run(int worker, int workers)
        {
            BrgemmConvolutionPlan plan = Plan;
            ConvolutionGeometry geometry = plan._geometry;
            ConvolutionRows rows = plan._rows;
            WorkSplit split = plan._split;
            int span = plan._lines.Span;
            byte* scratch = Scratch + (worker * plan._scratchOfThread);
            EpilogueArguments epilogue = *Epilogue; // operands that differ from image to image move in this worker's copy
            BrgemmArguments call = default;
            call.Epilogue = &epilogue;
            int selectedImage = -1;
            (int, int) copied = (-1, -1), expanded = (-1, -1);
            int visited = 0;
            while (Queue.TryTake(split.Units, worker, workers, ref visited, out int index))
            {
                WorkUnit unit = split[index];
                (int rest, int group) = Math.DivRem(unit.Batch, geometry.Groups);
                (int image, int plane) = Math.DivRem(rest, rows.Planes);
                if (plan._epilogue.MovesPerImage && image != selectedImage)
                    plan._epilogue.SelectImage(in Arguments, selectedImage = image, ref epilogue);
                byte* source = Source + (image * geometry.Source.Image)
                    + ((long)group * geometry.InputChannels * plan.SourceType.SizeInBytes());
                int firstLine = unit.Line * span, lines = Math.Min(unit.Lines * span, rows.Lines - firstLine);
                if (rows.Copy is not null)
                {
                    if (copied != (unit.Batch, unit.Line))
                        CopyRows(scratch, source, plane, firstLine, lines, group * geometry.InputChannels);
                    copied = (unit.Batch, unit.Line);
                    source = scratch;
                }
                else
                {
                    source += rows.Origin + (plane * geometry.StrideDepth * geometry.Source.Slice) + (firstLine * rows.LineStep);
                }

                byte* destination = Destination + (image * geometry.Destination.Image)
                    + (plane * geometry.Destination.Slice) + (firstLine * geometry.Destination.Row)
                    + ((long)group * geometry.OutputChannels * plan._epilogue.Spec.Destination.SizeInBytes())
                    + (unit.Pixel * geometry.Destination.Pixel);
                source += (long)unit.Pixel * rows.PixelStep;
                PreparedWeights weights = Weights.Matrix(group);
                for (int block = unit.Block; block < unit.BlockEnd; block++)
                {
                    PreparedWeights read = weights;
                    if (plan._expansion is { } expansion)
                    {
                        byte* room = scratch + plan._copyBytes;
                        if (expanded != (group, block))
                            expansion.Expand(weights, block, room);
                        expanded = (group, block);
                        read = expansion.View(weights, block, room);
                    }

                    for (int line = 0; line < lines; line += span)
                    {
                        if (span == 1)
                            plan._runs.Select(plane, firstLine + line, ref call);
                        else
                            plan._runs.SelectWhole(ref call); // kernels know which rows of the window their lines meet
                        plan._lines[(firstLine + line) / span].Run(
                            ref call, block, source + (line * rows.LineStep), read, destination + (line * geometry.Destination.Row),
                            group * geometry.OutputChannels, unit.Pixel, unit.Pixels);
                    }
                }
            }
        }

        // The rows of each slice of the window follow each other at the distance of a full block of lines.
        private readonly void CopyRows(byte* scratch, byte* source, int plane, int line, int lines, int channel)
        {
            ConvolutionGeometry geometry = Plan._geometry;
            ConvolutionRows rows = Plan._rows;
            int firstRow = (line * geometry.StrideHeight) - geometry.Top, firstSlice = (plane * geometry.StrideDepth) - geometry.Front;
            long slice = geometry.RowsOf(Plan._linesOfUnit) * rows.ScratchRowBytes;
            for (int d = 0; d < geometry.KernelDepth; d++)
            {
                int depth = firstSlice + (d * geometry.DilationDepth);
                for (int r = 0; r < geometry.RowsOf(lines); r++)
                {
                    bool inside = (uint)depth < (uint)geometry.InputDepth && (uint)(firstRow + r) < (uint)geometry.InputHeight;
                    byte* row = inside ? source + (depth * geometry.Source.Slice) + ((firstRow + r) * geometry.Source.Row) : null;
                    rows.Copy!.Copy(
                        scratch + (d * slice) + (r * rows.ScratchRowBytes), row,
                        -geometry.Left, geometry.RowPixels, geometry.InputWidth, ZeroPoint, channel);
                }
            }
        }
    }
}
