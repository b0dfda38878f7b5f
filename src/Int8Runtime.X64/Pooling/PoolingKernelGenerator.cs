// Pooling, one destination row at a time, channels in the lanes: bytes for the plain maximum of 8-bit types, otherwise
// 32-bit lanes (s32 for integers, f32).
//
//   for each channel block, for each pixel of the destination row
//     for each row of the window inside the source, for each tap of that row inside it: reduce
//     value, epilogue, store
//
// The windows come as a table that the plan clips at the borders, so that the kernel needs no check; rows of unclipped
// windows are unrolled.
using Int8Runtime.Jit;
using static Int8Runtime.Jit.VectorOp;

namespace Int8Runtime.X64;

/// <summary>Generates pooling kernels.</summary>
internal sealed class PoolingKernelGenerator : KernelGenerator<PoolingKernelSpec>
{
    /// <inheritdoc/>
    public override string NameOf(PoolingKernelSpec spec) =>
        $"pool_{spec.Reduction}_{spec.Source.ToShortName()}_w{spec.WindowColumns}t{spec.Tap}p{spec.DestinationPixel}_c{spec.Channels}"
        + $"{(spec.AddsPadding ? "z" : "")}{(spec.Dequantizes ? "q" : "")}_{spec.Epilogue?.ToString() ?? "raw"}";

    /// <inheritdoc/>
    protected override void Emit(KernelAssembler asm, PoolingKernelSpec spec) => new Body(asm, spec).Emit();

    private sealed class Body
    {
        // Fields of PoolingKernelArguments and of PoolingWindow.
        private const int SourceField = 0, DestinationField = 8, WindowsField = 16, ColumnsField = 24, RowsField = 32,
            RowOffsetsField = 40, BlocksField = 48, ZeroPointField = 56, ScaleField = 60, ChannelField = 64, EpilogueField = 72;

        private const int OffsetField = 0, TapsField = 4, DivisorField = 8, AddendField = 12, LowAddendField = 16, WindowBytes = 20;

        private readonly KernelAssembler _asm;
        private readonly PoolingKernelSpec _spec;
        private readonly ChannelBlock _block;
        private readonly bool _isFloat;
        private readonly Gpr _arguments, _window, _columns, _destination, _first, _offsets, _row, _tap, _rows, _taps, _channel;

        public Body(KernelAssembler asm, PoolingKernelSpec spec)
        {
            (_asm, _spec) = (asm, spec);
            _block = new ChannelBlock(asm, spec.Channels, spec.Reduction == PoolingReduction.ByteMaximum);
            _isFloat = spec.Source.IsFloatingPoint();
            _arguments = asm.Arguments;
            _window = asm.Registers.Gpr("window");
            _columns = asm.Registers.Gpr("columns left");
            _destination = asm.Registers.Gpr("destination");
            _first = asm.Registers.Gpr("first tap");
            _offsets = asm.Registers.Gpr("row offsets");
            _row = asm.Registers.Gpr("row");
            _tap = asm.Registers.Gpr("tap");
            _rows = asm.Registers.Gpr("rows left");
            _taps = asm.Registers.Gpr("taps left");
            _channel = asm.Registers.Gpr("channel");
        }

        public void Emit()
        {
            _asm.Mov(_channel, _arguments[ChannelField]);
            Label block = _asm.NewLabel("channel block");
            _asm.Bind(block);
            _asm.Mov(_window, _arguments[WindowsField]);
            _asm.Mov(_columns, _arguments[ColumnsField]);
            _asm.Mov(_destination, _arguments[DestinationField]);
            _asm.CountDown(_columns, EmitPixel);
            int destinationBytes = _spec.Epilogue?.Destination.SizeInBytes() ?? 1;
            AddTo(SourceField, _spec.Channels * _spec.Source.SizeInBytes());
            AddTo(DestinationField, _spec.Channels * destinationBytes);
            _asm.Add(_channel, _spec.Channels);
            _asm.Dec(_arguments[BlocksField]);
            _asm.JumpIf(Condition.NotEqual, block);
        }

        private void AddTo(int field, int bytes) => _asm.Add(_arguments[field], bytes);

        private void EmitPixel()
        {
            using VecArray results = _asm.Registers.Vecs("result", _block.Vectors);
            for (int v = 0; v < _block.Vectors; v++)
                EmitStart(results[v]);
            if (_spec.IsWide)
                EmitWideWindow(results);
            else
                EmitWindow((tap, element, scratch) => EmitTap(results, element, scratch, tap));
            if (_spec.Reduction == PoolingReduction.ByteMaximum)
            {
                for (int v = 0; v < _block.Vectors; v++)
                    _block.StoreBytes(_destination[v * _block.Lanes], results[v], v);
            }
            else
            {
                EmitValue(results);
                _block.Store(results, _spec.Epilogue!, _arguments[EpilogueField], _destination, _channel);
            }

            _asm.Add(_window, WindowBytes);
            _asm.Add(_destination, _spec.DestinationPixel);
        }

        // The neutral element of the reduction.
        private void EmitStart(Vec result)
        {
            if (_spec.Reduction == PoolingReduction.Average || _spec.Source == DataType.UInt8)
                _asm.Clear(result);
            else if (_isFloat)
                _asm.Emit(Vmovups, result, _asm.Splat(float.NegativeInfinity));
            else if (_spec.Reduction == PoolingReduction.ByteMaximum)
                _asm.Emit(Vmovups, result, _asm.Splat(sbyte.MinValue));
            else
                _asm.Emit(Vmovups, result, _asm.Splat(_spec.Source.IntegerRange().Min));
        }

        // Sums of s32 that need more than 32 bits: the low and the high halves of the elements are summed apart, then rounded once.
        private void EmitWideWindow(VecArray results)
        {
            using VecArray high = _asm.Registers.Vecs("high half", _block.Vectors);
            for (int v = 0; v < _block.Vectors; v++)
                _asm.Clear(high[v]);
            EmitWindow((tap, element, scratch) =>
            {
                for (int v = 0; v < _block.Vectors; v++)
                {
                    TypedLoad.ToInt32(_asm, element, _spec.Source, tap + (v * _block.Lanes * sizeof(int)), _block.LanesAt(v));
                    _asm.Emit(Vpsrad, scratch, element, 16);
                    _asm.Emit(Vpaddd, high[v], high[v], scratch);
                    _asm.Emit(Vpand, element, element, _asm.Splat(0xFFFF));
                    _asm.Emit(Vpaddd, results[v], results[v], element);
                }
            });

            if (_spec.AddsPadding)
            {
                using Vec addend = _asm.Registers.Vec("addend");
                AddPadding(high, AddendField);
                AddPadding(results, LowAddendField);

                void AddPadding(VecArray halves, int field)
                {
                    _asm.Emit(Vpbroadcastd, addend, _window[field]);
                    for (int v = 0; v < _block.Vectors; v++)
                        _asm.Emit(Vpaddd, halves[v], halves[v], addend);
                }
            }

            // With at most 2¹⁶ elements the low halves stay below 2³² and the sum is h·2¹⁶ + l with h in 32 bits and 0 ≤ l < 2¹⁶.
            // f = f32(h) differs from h by at most 2⁶, so the rest (h − f)·2¹⁶ + l is exact in f32, and f·2¹⁶ + rest rounds once.
            // Where f is 2³¹, its conversion back gives −2³¹, which is the same modulo 2³².
            using Vec rounded = _asm.Registers.Vec("rounded"), integer = _asm.Registers.Vec("integer");
            for (int v = 0; v < _block.Vectors; v++)
            {
                Vec low = results[v], sum = high[v];
                _asm.Emit(Vpsrld, integer, low, 16);
                _asm.Emit(Vpaddd, sum, sum, integer);
                _asm.Emit(Vpand, low, low, _asm.Splat(0xFFFF));
                _asm.Emit(Vcvtdq2ps, rounded, sum);
                _asm.Emit(Vcvtps2dq, integer, rounded);
                _asm.Emit(Vpsubd, sum, sum, integer);
                _asm.Emit(Vpslld, sum, sum, 16);
                _asm.Emit(Vpaddd, low, low, sum);
                _asm.Emit(Vcvtdq2ps, low, low);
                _asm.Emit(Vmuladd231ps, low, rounded, _asm.Splat(65536f));
            }
        }

        private void EmitWindow(Action<Mem, Vec, Vec> emitTap)
        {
            using Vec element = _asm.Registers.Vec("element"), scratch = _asm.Registers.Vec("scratch");
            Label row = _asm.NewLabel("row"), nextRow = _asm.NewLabel("next row"), done = _asm.NewLabel("window done"),
                whole = _asm.NewLabel("whole row");
            _asm.MovSx32(_first, _window[OffsetField]);
            _asm.Add(_first, _arguments[SourceField]);
            _asm.Mov(_offsets, _arguments[RowOffsetsField]);
            _asm.Mov(_rows, _arguments[RowsField]);
            _asm.Test(_rows, _rows);
            _asm.JumpIf(Condition.Equal, done);

            _asm.Bind(row);
            _asm.Mov(_row, _first);
            _asm.Add(_row, _offsets[0]);
            _asm.Add(_offsets, sizeof(long));
            _asm.MovSx32(_taps, _window[TapsField]);
            if (_spec.WindowColumns > 0)
            {
                _asm.Cmp(_taps, _spec.WindowColumns);
                _asm.JumpIf(Condition.Equal, whole);
            }

            _asm.Mov(_tap, _row);
            _asm.StepDown(_taps, 1, () =>
            {
                emitTap(_tap[0], element, scratch);
                _asm.Add(_tap, _spec.Tap);
            });
            if (_spec.WindowColumns > 0)
            {
                _asm.Jump(nextRow);
                _asm.Bind(whole);
                for (int t = 0; t < _spec.WindowColumns; t++)
                    emitTap(_row[t * _spec.Tap], element, scratch);
            }

            _asm.Bind(nextRow);
            _asm.Dec(_rows);
            _asm.JumpIf(Condition.NotEqual, row);
            _asm.Bind(done);
        }

        private void EmitTap(VecArray results, Vec element, Vec scratch, Mem tap)
        {
            for (int v = 0; v < _block.Vectors; v++)
            {
                Vec result = results[v];
                Mem source = tap + (v * _block.Lanes * _spec.Source.SizeInBytes());
                if (_spec.Reduction == PoolingReduction.ByteMaximum)
                {
                    _block.LoadBytes(element, source, scratch, v);
                    _asm.Emit(_spec.Source == DataType.UInt8 ? Vpmaxub : Vpmaxsb, result, result, element);
                    continue;
                }

                ActiveLanes lanes = _block.LanesAt(v);
                if (_isFloat)
                    TypedLoad.ToFloat(_asm, element, _spec.Source, source, lanes);
                else
                    TypedLoad.ToInt32(_asm, element, _spec.Source, source, lanes);
                // VMAXPS gives its second operand for NaN and for equal elements: the result so far.
                if (_spec.Reduction == PoolingReduction.Average)
                    _asm.Emit(_isFloat ? Vaddps : Vpaddd, result, result, element);
                else if (_isFloat)
                    _asm.Emit(Vmaxps, result, element, result);
                else
                    _asm.Emit(Vpmaxsd, result, result, element);
            }
        }

        // From reductions to real values: the sum is completed and divided, then dequantized.
        private void EmitValue(VecArray results)
        {
            using Vec operand = _asm.Registers.Vec("operand");
            bool isAverage = _spec.Reduction == PoolingReduction.Average;
            if (isAverage && _spec.AddsPadding && !_spec.IsWide)
            {
                _asm.Emit(Vpbroadcastd, operand, _window[AddendField]);
                ForEach(x => _asm.Emit(Vpaddd, x, x, operand));
            }

            if (!_isFloat && !_spec.IsWide && _spec.Epilogue!.Accumulator != DataType.Int32)
                ForEach(x => _asm.Emit(Vcvtdq2ps, x, x));
            if (isAverage)
            {
                _asm.Emit(Vbroadcastss, operand, _window[DivisorField]);
                ForEach(x => _asm.Emit(Vdivps, x, x, operand));
            }

            if (_spec.Dequantizes)
                _block.Dequantize(results, _arguments[ZeroPointField], _arguments[ScaleField]);

            void ForEach(Action<Vec> action)
            {
                for (int v = 0; v < results.Count; v++)
                    action(results[v]);
            }
        }
    }
}
