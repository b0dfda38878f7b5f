// The kernel behind eltwise, binary and reorders that keep the order of elements: rows of consecutive elements are
// loaded as f32, pass an epilogue and are stored.
//
//   for each row:
//     for each vector of the row:  destination[i…] = epilogue(f32(source[i…]))
//     every pointer += its stride
using System.Runtime.InteropServices;
using Int8Runtime.Jit;
using static Int8Runtime.Jit.VectorOp;

namespace Int8Runtime.X64;

/// <summary>What the code of a run kernel depends on.</summary>
/// <param name="Source">Element type of the source.</param>
/// <param name="SourceMode">Consecutive elements (per channel) or one for the whole row (per tensor).</param>
/// <param name="SingleElement">Whether every row is a single element, as for tensors without consecutive elements.</param>
/// <param name="Epilogue">What happens to the values; the lanes of a row count as its channels.</param>
/// <param name="Selection">What replaces elements of the source; null for nothing.</param>
internal sealed record RunSpec(
    DataType Source, OperandMode SourceMode, bool SingleElement, EpilogueSpec Epilogue, RunSelectionSpec? Selection = null);

/// <summary>
/// Elements of the source where a condition holds, those of another tensor elsewhere; or, without a condition, positive elements
/// of the source and the others multiplied by those of the other tensor.
/// </summary>
/// <param name="Other">Element type of the other tensor.</param>
/// <param name="OtherMode">How it meets the lanes, as the source does.</param>
/// <param name="Condition">Element type of the condition; undefined without one.</param>
/// <param name="ConditionMode">How it meets the lanes.</param>
/// <param name="IsQuantized">Whether source and other tensor are dequantized first.</param>
internal sealed record RunSelectionSpec(
    DataType Other, OperandMode OtherMode, DataType Condition, OperandMode ConditionMode, bool IsQuantized)
{
    /// <summary>Whether there is a condition.</summary>
    public bool HasCondition => Condition != DataType.Undefined;

    /// <inheritdoc/>
    public override string ToString() =>
        $"{(HasCondition ? $"select-{Condition.ToShortName()}-{ConditionMode.ToString().ToLowerInvariant()}" : "slopes")}"
        + $"-{Other.ToShortName()}-{OtherMode.ToString().ToLowerInvariant()}{(IsQuantized ? "-q" : "")}";
}

/// <summary>Arguments of a call. The kernel moves the operand pointers of <see cref="Epilogue"/>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct RunArguments
{
    /// <summary>First element of the first row.</summary>
    public byte* Source;

    /// <summary>First element of the first row.</summary>
    public byte* Destination;

    /// <summary>Elements of a row, at least 1.</summary>
    public long Count;

    /// <summary>Number of rows, at least 1.</summary>
    public long Rows;

    /// <summary>Bytes from one row of the source to the next.</summary>
    public long SourceStride;

    /// <summary>Bytes from one row of the destination to the next.</summary>
    public long DestinationStride;

    /// <summary>First element of the other tensor of a selection.</summary>
    public byte* Other;

    /// <summary>First element of the condition of a selection.</summary>
    public byte* Condition;

    /// <summary>Bytes from one row of the other tensor to the next.</summary>
    public long OtherStride;

    /// <summary>Bytes from one row of the condition to the next.</summary>
    public long ConditionStride;

    /// <summary>Scale and zero point of the source of a selection.</summary>
    public float Scale, ZeroPoint;

    /// <summary>Scale and zero point of its other tensor.</summary>
    public float OtherScale, OtherZeroPoint;

    /// <summary>Operands and constants.</summary>
    public EpilogueArguments* Epilogue;

    /// <summary>Bytes from one row to the next for each operand, by its index in the epilogue.</summary>
    public long* OperandStrides;
}

/// <summary>Generates the kernel of a <see cref="RunSpec"/>.</summary>
internal sealed class RunGenerator : KernelGenerator<RunSpec>
{
    private const int MostVectorsAtOnce = 4;

    /// <inheritdoc/>
    public override string NameOf(RunSpec spec) =>
        $"run_{spec.Source.ToShortName()}{(spec.SingleElement ? "_single" : spec.SourceMode == OperandMode.PerTensor ? "_one" : "")}"
        + $"{(spec.Selection is null ? "" : "_" + spec.Selection)}_{spec.Epilogue}";

    /// <inheritdoc/>
    protected override void Emit(KernelAssembler asm, RunSpec spec) => new Body(asm, spec).Emit();

    private sealed class Body(KernelAssembler asm, RunSpec spec)
    {
        private readonly int _lanes = asm.Traits.Lanes32;
        private readonly int _destinationBytes = spec.Epilogue.Destination.SizeInBytes();
        private readonly Gpr _source = asm.Registers.Gpr("source");
        private readonly Gpr _destination = asm.Registers.Gpr("destination");
        private readonly Gpr _position = asm.Registers.Gpr("position");
        private readonly Gpr? _other = spec.Selection is null ? null : asm.Registers.Gpr("other source");
        private readonly Gpr? _condition = spec.Selection is { HasCondition: true } ? asm.Registers.Gpr("condition") : null;

        public void Emit()
        {
            using Gpr rows = asm.Registers.Gpr("rows"), rest = asm.Registers.Gpr("rest");
            asm.Mov(_source, Argument(nameof(RunArguments.Source)));
            asm.Mov(_destination, Argument(nameof(RunArguments.Destination)));
            if (_other is { } other)
                asm.Mov(other, Argument(nameof(RunArguments.Other)));
            if (_condition is { } condition)
                asm.Mov(condition, Argument(nameof(RunArguments.Condition)));

            asm.Mov(rows, Argument(nameof(RunArguments.Rows)));
            using EpilogueEmitter epilogue = EpilogueEmitter.Begin(
                asm, spec.Epilogue, Argument(nameof(RunArguments.Epilogue)), _position);
            int needed = EpilogueEmitter.NeedsOf(spec.Epilogue).Vectors + 1; // and the vector mask of a tail
            if (spec.Selection is not null)
                needed = Math.Max(needed, 4); // other element, operand, outcome of the comparison, mask
            int atOnce = Math.Clamp(asm.Registers.Free(RegisterClass.Vector) - needed, 1, MostVectorsAtOnce);
            asm.CountDown(rows, () =>
            {
                asm.Mov(_position, 0);
                if (spec.SingleElement)
                {
                    using ActiveLanes one = ActiveLanes.First(asm, 1);
                    EmitVectors(epilogue, 1, one);
                }
                else
                {
                    asm.Mov(rest, Argument(nameof(RunArguments.Count)));
                    EmitWholeVectors(epilogue, rest, atOnce);
                    if (atOnce > 1)
                        EmitWholeVectors(epilogue, rest, 1);
                    asm.Test(rest, rest);
                    asm.SkipIf(Condition.Equal, () =>
                    {
                        using ActiveLanes tail = ActiveLanes.Count(asm, rest);
                        EmitVectors(epilogue, 1, tail);
                    });
                }

                EmitNextRow();
            });
        }

        private Mem Argument(string field) => asm.Arguments[(int)Marshal.OffsetOf<RunArguments>(field)];

        private void EmitWholeVectors(EpilogueEmitter epilogue, Gpr rest, int vectors) =>
            asm.StepDown(rest, vectors * _lanes, () =>
            {
                EmitVectors(epilogue, vectors, ActiveLanes.All);
                asm.Add(_position, vectors * _lanes);
            });

        private void EmitVectors(EpilogueEmitter epilogue, int vectors, ActiveLanes lanes)
        {
            using VecArray values = asm.Registers.Vecs("value", vectors);
            var results = new ResultVector[vectors];
            for (int v = 0; v < vectors; v++)
            {
                int column = v * _lanes;
                Load(values[v], spec.Source, spec.SourceMode, _source, column, lanes);
                if (spec.Selection is { } selection)
                    EmitSelection(values[v], selection, column, lanes);
                results[v] = new ResultVector(
                    values[v], _destination[_position, _destinationBytes, column * _destinationBytes], column, lanes);
            }

            epilogue.Emit(results);
        }

        private void EmitSelection(Vec value, RunSelectionSpec selection, int column, ActiveLanes lanes)
        {
            using Vec other = asm.Registers.Vec("other"), operand = asm.Registers.Vec("operand");
            Load(other, selection.Other, selection.OtherMode, _other!.Value, column, lanes);
            if (selection.IsQuantized)
            {
                Dequantize(value, operand, nameof(RunArguments.Scale), nameof(RunArguments.ZeroPoint));
                Dequantize(other, operand, nameof(RunArguments.OtherScale), nameof(RunArguments.OtherZeroPoint));
            }

            if (selection.HasCondition)
            {
                Load(operand, selection.Condition, selection.ConditionMode, _condition!.Value, column, lanes);
                using LanePredicate holds = LanePredicate.Compare(asm, FloatComparison.NotEqual, operand, asm.Splat(0f));
                holds.SelectElse(value, other);
            }
            else
            {
                asm.Emit(Vmulps, other, other, value);
                using LanePredicate positive = LanePredicate.Compare(asm, FloatComparison.Greater, value, asm.Splat(0f));
                positive.SelectElse(value, other);
            }
        }

        private void Dequantize(Vec value, Vec operand, string scale, string zeroPoint)
        {
            asm.Emit(Vbroadcastss, operand, Argument(zeroPoint));
            asm.Emit(Vsubps, value, value, operand);
            asm.Emit(Vbroadcastss, operand, Argument(scale));
            asm.Emit(Vmulps, value, value, operand);
        }

        private void Load(Vec destination, DataType type, OperandMode mode, Gpr start, int column, ActiveLanes lanes)
        {
            int size = type.SizeInBytes();
            if (mode == OperandMode.PerTensor)
                TypedLoad.BroadcastToFloat(asm, destination, type, start[0]);
            else
                TypedLoad.ToFloat(asm, destination, type, start[_position, size, column * size], lanes);
        }

        private void EmitNextRow()
        {
            asm.Add(_source, Argument(nameof(RunArguments.SourceStride)));
            if (_other is { } other)
                asm.Add(other, Argument(nameof(RunArguments.OtherStride)));
            if (_condition is { } condition)
                asm.Add(condition, Argument(nameof(RunArguments.ConditionStride)));

            asm.Add(_destination, Argument(nameof(RunArguments.DestinationStride)));
            using Gpr pointers = asm.Registers.Gpr("operands"), strides = asm.Registers.Gpr("strides");
            asm.Mov(pointers, Argument(nameof(RunArguments.Epilogue)));
            asm.Mov(strides, Argument(nameof(RunArguments.OperandStrides)));
            foreach (int operand in spec.Epilogue.Operands)
            {
                using Gpr stride = asm.Registers.Gpr("stride");
                asm.Mov(stride, strides[operand * sizeof(long)]);
                asm.Add(pointers[EpilogueArguments.OffsetOfOperand(operand)], stride);
            }
        }
    }
}
