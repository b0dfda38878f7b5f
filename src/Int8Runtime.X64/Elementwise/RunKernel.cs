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
internal sealed record RunSpec(DataType Source, OperandMode SourceMode, bool SingleElement, EpilogueSpec Epilogue);

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
        $"run_{spec.Source.ToShortName()}{(spec.SingleElement ? "_single" : spec.SourceMode == OperandMode.PerTensor ? "_one" : "")}_{spec.Epilogue}";

    /// <inheritdoc/>
    protected override void Emit(KernelAssembler asm, RunSpec spec) => new Body(asm, spec).Emit();

    private sealed class Body(KernelAssembler asm, RunSpec spec)
    {
        private readonly int _lanes = asm.Traits.Lanes32;
        private readonly int _sourceBytes = spec.Source.SizeInBytes();
        private readonly int _destinationBytes = spec.Epilogue.Destination.SizeInBytes();
        private readonly Gpr _source = asm.Registers.Gpr("source");
        private readonly Gpr _destination = asm.Registers.Gpr("destination");
        private readonly Gpr _position = asm.Registers.Gpr("position");

        public void Emit()
        {
            using Gpr rows = asm.Registers.Gpr("rows"), rest = asm.Registers.Gpr("rest");
            asm.Mov(_source, Argument(nameof(RunArguments.Source)));
            asm.Mov(_destination, Argument(nameof(RunArguments.Destination)));
            asm.Mov(rows, Argument(nameof(RunArguments.Rows)));
            using EpilogueEmitter epilogue = EpilogueEmitter.Begin(
                asm, spec.Epilogue, Argument(nameof(RunArguments.Epilogue)), _position);
            int needed = EpilogueEmitter.NeedsOf(spec.Epilogue).Vectors + 1; // and the vector mask of a tail
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
                if (spec.SourceMode == OperandMode.PerTensor)
                    TypedLoad.BroadcastToFloat(asm, values[v], spec.Source, _source[0]);
                else
                    TypedLoad.ToFloat(asm, values[v], spec.Source, _source[_position, _sourceBytes, column * _sourceBytes], lanes);
                results[v] = new ResultVector(
                    values[v], _destination[_position, _destinationBytes, column * _destinationBytes], column, lanes);
            }

            epilogue.Emit(results);
        }

        private void EmitNextRow()
        {
            asm.Add(_source, Argument(nameof(RunArguments.SourceStride)));
            asm.Add(_destination, Argument(nameof(RunArguments.DestinationStride)));
            using Gpr pointers = asm.Registers.Gpr("operands"), strides = asm.Registers.Gpr("strides");
            asm.Mov(pointers, Argument(nameof(RunArguments.Epilogue)));
            asm.Mov(strides, Argument(nameof(RunArguments.OperandStrides)));
            foreach (PostOpSpec postOp in spec.Epilogue.PostOps.Span)
            {
                if (postOp is not BinarySpec { Mode: not OperandMode.Constant } binary)
                    continue;
                using Gpr stride = asm.Registers.Gpr("stride");
                asm.Mov(stride, strides[binary.Operand * sizeof(long)]);
                asm.Add(pointers[EpilogueArguments.OperandsOffset + (binary.Operand * sizeof(long))], stride);
            }
        }
    }
}
