// The plan of a convolution: units of work are (image, plane of a volume, group, bands of lines, block of pixels, part of the
// output channels).
// Inside a unit the channel block is the outer loop and bands are the inner one, so that a panel of weights stays in the
// cache while bands sweep over it.
using Int8Runtime.Jit;

namespace Int8Runtime.X64;

/// <summary>A planned convolution.</summary>
internal sealed unsafe class BrgemmConvolutionPlan : BrgemmPlan
{
    private readonly ConvolutionGeometry _geometry;
    private readonly ConvolutionRows _rows;
    private readonly ConvolutionLines _lines;
    private readonly ConvolutionRuns _runs;
    private readonly BrgemmBlocking _tile;
    private readonly int _linesOfUnit;

    public BrgemmConvolutionPlan(
        string name, ConvolutionDescriptor descriptor, PlanRequest request, BrgemmOperands operands, ConvolutionGeometry geometry,
        ConvolutionRows rows, BrgemmWeightsSpec weightsSpec, BrgemmWeightsOperand weights, EpiloguePlan epilogue,
        KernelCache cache, CpuFeatures cpu)
        : base(
            name, descriptor, descriptor.Source, descriptor.Destination, geometry.IsPadded, request, operands, weightsSpec, weights, epilogue)
    {
        (_geometry, _rows) = (geometry, rows);
        IsaTraits traits = IsaTraits.For(operands.Isa);
        BrgemmSpec template = KernelWith(rows.PixelStep, checked((int)geometry.Destination.Pixel));
        Blocking = new BlockingProblem(
            BrgemmRegisters.For(traits, operands.Product, epilogue.Spec, geometry.OutputChannels), rows.Pixels, weightsSpec.Vectors,
            weightsSpec.Runs * weightsSpec.RunSteps, traits.VectorBytes, rows.PixelStep, ConvolutionLines.MostOfTile(geometry, rows),
            rows.LineStep, cpu.Caches.L2, DestinationStep: template.DestinationStride,
            KeepsOrder: operands.Product.AccumulatorType() == DataType.Float32);
        _tile = Blocking.Choose(request.Tile);
        if (weights.Compact is { } compact)
        {
            _tile = _tile with { Vectors = Math.Min(_tile.Vectors, ExpandedBlocks.MostVectors(weightsSpec, cpu)) };
            Expansion = new ExpandedBlocks(cache, operands.Isa, compact.Format, weightsSpec, _tile.Vectors);
        }

        long written = Math.Abs(geometry.Destination.Row) * geometry.OutputHeight * geometry.OutputDepth;
        long read = rows.Copy is not null ? 0 // copies lie in the second-level cache
            : Math.Abs(geometry.Source.Row) * geometry.InputHeight * geometry.InputDepth;
        template = template with { Prefetch = Blocking.PrefetchOf(_tile, weightsSpec.RunSteps, read, written) };
        _lines = new ConvolutionLines(geometry, rows, _tile, (lines, count) => new BrgemmKernels(
            cache, operands.Isa, template with { Lines = lines }, _tile, count, geometry.OutputChannels, rows.Edges));

        int blocks = _lines[0].BlockCount, span = _lines.Span;
        long lineBytes = rows.Copy is null
            ? (long)geometry.StrideHeight * rows.PixelStep * rows.Pixels : rows.LineStep * geometry.KernelDepth;
        int elementBytes = descriptor.Destination.DataType.SizeInBytes();
        long destinationBytes = (long)rows.Pixels * geometry.OutputChannels * elementBytes;
        int moreRows = Expansion is null ? 1 : ExpandedBlocks.MoreRows;
        int rowsOfSharedLines = WorkShape.SharedLines(
            traits.Lanes32 * elementBytes, geometry.Destination.Pixel,
            ((long)weightsSpec.Runs * weightsSpec.RunSteps * sizeof(int)) + (_tile.Vectors * traits.Lanes32 * elementBytes),
            weightsSpec.MatrixBytes / blocks, _tile.Rows);
        Split = WorkSplit.Choose(
            new WorkShape(geometry.Images * rows.Planes * geometry.Groups, _lines.Bands, span * rows.Pixels, blocks,
                span * lineBytes / moreRows, span * destinationBytes / moreRows, weightsSpec.MatrixBytes, weightsSpec.MatrixBytes / blocks,
                rowsOfSharedLines),
            _tile.Rows, request.Threads, cpu.Caches.L2);
        _linesOfUnit = Math.Min(rows.Lines, Split.LineBlock * span);
        _runs = new ConvolutionRuns(geometry, rows, _linesOfUnit, (long)weightsSpec.RunSteps * traits.VectorBytes);
        CopyBytes = rows.Copy is null
            ? 0 : ScratchLayout.RoundUp((ConvolutionRows.ScratchRows(geometry, _linesOfUnit) * rows.ScratchRowBytes) + ScratchSlack);
    }

    /// <inheritdoc/>
    public override KernelTile? Tile => new KernelTile(_tile.Rows, _tile.Vectors);

    /// <inheritdoc/>
    public override long SizeInBytes => base.SizeInBytes + _runs.SizeInBytes;

    /// <inheritdoc/>
    public override string Details => $"tile {_tile.Rows}x{_tile.Vectors}"
        + (_lines.Span > 1 ? $" of {_lines.Span} lines" : "") + $", {(_rows.Copy is null ? "direct" : "copied")} rows"
        + (_rows.SkipsRows || _rows.Edges is not null ? " without padding" : "") + $"{WeightsDetails}, {Split}";

    /// <inheritdoc/>
    protected override void Run(WorkUnit unit, ref Worker worker)
    {
        (int rest, int group) = Math.DivRem(unit.Batch, _geometry.Groups);
        (int image, int plane) = Math.DivRem(rest, _rows.Planes);
        SelectImage(ref worker, image);
        int span = _lines.Span, firstLine = unit.Line * span, lines = Math.Min(unit.Lines * span, _rows.Lines - firstLine);
        byte* source = worker.Source + _geometry.Source.Offset + (image * _geometry.Source.Image)
            + ((long)group * _geometry.InputChannels * SourceType.SizeInBytes());
        if (_rows.Copy is not null)
        {
            if (worker.HasToCopy(unit.Batch, unit.Line))
                CopyRows(_rows.Copy, worker.Scratch, source, plane, firstLine, lines, group * _geometry.InputChannels, worker.ZeroPoint);
            source = worker.Scratch;
        }
        else
        {
            source += _rows.Origin + (plane * _geometry.StrideDepth * _geometry.Source.Slice) + (firstLine * _rows.LineStep);
        }

        source += (long)unit.Pixel * _rows.PixelStep;
        int channel = group * _geometry.OutputChannels;
        byte* destination = worker.Destination + _geometry.Destination.Offset + (image * _geometry.Destination.Image)
            + (plane * _geometry.Destination.Slice) + (firstLine * _geometry.Destination.Row)
            + ((long)channel * DestinationType.SizeInBytes()) + (unit.Pixel * _geometry.Destination.Pixel);
        PreparedWeights weights = worker.Weights.Matrix(group);
        for (int block = unit.Block; block < unit.BlockEnd; block++)
        {
            PreparedWeights read = WeightsOf(ref worker, group, weights, block);
            for (int line = 0; line < lines; line += span)
            {
                if (span == 1)
                    _runs.Select(plane, firstLine + line, ref worker.Call);
                else
                    _runs.SelectWhole(ref worker.Call); // kernels know which rows of the window their lines meet
                _lines[(firstLine + line) / span].Run(
                    ref worker.Call, block, source + (line * _rows.LineStep), read, destination + (line * _geometry.Destination.Row),
                    channel, unit.Pixel, unit.Pixels);
            }
        }
    }

    // The rows of each slice of the window follow each other at the distance of a full block of lines.
    private void CopyRows(RowCopy copy, byte* scratch, byte* source, int plane, int line, int lines, int channel, int zeroPoint)
    {
        int firstRow = (line * _geometry.StrideHeight) - _geometry.Top, firstSlice = (plane * _geometry.StrideDepth) - _geometry.Front;
        long slice = _geometry.RowsOf(_linesOfUnit) * _rows.ScratchRowBytes;
        for (int d = 0; d < _geometry.KernelDepth; d++)
        {
            int depth = firstSlice + (d * _geometry.DilationDepth);
            for (int r = 0; r < _geometry.RowsOf(lines); r++)
            {
                bool inside = (uint)depth < (uint)_geometry.InputDepth && (uint)(firstRow + r) < (uint)_geometry.InputHeight;
                byte* row = inside ? source + (depth * _geometry.Source.Slice) + ((firstRow + r) * _geometry.Source.Row) : null;
                copy.Copy(
                    scratch + (d * slice) + (r * _rows.ScratchRowBytes), row,
                    -_geometry.Left, _geometry.RowPixels, _geometry.InputWidth, zeroPoint, channel);
            }
        }
    }
}
