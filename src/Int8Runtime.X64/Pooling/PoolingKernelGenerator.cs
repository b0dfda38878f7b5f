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
        FormattableString.Invariant($"pool_{spec.Reduction}_{spec.Source.ToShortName()}_w{spec.WindowColumns}t{spec.Tap}p{spec.DestinationPixel}_c{spec.Channels}{(spec.AddsPadding ? "z" : "")}{(spec.Dequantizes ? "q" : "")}_{spec.Epilogue?.ToString() ?? "raw"}");

    /// <summary>Channels of a vector.</summary>
    public static int LanesOf(PoolingReduction reduction, IsaTraits traits) =>
        reduction == PoolingReduction.ByteMaximum ? traits.VectorBytes : traits.Lanes32;

    /// <inheritdoc/>
    protected override void Emit(KernelAssembler asm, PoolingKernelSpec spec) => new Body(asm, spec).Emit();

    private sealed class Body
    {
        // Fields of PoolingKernelArguments and of PoolingWindow.
        private const int SourceField = 0, DestinationField = 8, WindowsField = 16, ColumnsField = 24, RowsField = 32,
            RowStepField = 40, BlocksField = 48, ZeroPointField = 56, ScaleField = 60, ChannelField = 64, EpilogueField = 72;

        private const int OffsetField = 0, TapsField = 4, DivisorField = 8, AddendField = 12, WindowBytes = 16;

        private readonly KernelAssembler _asm;
        private readonly PoolingKernelSpec _spec;
        private readonly int _lanes, _vectors;
        private readonly bool _isFloat;
        private readonly ActiveLanes? _tail;
        private readonly ByteRun? _bytes;
        private readonly Gpr _arguments, _window, _columns, _destination, _row, _tap, _rows, _taps, _channel;

        public Body(KernelAssembler asm, PoolingKernelSpec spec)
        {
            (_asm, _spec) = (asm, spec);
            _lanes = LanesOf(spec.Reduction, asm.Traits);
            _vectors = (spec.Channels + _lanes - 1) / _lanes;
            _isFloat = spec.Source == DataType.Float32;
            if (spec.Reduction == PoolingReduction.ByteMaximum)
                _bytes = new ByteRun(asm, spec.Channels % _lanes);
            else if (spec.Channels % _lanes != 0)
                _tail = ActiveLanes.First(asm, spec.Channels % _lanes);
            _arguments = asm.Arguments;
            _window = asm.Registers.Gpr("window");
            _columns = asm.Registers.Gpr("columns left");
            _destination = asm.Registers.Gpr("destination");
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
            using VecArray results = _asm.Registers.Vecs("result", _vectors);
            for (int v = 0; v < _vectors; v++)
                EmitStart(results[v]);
            EmitWindow(results);
            if (_spec.Reduction == PoolingReduction.ByteMaximum)
            {
                for (int v = 0; v < _vectors; v++)
                    Store(_destination[v * _lanes], results[v], v);
            }
            else
            {
                EmitValue(results);
                EmitEpilogue(results);
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

        private void EmitWindow(VecArray results)
        {
            using Vec element = _asm.Registers.Vec("element"), scratch = _asm.Registers.Vec("scratch");
            Label row = _asm.NewLabel("row"), nextRow = _asm.NewLabel("next row"), done = _asm.NewLabel("window done"),
                whole = _asm.NewLabel("whole row");
            _asm.MovSx32(_row, _window[OffsetField]);
            _asm.Add(_row, _arguments[SourceField]);
            _asm.Mov(_rows, _arguments[RowsField]);
            _asm.Test(_rows, _rows);
            _asm.JumpIf(Condition.Equal, done);

            _asm.Bind(row);
            _asm.MovSx32(_taps, _window[TapsField]);
            if (_spec.WindowColumns > 0)
            {
                _asm.Cmp(_taps, _spec.WindowColumns);
                _asm.JumpIf(Condition.Equal, whole);
            }

            _asm.Mov(_tap, _row);
            _asm.StepDown(_taps, 1, () =>
            {
                EmitTap(results, element, scratch, _tap[0]);
                _asm.Add(_tap, _spec.Tap);
            });
            if (_spec.WindowColumns > 0)
            {
                _asm.Jump(nextRow);
                _asm.Bind(whole);
                for (int t = 0; t < _spec.WindowColumns; t++)
                    EmitTap(results, element, scratch, _row[t * _spec.Tap]);
            }

            _asm.Bind(nextRow);
            _asm.Add(_row, _arguments[RowStepField]);
            _asm.Dec(_rows);
            _asm.JumpIf(Condition.NotEqual, row);
            _asm.Bind(done);
        }

        private void EmitTap(VecArray results, Vec element, Vec scratch, Mem tap)
        {
            for (int v = 0; v < _vectors; v++)
            {
                Vec result = results[v];
                Mem source = tap + (v * _lanes * _spec.Source.SizeInBytes());
                if (_spec.Reduction == PoolingReduction.ByteMaximum)
                {
                    LoadBytes(element, source, scratch, v);
                    _asm.Emit(_spec.Source == DataType.UInt8 ? Vpmaxub : Vpmaxsb, result, result, element);
                    continue;
                }

                ActiveLanes lanes = LanesAt(v);
                if (_isFloat)
                    TypedLoad.ToFloat(_asm, element, DataType.Float32, source, lanes);
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
            if (isAverage && _spec.AddsPadding)
            {
                _asm.Emit(Vpbroadcastd, operand, _window[AddendField]);
                ForEach(x => _asm.Emit(Vpaddd, x, x, operand));
            }

            if (!_isFloat)
                ForEach(x => _asm.Emit(Vcvtdq2ps, x, x));
            if (isAverage)
            {
                _asm.Emit(Vbroadcastss, operand, _window[DivisorField]);
                ForEach(x => _asm.Emit(Vdivps, x, x, operand));
            }

            if (!_spec.Dequantizes)
                return;
            _asm.Emit(Vbroadcastss, operand, _arguments[ZeroPointField]);
            ForEach(x => _asm.Emit(Vsubps, x, x, operand));
            _asm.Emit(Vbroadcastss, operand, _arguments[ScaleField]);
            ForEach(x => _asm.Emit(Vmulps, x, x, operand));

            void ForEach(Action<Vec> action)
            {
                for (int v = 0; v < results.Count; v++)
                    action(results[v]);
            }
        }

        private void EmitEpilogue(VecArray results)
        {
            int size = _spec.Epilogue!.Destination.SizeInBytes();
            using EpilogueEmitter epilogue = EpilogueEmitter.Begin(_asm, _spec.Epilogue, _arguments[EpilogueField], _channel);
            var vectors = new ResultVector[_vectors];
            for (int v = 0; v < _vectors; v++)
                vectors[v] = new(results[v], _destination[v * _lanes * size], v * _lanes, LanesAt(v));
            epilogue.Emit(vectors);
        }

        private bool IsTail(int vector) => (vector + 1) * _lanes > _spec.Channels;

        private ActiveLanes LanesAt(int vector) => IsTail(vector) ? _tail! : ActiveLanes.All;

        private void LoadBytes(Vec destination, Mem source, Vec scratch, int vector)
        {
            if (IsTail(vector))
                _bytes!.Load(destination, source, scratch);
            else
                _asm.Emit(Vmovdqu8, destination, source);
        }

        private void Store(Mem destination, Vec source, int vector)
        {
            if (IsTail(vector))
                _bytes!.Store(destination, source);
            else
                _asm.Emit(Vmovdqu8, destination, source);
        }
    }
}
