// Depthwise convolution, one destination row at a time, channels in the lanes.
//
//   for each channel block
//     for each tile of output columns (the widest first, then 4, 2, 1 for the rest of the row)
//       accumulators = compensation
//       for each source column that the tile's windows touch
//         for each group of rows: load, interleave; for each output that sees the column: multiply and add
//       epilogue, store
//
// A loaded column serves all outputs of the tile. Columns outside the source are found by one unsigned comparison of
// their offset, in a branch that is never taken inside the image; rows outside it are pointers to a padding row.
using Int8Runtime.Jit;
using static Int8Runtime.Jit.VectorOp;

namespace Int8Runtime.X64;

/// <summary>Generates depthwise kernels for every product and instruction set.</summary>
internal sealed class DepthwiseKernelGenerator : KernelGenerator<DepthwiseKernelSpec>
{
    /// <inheritdoc/>
    public override string NameOf(DepthwiseKernelSpec spec) =>
        $"dw_{spec.Source.ToShortName()}_{spec.Product}_k{spec.KernelHeight}x{spec.KernelWidth}s{spec.Stride}d{spec.Dilation}"
        + $"_c{spec.Channels}_p{spec.SourcePixel}-{spec.DestinationPixel}{(spec.AddsPadding ? "z" : "")}_{spec.Epilogue}";

    /// <inheritdoc/>
    protected override void Emit(KernelAssembler asm, DepthwiseKernelSpec spec) => new DepthwiseKernelBody(asm, spec).Emit();
}

/// <summary>The state of one generation.</summary>
internal sealed class DepthwiseKernelBody
{
    // Fields of DepthwiseKernelArguments.
    private const int RowsField = 0, WeightsField = 8, DestinationField = 16, ColumnsField = 24, RowBytesField = 32,
        FirstColumnField = 40, BlocksField = 48, PaddingField = 56, ChannelField = 60, EpilogueField = 64;

    // Row pointers that stay in registers; those of taller windows are loaded when they are needed.
    private const int MostResidentRows = 4;

    private const int WidestTile = 8;

    private readonly KernelAssembler _asm;
    private readonly DepthwiseKernelSpec _spec;
    private readonly TapProduct _product;
    private readonly TapGeometry _geometry;
    private readonly DepthwiseStore _store;
    private readonly int _groups, _registersForTile;
    private readonly Gpr _arguments, _offset, _column, _weights, _destination, _columns, _channel;
    private readonly Gpr[] _rows;
    private readonly Gpr? _rowTable;
    private readonly List<Action> _outOfLine = [];

    public DepthwiseKernelBody(KernelAssembler asm, DepthwiseKernelSpec spec)
    {
        (_asm, _spec) = (asm, spec);
        _arguments = asm.Arguments;
        _store = new DepthwiseStore(asm, spec);
        _product = TapProduct.Create(asm, spec, _store.Registers);
        _geometry = _product.Geometry;
        _groups = _geometry.GroupsOf(spec.KernelHeight);
        _registersForTile = asm.Registers.Free(RegisterClass.Vector);
        _offset = asm.Registers.Gpr("column offset");
        _column = asm.Registers.Gpr("column");
        _weights = asm.Registers.Gpr("weights");
        _destination = asm.Registers.Gpr("destination");
        _columns = asm.Registers.Gpr("columns left");
        _channel = asm.Registers.Gpr("channel");
        bool resident = spec.KernelHeight <= MostResidentRows;
        _rows = new Gpr[resident ? spec.KernelHeight : 1];
        for (int r = 0; r < _rows.Length; r++)
            _rows[r] = asm.Registers.Gpr(resident ? $"row {r}" : "row");
        _rowTable = resident ? null : asm.Registers.Gpr("row table");
    }

    public void Emit()
    {
        _asm.Mov(_weights, _arguments[WeightsField]);
        _asm.MovSx32(_channel, _arguments[ChannelField]);
        LoadRowPointers();
        Label block = _asm.NewLabel("channel block");
        _asm.Bind(block);
        EmitBlock();
        int sourceBytes = _spec.Channels * _spec.Source.SizeInBytes();
        AdvanceRows(sourceBytes);
        _asm.Add(_weights, BlockBytes);
        _asm.Add(_arguments[DestinationField], _spec.Channels * _spec.Epilogue.Destination.SizeInBytes());
        _asm.Add(_channel, _spec.Channels);
        _asm.Dec(_arguments[BlocksField]);
        _asm.JumpIf(Condition.NotEqual, block);
        _asm.Jump(_asm.Exit);
        foreach (Action action in _outOfLine)
            action();
        _product.End();
        _store.Dispose();
    }

    /// <summary>Bytes of a block's packed weights: compensation, then the taps.</summary>
    private int BlockBytes => CompensationBytes
        + (_spec.KernelWidth * _groups * _geometry.Vectors * _geometry.VectorBytes);

    private int CompensationBytes => _spec.Product == TapProductKind.Fma ? 0 : _geometry.Vectors * _geometry.VectorBytes;

    private void EmitBlock()
    {
        _product.BeginBlock(_weights[CompensationBytes]);
        _asm.Mov(_destination, _arguments[DestinationField]);
        _asm.Mov(_offset, _arguments[FirstColumnField]);
        _asm.Mov(_columns, _arguments[ColumnsField]);
        int besideAccumulators = Math.Max(_product.ColumnRegisters, _store.Registers);
        int widest = Math.Clamp((_registersForTile - besideAccumulators) / _geometry.Vectors, 1, WidestTile);
        foreach (int width in ((int[])[widest, 4, 2, 1]).Where(w => w <= widest).Distinct())
            _asm.StepDown(_columns, width, () => EmitTile(width));
    }

    private void EmitTile(int outputs)
    {
        _asm.Comment($"{outputs} outputs");
        using VecArray accumulators = _asm.Registers.Vecs("acc", outputs, _geometry.Vectors);
        for (int o = 0; o < outputs; o++)
        {
            for (int v = 0; v < _geometry.Vectors; v++)
            {
                if (_spec.Product == TapProductKind.Fma)
                    _asm.Clear(accumulators[o, v]);
                else
                    _asm.Emit(Vmovdqu, accumulators[o, v], _weights[v * _geometry.VectorBytes]);
            }
        }

        using (VecArray registers = _asm.Registers.Vecs("column", _product.ColumnRegisters))
        {
            int last = ((outputs - 1) * _spec.Stride) + ((_spec.KernelWidth - 1) * _spec.Dilation);
            for (int column = 0; column <= last; column++)
            {
                (int Output, int Tap)[] uses = [.. UsesOf(column, outputs)];
                if (uses.Length > 0)
                    EmitColumn(registers, accumulators, column, uses);
            }
        }

        _asm.Add(_offset, outputs * _spec.Stride * _spec.SourcePixel);
        _store.Emit(accumulators, outputs, _destination, _channel, _arguments[EpilogueField]);
        _asm.Add(_destination, outputs * _spec.DestinationPixel);
    }

    // The outputs of a tile that see a column, each with the column of its window.
    private IEnumerable<(int Output, int Tap)> UsesOf(int column, int outputs)
    {
        for (int o = 0; o < outputs; o++)
        {
            int distance = column - (o * _spec.Stride);
            if (distance >= 0 && distance % _spec.Dilation == 0 && distance / _spec.Dilation < _spec.KernelWidth)
                yield return (o, distance / _spec.Dilation);
        }
    }

    private void EmitColumn(VecArray registers, VecArray accumulators, int column, (int Output, int Tap)[] uses)
    {
        Label done = _asm.NewLabel("column done"), padding = _asm.NewLabel("padding");
        _asm.Lea(_column, _offset[column * _spec.SourcePixel]);
        _asm.Cmp(_column, _arguments[RowBytesField]);
        _asm.JumpIf(Condition.AboveOrEqual, _spec.AddsPadding ? padding : done);
        for (int group = 0; group < _groups; group++)
        {
            int first = group * _geometry.RowsPerGroup;
            int count = Math.Min(_geometry.RowsPerGroup, _spec.KernelHeight - first);
            Vec[] loaded = _product.Load(registers, count, r => RowAddress(first + r));
            Multiply(registers, loaded, accumulators, group, uses);
        }

        _asm.Bind(done);
        if (!_spec.AddsPadding)
            return;
        _outOfLine.Add(() =>
        {
            _asm.Bind(padding);
            Vec[] loaded = _product.LoadPadding(registers, _arguments[PaddingField]);
            for (int group = 0; group < _groups; group++)
                Multiply(registers, loaded, accumulators, group, uses);
            _asm.Jump(done);
        });
    }

    private void Multiply(VecArray registers, Vec[] column, VecArray accumulators, int group, (int Output, int Tap)[] uses)
    {
        foreach ((int output, int tapColumn) in uses)
        {
            int tap = (tapColumn * _groups) + group;
            Mem weights = _weights[CompensationBytes + (tap * _geometry.Vectors * _geometry.VectorBytes)];
            _product.Multiply(registers, column, accumulators, output, tap, weights);
        }
    }

    private Mem RowAddress(int row)
    {
        if (_rowTable is not { } table)
            return _rows[row][_column];
        _asm.Mov(_rows[0], table[row * 8]);
        return _rows[0][_column];
    }

    private void LoadRowPointers()
    {
        Gpr table = _rowTable ?? _column;
        _asm.Mov(table, _arguments[RowsField]);
        for (int r = 0; _rowTable is null && r < _rows.Length; r++)
            _asm.Mov(_rows[r], table[r * 8]);
    }

    private void AdvanceRows(int bytes)
    {
        for (int r = 0; r < _spec.KernelHeight; r++)
        {
            if (_rowTable is { } table)
                _asm.Add(table[r * 8], bytes);
            else
                _asm.Add(_rows[r], bytes);
        }
    }
}
