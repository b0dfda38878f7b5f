// Emits the walk over the elements of sets.
//
//   for each run of the set:
//     for each vector of the run (across lanes), or each element (side by side):  x = scale·(source − zero point); body
using System.Runtime.InteropServices;
using Int8Runtime.Jit;
using static Int8Runtime.Jit.VectorOp;

namespace Int8Runtime.X64;

/// <summary>What the code of a walk depends on.</summary>
/// <param name="Source">Element type of the source.</param>
/// <param name="AcrossLanes">Whether the lanes of a vector belong to one set.</param>
/// <param name="HasZeroPoint">Whether the zero point is subtracted from each element.</param>
/// <param name="HasScale">Whether each element is multiplied by the scale.</param>
/// <param name="IsInteger">Whether elements stay s32, as they are stored.</param>
internal sealed record SetWalkSpec(DataType Source, bool AcrossLanes, bool HasZeroPoint, bool HasScale, bool IsInteger = false)
{
    /// <inheritdoc/>
    public override string ToString() =>
        Source.ToShortName() + (IsInteger ? "i" : "") + (AcrossLanes ? "_across" : "") + (HasZeroPoint ? "_z" : "")
        + (HasScale ? "_s" : "");
}

/// <summary>What a body of a walk addresses beside the source.</summary>
[Flags]
internal enum SetOutputs
{
    /// <summary>One result for each set.</summary>
    PerSet = 0,

    /// <summary>A result for each element.</summary>
    PerElement = 1,

    /// <summary>Parameters of each element.</summary>
    Parameters = 2,
}

/// <summary>Where a body finds its element.</summary>
/// <param name="Number">Which of <see cref="SetWalk.Unroll"/> independent accumulators to use.</param>
/// <param name="Destination">The result of the element, if there is one.</param>
/// <param name="Factor">Its factor, if it has one: a vector, or one for all lanes.</param>
/// <param name="Addend">Its addend.</param>
/// <param name="Lanes">Lanes that hold elements.</param>
internal readonly record struct SetElement(int Number, Mem Destination, Mem Factor, Mem Addend, ActiveLanes Lanes);

/// <summary>Registers and loops of a walk.</summary>
internal sealed class SetWalk : IDisposable
{
    /// <summary>Vectors, or elements, of an iteration.</summary>
    public const int Unroll = 4;

    private readonly KernelAssembler _asm;
    private readonly SetWalkSpec _spec;
    private readonly SetOutputs _outputs;
    private readonly int _sourceBytes, _destinationBytes, _parameterBytes;
    private readonly Gpr _source, _destination, _position, _count;
    private readonly Gpr? _factor, _addend;

    /// <summary>Leases the registers.</summary>
    /// <param name="asm">The kernel, whose arguments are <see cref="SetArguments"/>.</param>
    /// <param name="spec">What to emit.</param>
    /// <param name="destination">Element type of the destination.</param>
    /// <param name="outputs">What bodies address.</param>
    /// <param name="parameterBytes">Bytes between the parameters of neighbouring lanes; 0 if they share one.</param>
    public SetWalk(KernelAssembler asm, SetWalkSpec spec, DataType destination, SetOutputs outputs, int parameterBytes = 0)
    {
        (_asm, _spec, _outputs) = (asm, spec, outputs);
        (_sourceBytes, _destinationBytes, _parameterBytes) = (spec.Source.SizeInBytes(), destination.SizeInBytes(), parameterBytes);
        _source = asm.Registers.Gpr("element");
        _destination = asm.Registers.Gpr("result");
        if (outputs.HasFlag(SetOutputs.Parameters))
            (_factor, _addend) = (asm.Registers.Gpr("factor"), asm.Registers.Gpr("addend"));
        _position = asm.Registers.Gpr("position");
        _count = asm.Registers.Gpr("count");
        Value = asm.Registers.Vec("value");
    }

    /// <summary>The element, as f32 or s32. Lanes without one hold something finite.</summary>
    public Vec Value { get; }

    /// <summary>The number of the set in the first lane among its neighbours, for operands behind sets side by side.</summary>
    public Gpr FirstSet => _position;

    /// <summary>A field of the arguments.</summary>
    public Mem Argument(string field) => _asm.Arguments[(int)Marshal.OffsetOf<SetArguments>(field)];

    /// <summary>Emits a body for the set across lanes, or for all neighbouring sets: vectors of them and a tail.</summary>
    public void ForEachSet(Action<ActiveLanes> body)
    {
        if (_spec.AcrossLanes)
        {
            body(ActiveLanes.All);
            return;
        }

        int lanes = _asm.Traits.Lanes32;
        using Gpr sets = _asm.Registers.Gpr("sets");
        _asm.Mov(sets, Argument(nameof(SetArguments.Sets)));
        _asm.Mov(_position, 0);
        _asm.StepDown(sets, lanes, () =>
        {
            body(ActiveLanes.All);
            _asm.Add(Argument(nameof(SetArguments.Source)), lanes * _sourceBytes);
            _asm.Add(Argument(nameof(SetArguments.Destination)), lanes * _destinationBytes);
            _asm.Add(_position, lanes);
            if (_parameterBytes == 0)
                return;
            _asm.Add(Argument(nameof(SetArguments.Factors)), lanes * _parameterBytes);
            _asm.Add(Argument(nameof(SetArguments.Addends)), lanes * _parameterBytes);
        });
        _asm.Test(sets, sets);
        _asm.SkipIf(Condition.Equal, () =>
        {
            using ActiveLanes tail = ActiveLanes.Count(_asm, sets);
            body(tail);
        });
    }

    /// <summary>Where the result of a set goes if there is one for each set; valid until the next call.</summary>
    /// <param name="argument">The argument that points to it.</param>
    public Mem SetResult(string argument = nameof(SetArguments.Destination))
    {
        _asm.Mov(_destination, Argument(argument));
        return _destination[0];
    }

    /// <summary>Walks all elements of the sets in <paramref name="sets"/>.</summary>
    /// <param name="sets">The sets.</param>
    /// <param name="body">Emits what happens to an element, or to a vector of them.</param>
    /// <param name="atRunEnd">Emits what happens behind each run.</param>
    public void ForEachElement(ActiveLanes sets, Action<SetElement> body, Action? atRunEnd = null)
    {
        using (Gpr run = _asm.Registers.Gpr("run"))
        {
            _asm.Mov(run, Argument(nameof(SetArguments.RunCount)));
            _asm.Mov(Argument(nameof(SetArguments.RunsLeft)), run);
            _asm.Mov(run, Argument(nameof(SetArguments.Runs)));
            _asm.Mov(Argument(nameof(SetArguments.Run)), run);
        }

        _asm.CountDown(Argument(nameof(SetArguments.RunsLeft)), () =>
        {
            using (Gpr run = _asm.Registers.Gpr("run"))
            {
                _asm.Mov(run, Argument(nameof(SetArguments.Run)));
                Start(_source, nameof(SetArguments.Source), run, nameof(SetRun.Source));
                if (_outputs.HasFlag(SetOutputs.PerElement))
                    Start(_destination, nameof(SetArguments.Destination), run, nameof(SetRun.Destination));
                if (_factor is { } factor)
                    Start(factor, nameof(SetArguments.Factors), run, nameof(SetRun.Parameter));
                if (_addend is { } addend)
                    Start(addend, nameof(SetArguments.Addends), run, nameof(SetRun.Parameter));
                _asm.Mov(_count, run[(int)Marshal.OffsetOf<SetRun>(nameof(SetRun.Count))]);
            }

            _asm.Add(Argument(nameof(SetArguments.Run)), Marshal.SizeOf<SetRun>());
            if (_spec.AcrossLanes)
                EmitVectors(body);
            else
                EmitElements(sets, body);
            atRunEnd?.Invoke();
        });
    }

    /// <summary>Puts a number into the lanes of the value that hold no element of the set; other lanes stay.</summary>
    public void FillInactive(ActiveLanes lanes, float number) => FillInactive(lanes, BitConverter.SingleToInt32Bits(number));

    /// <inheritdoc cref="FillInactive(ActiveLanes, float)"/>
    public void FillInactive(ActiveLanes lanes, int number)
    {
        if (lanes.IsAll || !_spec.AcrossLanes)
            return;
        using Vec filled = _asm.Registers.Vec("filled");
        _asm.Emit(Vpbroadcastd, filled, _asm.Splat(number));
        lanes.Merge(_asm, filled, Value);
        _asm.Emit(Vmovaps, Value, filled);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Value.Dispose();
        _count.Dispose();
        _position.Dispose();
        _addend?.Dispose();
        _factor?.Dispose();
        _destination.Dispose();
        _source.Dispose();
    }

    private void Start(Gpr pointer, string argument, Gpr run, string offset)
    {
        _asm.Mov(pointer, Argument(argument));
        _asm.Add(pointer, run[(int)Marshal.OffsetOf<SetRun>(offset)]);
    }

    private void EmitVectors(Action<SetElement> body)
    {
        int lanes = _asm.Traits.Lanes32;
        _asm.Mov(_position, 0);
        foreach (int vectors in (int[])[Unroll, 1])
        {
            _asm.StepDown(_count, vectors * lanes, () =>
            {
                for (int v = 0; v < vectors; v++)
                    EmitVector(v, ActiveLanes.All, body);
                _asm.Add(_position, vectors * lanes);
            });
        }

        _asm.Test(_count, _count);
        _asm.SkipIf(Condition.Equal, () =>
        {
            using ActiveLanes tail = ActiveLanes.Count(_asm, _count);
            EmitVector(0, tail, body);
        });
    }

    private void EmitVector(int number, ActiveLanes lanes, Action<SetElement> body)
    {
        int first = number * _asm.Traits.Lanes32;
        Mem At(Gpr start, int size) => size == 0 ? start[0] : start[_position, size, first * size];
        Load(At(_source, _sourceBytes), lanes);
        body(new SetElement(
            number, At(_destination, _destinationBytes), _factor is { } factor ? At(factor, _parameterBytes) : default,
            _addend is { } addend ? At(addend, _parameterBytes) : default, lanes));
    }

    private void EmitElements(ActiveLanes sets, Action<SetElement> body)
    {
        foreach (int elements in (int[])[Unroll, 1])
        {
            _asm.StepDown(_count, elements, () =>
            {
                for (int e = 0; e < elements; e++)
                {
                    Load(_source[0], sets);
                    body(new SetElement(
                        e, _destination[0], _factor is { } factor ? factor[0] : default,
                        _addend is { } addend ? addend[0] : default, sets));
                    _asm.Add(_source, Argument(nameof(SetArguments.SourceStride)));
                    if (_outputs.HasFlag(SetOutputs.PerElement))
                        _asm.Add(_destination, Argument(nameof(SetArguments.DestinationStride)));
                    if (_factor is null || _addend is null)
                        continue;
                    _asm.Add(_factor.Value, Argument(nameof(SetArguments.ParameterStride)));
                    _asm.Add(_addend.Value, Argument(nameof(SetArguments.ParameterStride)));
                }
            });
        }
    }

    private void Load(Mem element, ActiveLanes lanes)
    {
        if (_spec.IsInteger)
        {
            TypedLoad.ToInt32(_asm, Value, _spec.Source, element, lanes);
            return;
        }

        TypedLoad.ToFloat(_asm, Value, _spec.Source, element, lanes);
        if (!_spec.HasZeroPoint && !_spec.HasScale)
            return;
        using Vec number = _asm.Registers.Vec("quantization");
        if (_spec.HasZeroPoint)
        {
            _asm.Emit(Vbroadcastss, number, Argument(nameof(SetArguments.ZeroPoint)));
            _asm.Emit(Vsubps, Value, Value, number);
        }

        if (_spec.HasScale)
        {
            _asm.Emit(Vbroadcastss, number, Argument(nameof(SetArguments.Scale)));
            _asm.Emit(Vmulps, Value, Value, number);
        }
    }
}
