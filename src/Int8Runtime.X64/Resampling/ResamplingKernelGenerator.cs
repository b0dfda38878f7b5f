// Resampling, one destination row at a time, channels in the lanes: bytes where elements are only chosen and stored as they
// are, otherwise f32.
//
//   for each channel block, for each pixel of the destination row
//     for each source row, for its lower and upper pixel: v = fma(row weight · column weight, element, v)
//     value, epilogue, store
//
// Rows and columns come as addresses, offsets and weights, so that the kernel knows nothing of coordinates.
using Int8Runtime.Jit;
using static Int8Runtime.Jit.VectorOp;

namespace Int8Runtime.X64;

/// <summary>Generates resampling kernels.</summary>
internal sealed class ResamplingKernelGenerator : KernelGenerator<ResamplingKernelSpec>
{
    /// <inheritdoc/>
    public override string NameOf(ResamplingKernelSpec spec) =>
        $"resample_{(spec.Interpolates ? "linear" : "nearest")}{spec.SourceRows}_{spec.Source.ToShortName()}_p{spec.DestinationPixel}"
        + $"_c{spec.Lanes}{(spec.Dequantizes ? "q" : "")}_{spec.Epilogue?.ToString() ?? "raw"}";

    /// <inheritdoc/>
    protected override void Emit(KernelAssembler asm, ResamplingKernelSpec spec) => new Body(asm, spec).Emit();

    private sealed class Body
    {
        // Fields of ResamplingKernelArguments and of ResamplingColumn.
        private const int DestinationField = 0, TableField = 8, ColumnsField = 16, BlocksField = 24, ChannelField = 32,
            EpilogueField = 40, ZeroPointField = 48, ScaleField = 52, RowsField = 56,
            WeightsField = RowsField + (8 * ResamplingKernelArguments.MostRows);

        private const int OffsetField = 0, WeightField = 8, ColumnBytes = 16;

        private readonly KernelAssembler _asm;
        private readonly ResamplingKernelSpec _spec;
        private readonly ChannelBlock _block;
        private readonly Gpr _arguments, _column, _columns, _destination, _pixel, _channel;

        public Body(KernelAssembler asm, ResamplingKernelSpec spec)
        {
            (_asm, _spec) = (asm, spec);
            _block = new ChannelBlock(asm, spec.Lanes, spec.Copies);
            _arguments = asm.Arguments;
            _column = asm.Registers.Gpr("column");
            _columns = asm.Registers.Gpr("columns left");
            _destination = asm.Registers.Gpr("destination");
            _pixel = asm.Registers.Gpr("source pixel");
            _channel = asm.Registers.Gpr("channel");
        }

        public void Emit()
        {
            int sourceBytes = _spec.Copies ? 1 : _spec.Source.SizeInBytes();
            _asm.Mov(_channel, _arguments[ChannelField]);
            Label block = _asm.NewLabel("channel block");
            _asm.Bind(block);
            _asm.Mov(_column, _arguments[TableField]);
            _asm.Mov(_columns, _arguments[ColumnsField]);
            _asm.Mov(_destination, _arguments[DestinationField]);
            _asm.CountDown(_columns, EmitPixel);
            for (int row = 0; row < Math.Max(_spec.SourceRows, 1); row++)
                _asm.Add(_arguments[RowsField + (row * sizeof(long))], _spec.Lanes * sourceBytes);
            _asm.Add(_arguments[DestinationField], _spec.Lanes * (_spec.Epilogue?.Destination.SizeInBytes() ?? 1));
            _asm.Add(_channel, _spec.Lanes);
            _asm.Dec(_arguments[BlocksField]);
            _asm.JumpIf(Condition.NotEqual, block);
        }

        private void EmitPixel()
        {
            using (VecArray results = _asm.Registers.Vecs("result", _block.Vectors))
            {
                if (_spec.Copies)
                {
                    EmitCopy(results);
                }
                else
                {
                    if (_spec.Interpolates)
                        EmitSum(results);
                    else
                        EmitElement(results);
                    if (_spec.Dequantizes)
                        _block.Dequantize(results, _arguments[ZeroPointField], _arguments[ScaleField]);
                    _block.Store(results, _spec.Epilogue!, _arguments[EpilogueField], _destination, _channel);
                }
            }

            _asm.Add(_column, ColumnBytes);
            _asm.Add(_destination, _spec.DestinationPixel);
        }

        private void EmitCopy(VecArray results)
        {
            LoadPixel(0, 0);
            using Vec scratch = _asm.Registers.Vec("scratch");
            for (int v = 0; v < _block.Vectors; v++)
                _block.LoadBytes(results[v], _pixel[v * _block.Lanes], scratch, v);
            for (int v = 0; v < _block.Vectors; v++)
                _block.StoreBytes(_destination[v * _block.Lanes], results[v], v);
        }

        private void EmitElement(VecArray results)
        {
            LoadPixel(0, 0);
            for (int v = 0; v < _block.Vectors; v++)
                LoadElements(results[v], v);
        }

        private void EmitSum(VecArray results)
        {
            using Vec element = _asm.Registers.Vec("element"), weight = _asm.Registers.Vec("weight"),
                rowWeight = _asm.Registers.Vec("row weight");
            for (int v = 0; v < _block.Vectors; v++)
                _asm.Clear(results[v]);
            for (int row = 0; row < _spec.SourceRows; row++)
            {
                if (_spec.SourceRows > 1)
                    _asm.Emit(Vbroadcastss, rowWeight, _arguments[WeightsField + (row * sizeof(float))]);
                for (int side = 0; side < 2; side++)
                {
                    LoadPixel(row, side);
                    _asm.Emit(Vbroadcastss, weight, _column[WeightField + (side * sizeof(float))]);
                    if (_spec.SourceRows > 1)
                        _asm.Emit(Vmulps, weight, weight, rowWeight);
                    for (int v = 0; v < _block.Vectors; v++)
                    {
                        LoadElements(element, v);
                        _asm.Emit(Vfmadd231ps, results[v], element, weight);
                    }
                }
            }
        }

        // The address of a source row's lower or upper pixel.
        private void LoadPixel(int row, int side)
        {
            _asm.MovSx32(_pixel, _column[OffsetField + (side * sizeof(int))]);
            _asm.Add(_pixel, _arguments[RowsField + (row * sizeof(long))]);
        }

        private void LoadElements(Vec destination, int vector) => TypedLoad.ToFloat(
            _asm, destination, _spec.Source, _pixel[vector * _block.Lanes * _spec.Source.SizeInBytes()], _block.LanesAt(vector));
    }
}
