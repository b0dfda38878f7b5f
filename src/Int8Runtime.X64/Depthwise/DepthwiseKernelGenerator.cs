// Depthwise convolution, one destination row at a time, channels in the lanes.
//
//   for each channel block
//     for each tile of output columns (the widest first, then 4, 2, 1 for the rest of the row)
//       accumulators = compensation
//       for each source column that the tile's windows touch
//         for each group of rows: load, interleave; for each output that sees the column: multiply and add
//       epilogue, store
//
// A loaded column serves all outputs of the tile. Where the bytes of a window stay in registers, columns are not loaded twice at
// all: outputs follow one another, and a column is added to the two or three that are under way (EmitRolling).
//
// Columns outside the source are found by one unsigned comparison of their offset, in a branch that is never taken inside
// the image; rows outside it are pointers to a padding row.
using Int8Runtime.Jit;
using static Int8Runtime.Jit.VectorOp;

namespace Int8Runtime.X64;

/// <summary>Generates depthwise kernels for every product and instruction set.</summary>
internal sealed class DepthwiseKernelGenerator : KernelGenerator<DepthwiseKernelSpec>
{
    /// <inheritdoc/>
    public override string NameOf(DepthwiseKernelSpec spec) =>
        $"dw_{spec.Source.ToShortName()}_{spec.Product}_k{spec.KernelHeight}x{spec.KernelWidth}s{spec.Stride}d{spec.Dilation}"
        + $"_v{spec.Vectors}c{spec.Channels}_p{spec.SourcePixel}-{spec.DestinationPixel}{(spec.AddsPadding ? "z" : "")}_{spec.Epilogue}";

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
        if (_product.HoldsWeights && _spec.Product != TapProductKind.Fma)
        {
            EmitRolling();
            return;
        }

        int besideAccumulators = Math.Max(_product.ColumnRegisters, _store.Registers);
        int widest = Math.Clamp((_registersForTile - besideAccumulators) / _geometry.Vectors, 1, WidestTile);
        foreach (int width in ((int[])[widest, 4, 2, 1]).Where(w => w <= widest).Distinct())
            _asm.StepDown(_columns, width, () => EmitTile(width));
    }

    private void EmitTile(int outputs)
    {
        _asm.Comment($"{outputs} outputs");
        using VecArray accumulators = _asm.Registers.Vecs("acc", outputs, _geometry.Vectors);
        Vec[][] sums = RowsOf(accumulators, outputs);
        foreach (Vec[] output in sums)
            EmitStart(output);
        int last = ((outputs - 1) * _spec.Stride) + ((_spec.KernelWidth - 1) * _spec.Dilation);
        for (int column = 0; column <= last; column++)
            EmitColumn(column, UsesOf(column, sums));
        _asm.Add(_offset, outputs * _spec.Stride * _spec.SourcePixel);
        _store.Emit(sums, _destination, _channel, _arguments[EpilogueField]);
        _asm.Add(_destination, outputs * _spec.DestinationPixel);
    }

    // One output after the other, each with its last columns, which are added to those that follow as well. The accumulators of
    // a finished output become those of the next one that begins; the loop is unrolled until each is where it was.
    private void EmitRolling()
    {
        using VecArray accumulators = _asm.Registers.Vecs("acc", _product.OpenOutputs, _geometry.Vectors);
        Vec[][] sums = RowsOf(accumulators, _product.OpenOutputs);
        Label next = _asm.NewLabel("next outputs"), done = _asm.NewLabel("row done");
        foreach (Vec[] output in sums)
            EmitStart(output);
        int firstNew = Math.Max(_spec.KernelWidth - _spec.Stride, 0);
        for (int column = 0; column < firstNew; column++)
            EmitColumn(column, UsesOf(column, sums));
        _asm.Bind(next);
        for (int o = 0; o < sums.Length; o++)
        {
            Vec[][] open = [.. sums[o..], .. sums[..o]];
            for (int column = firstNew; column < _spec.KernelWidth; column++)
                EmitColumn(column, UsesOf(column, open));
            _asm.Add(_offset, _spec.Stride * _spec.SourcePixel);
            _store.Emit([sums[o]], _destination, _channel, _arguments[EpilogueField]);
            _asm.Add(_destination, _spec.DestinationPixel);
            _asm.Dec(_columns);
            _asm.JumpIf(Condition.Equal, done);
            EmitStart(sums[o]);
        }

        _asm.Jump(next);
        _asm.Bind(done);
    }

    private Vec[][] RowsOf(VecArray accumulators, int outputs) =>
        [.. Enumerable.Range(0, outputs).Select(o => Enumerable.Range(0, _geometry.Vectors).Select(v => accumulators[o, v]).ToArray())];

    // Without padding that is multiplied the compensation is 0.
    private void EmitStart(Vec[] sums)
    {
        for (int v = 0; v < sums.Length; v++)
        {
            if (_spec.AddsPadding)
                _asm.Emit(Vmovdqu, sums[v], _weights[v * _geometry.VectorBytes]);
            else
                _asm.Clear(sums[v]);
        }
    }

    // The outputs that see a column, which is counted from the first column of the first one, each with the column of its window.
    private List<(Vec[] Sums, int Tap)> UsesOf(int column, Vec[][] outputs)
    {
        var uses = new List<(Vec[], int)>();
        for (int o = 0; o < outputs.Length; o++)
        {
            int distance = column - (o * _spec.Stride);
            if (distance >= 0 && distance % _spec.Dilation == 0 && distance / _spec.Dilation < _spec.KernelWidth)
                uses.Add((outputs[o], distance / _spec.Dilation));
        }

        return uses;
    }

    private void EmitColumn(int column, List<(Vec[] Sums, int Tap)> uses)
    {
        if (uses.Count == 0)
            return;
        using VecArray registers = _asm.Registers.Vecs("column", _product.ColumnRegisters);
        Label done = _asm.NewLabel("column done"), padding = _asm.NewLabel("padding");
        _asm.Lea(_column, _offset[column * _spec.SourcePixel]);
        _asm.Cmp(_column, _arguments[RowBytesField]);
        _asm.JumpIf(Condition.AboveOrEqual, _spec.AddsPadding ? padding : done);
        for (int group = 0; group < _groups; group++)
        {
            int first = group * _geometry.RowsPerGroup;
            int count = Math.Min(_geometry.RowsPerGroup, _spec.KernelHeight - first);
            Vec[] loaded = _product.Load(registers, count, r => RowAddress(first + r));
            Multiply(registers, loaded, group, uses);
        }

        _asm.Bind(done);
        if (!_spec.AddsPadding)
            return;
        _outOfLine.Add(() =>
        {
            _asm.Bind(padding);
            Vec[] loaded = _product.LoadPadding(registers, _arguments[PaddingField]);
            for (int group = 0; group < _groups; group++)
                Multiply(registers, loaded, group, uses);
            _asm.Jump(done);
        });
    }

    private void Multiply(VecArray registers, Vec[] column, int group, List<(Vec[] Sums, int Tap)> uses)
    {
        foreach ((Vec[] sums, int tapColumn) in uses)
        {
            int tap = (tapColumn * _groups) + group;
            Mem weights = _weights[CompensationBytes + (tap * _geometry.Vectors * _geometry.VectorBytes)];
            _product.Multiply(registers, column, sums, tap, weights);
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
