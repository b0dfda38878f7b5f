// Softmax of many rows. Lanes are either consecutive elements of one row (the axis is innermost), or one element each of
// neighbouring rows (the axis is strided); the passes are the same.
//
//   1. m = max xᵢ                                       NaN anywhere makes the whole row NaN
//   2. s = Σ e^(xᵢ − m)                                 compensated, so that long rows stay accurate
//   3. yᵢ = e^(xᵢ − m)/s, or xᵢ − m − ln s
//
// The exponentials of the second pass wait for the third in an f32 destination. Where it has another type, or a sum needs what it held
// before, they are computed again. Either way source and destination may be the same memory.
using System.Runtime.InteropServices;
using Int8Runtime.Jit;
using static Int8Runtime.Jit.VectorOp;

namespace Int8Runtime.X64;

/// <summary>What the code of a softmax kernel depends on.</summary>
/// <param name="Source">Element type of the source.</param>
/// <param name="AcrossLanes">Whether the lanes of a vector belong to one row.</param>
/// <param name="Logarithm">Whether the logarithm is wanted.</param>
/// <param name="IsQuantized">Whether the source has a scale and a zero point.</param>
/// <param name="Epilogue">What happens to the results.</param>
internal sealed record SoftmaxSpec(DataType Source, bool AcrossLanes, bool Logarithm, bool IsQuantized, EpilogueSpec Epilogue);

/// <summary>Arguments of a call, which computes one row or the rows of one stretch of lanes.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct SoftmaxArguments
{
    /// <summary>First element.</summary>
    public byte* Source;

    /// <summary>First element.</summary>
    public byte* Destination;

    /// <summary>Extent of the axis, at least 1.</summary>
    public long Count;

    /// <summary>Neighbouring rows, at least 1; not used across lanes.</summary>
    public long Rows;

    /// <summary>Bytes along the axis; not used across lanes.</summary>
    public long SourceStride;

    /// <summary>Bytes along the axis; not used across lanes.</summary>
    public long DestinationStride;

    /// <summary>Constants of the epilogue.</summary>
    public EpilogueArguments* Epilogue;

    /// <summary>Scale of the source.</summary>
    public float Scale;

    /// <summary>Zero point of the source.</summary>
    public float ZeroPoint;
}

/// <summary>Generates the kernel of a <see cref="SoftmaxSpec"/>.</summary>
internal sealed class SoftmaxGenerator : KernelGenerator<SoftmaxSpec>
{
    /// <inheritdoc/>
    public override string NameOf(SoftmaxSpec spec) =>
        (spec.Logarithm ? "log" : "") + $"softmax_{spec.Source.ToShortName()}" + (spec.AcrossLanes ? "_across" : "")
        + (spec.IsQuantized ? "_q" : "") + $"_{spec.Epilogue}";

    /// <inheritdoc/>
    protected override void Emit(KernelAssembler asm, SoftmaxSpec spec) => new Body(asm, spec).Emit();

    private sealed class Body(KernelAssembler asm, SoftmaxSpec spec)
    {
        private readonly int _sourceBytes = spec.Source.SizeInBytes();
        private readonly int _destinationBytes = spec.Epilogue.Destination.SizeInBytes();
        private readonly MathEmitter _math = new(asm);
        private readonly Gpr _source = asm.Registers.Gpr("source");
        private readonly Gpr _destination = asm.Registers.Gpr("destination");
        private readonly Gpr _position = asm.Registers.Gpr("position");
        private readonly Gpr _count = asm.Registers.Gpr("count");
        private readonly Vec _x = asm.Registers.Vec("x");
        private readonly Vec _max = asm.Registers.Vec("max");
        private readonly Vec _sum = asm.Registers.Vec("sum");
        private readonly Vec _excess = asm.Registers.Vec("excess"); // what the sum has too much, by Kahan

        // Whether the second pass leaves the exponentials in the destination.
        private readonly bool _keepsTerms =
            !spec.Logarithm && spec.Epilogue is { Destination: DataType.Float32, ReadsDestination: false };

        private int Lanes => asm.Traits.Lanes32;

        public void Emit()
        {
            asm.Mov(_source, Argument(nameof(SoftmaxArguments.Source)));
            asm.Mov(_destination, Argument(nameof(SoftmaxArguments.Destination)));
            using EpilogueEmitter epilogue = EpilogueEmitter.Begin(
                asm, spec.Epilogue, Argument(nameof(SoftmaxArguments.Epilogue)), _position);
            if (spec.AcrossLanes)
            {
                EmitRows(epilogue, ActiveLanes.All);
                return;
            }

            using Gpr rows = asm.Registers.Gpr("rows");
            asm.Mov(rows, Argument(nameof(SoftmaxArguments.Rows)));
            asm.StepDown(rows, Lanes, () =>
            {
                EmitRows(epilogue, ActiveLanes.All);
                asm.Add(_source, Lanes * _sourceBytes);
                asm.Add(_destination, Lanes * _destinationBytes);
            });
            asm.Test(rows, rows);
            asm.SkipIf(Condition.Equal, () =>
            {
                using ActiveLanes tail = ActiveLanes.Count(asm, rows);
                EmitRows(epilogue, tail);
            });
        }

        private Mem Argument(string field) => asm.Arguments[(int)Marshal.OffsetOf<SoftmaxArguments>(field)];

        // One row across lanes, or as many rows as lanes are active.
        private void EmitRows(EpilogueEmitter epilogue, ActiveLanes rows)
        {
            asm.Emit(Vbroadcastss, _max, asm.Splat(float.NegativeInfinity));
            asm.Clear(_sum);
            asm.Clear(_excess);
            ForEach(rows, (_, lanes) =>
            {
                if (lanes.IsAll || !spec.AcrossLanes)
                {
                    LaneReduction.Extreme(asm, Vmaxps, _max, _x);
                }
                else
                {
                    // Inactive lanes hold 0, which could be above every element.
                    using Vec low = asm.Registers.Vec("lowest");
                    asm.Emit(Vbroadcastss, low, asm.Splat(float.NegativeInfinity));
                    lanes.Merge(asm, low, _x);
                    LaneReduction.Extreme(asm, Vmaxps, _max, low);
                }
            });
            if (spec.AcrossLanes)
                LaneReduction.Combine(asm, _max, other => LaneReduction.Extreme(asm, Vmaxps, _max, other));
            ForEach(rows, (destination, lanes) =>
            {
                asm.Emit(Vsubps, _x, _x, _max);
                _math.Exp(_x);
                bool isTail = !lanes.IsAll && spec.AcrossLanes;
                if (!isTail && !_keepsTerms)
                {
                    AddToSum(_x);
                    return;
                }

                using Vec term = asm.Registers.Vec("term");
                if (isTail)
                {
                    asm.Clear(term);
                    lanes.Merge(asm, term, _x);
                }
                else
                {
                    asm.Emit(Vmovaps, term, _x);
                }

                if (_keepsTerms)
                    TypedStore.FromFloat(asm, destination, DataType.Float32, _x, lanes);
                AddToSum(term);
            });
            if (spec.AcrossLanes)
                LaneReduction.Combine(asm, _sum, other => asm.Emit(Vaddps, _sum, _sum, other));
            if (spec.Logarithm)
                _math.Log(_sum);
            ForEach(rows, (destination, lanes) =>
            {
                if (!_keepsTerms)
                    asm.Emit(Vsubps, _x, _x, _max);
                if (!_keepsTerms && !spec.Logarithm)
                    _math.Exp(_x);
                asm.Emit(spec.Logarithm ? Vsubps : Vdivps, _x, _x, _sum);
                epilogue.Emit([new ResultVector(_x, destination, 0, lanes)]);
            }, readsTerms: _keepsTerms);
        }

        // sum += term, the rounding error going to excess; the term is destroyed.
        private void AddToSum(Vec term)
        {
            using Vec previous = asm.Registers.Vec("previous sum");
            asm.Emit(Vsubps, term, term, _excess);
            asm.Emit(Vmovaps, previous, _sum);
            asm.Emit(Vaddps, _sum, _sum, term);
            asm.Emit(Vsubps, _excess, _sum, previous);
            asm.Emit(Vsubps, _excess, _excess, term);
        }

        // Loads x, or what the second pass left of it, along the axis and runs the body: vectors of one row, or one element of each row.
        private void ForEach(ActiveLanes rows, Action<Mem, ActiveLanes> body, bool readsTerms = false)
        {
            asm.Mov(_count, Argument(nameof(SoftmaxArguments.Count)));
            asm.Mov(_position, 0);
            if (!spec.AcrossLanes)
            {
                using Gpr source = asm.Registers.Gpr("element"), destination = asm.Registers.Gpr("result");
                asm.Mov(source, _source);
                asm.Mov(destination, _destination);
                asm.CountDown(_count, () =>
                {
                    Visit(source[0], destination[0], rows);
                    asm.Add(source, Argument(nameof(SoftmaxArguments.SourceStride)));
                    asm.Add(destination, Argument(nameof(SoftmaxArguments.DestinationStride)));
                });
                return;
            }

            asm.StepDown(_count, Lanes, () =>
            {
                Visit(_source[_position, _sourceBytes], _destination[_position, _destinationBytes], ActiveLanes.All);
                asm.Add(_position, Lanes);
            });
            asm.Test(_count, _count);
            asm.SkipIf(Condition.Equal, () =>
            {
                using ActiveLanes tail = ActiveLanes.Count(asm, _count);
                Visit(_source[_position, _sourceBytes], _destination[_position, _destinationBytes], tail);
            });

            void Visit(Mem element, Mem result, ActiveLanes lanes)
            {
                if (readsTerms)
                    TypedLoad.ToFloat(asm, _x, DataType.Float32, result, lanes);
                else
                    Load(element, lanes);
                body(result, lanes);
            }
        }

        private void Load(Mem element, ActiveLanes lanes)
        {
            TypedLoad.ToFloat(asm, _x, spec.Source, element, lanes);
            if (!spec.IsQuantized)
                return;
            using Vec number = asm.Registers.Vec("quantization");
            asm.Emit(Vbroadcastss, number, Argument(nameof(SoftmaxArguments.ZeroPoint)));
            asm.Emit(Vsubps, _x, _x, number);
            asm.Emit(Vbroadcastss, number, Argument(nameof(SoftmaxArguments.Scale)));
            asm.Emit(Vmulps, _x, _x, number);
        }
    }
}
