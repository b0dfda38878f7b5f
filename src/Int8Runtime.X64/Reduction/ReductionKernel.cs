// Reduction of sets.
//
//   accumulator[i] = combine(accumulator[i], x)        four in each lane; s32 where integers are summed or compared
//   the four, and across lanes all lanes, combined
//   mean: / n      norm: + ε or max ε, then the p-th root
using Int8Runtime.Jit;
using static Int8Runtime.Jit.VectorOp;

namespace Int8Runtime.X64;

/// <summary>What the code of a reduction depends on.</summary>
/// <param name="Walk">The walk over a set.</param>
/// <param name="Algorithm">What is computed.</param>
/// <param name="P">Exponent of a norm, on which its code depends; else 1.</param>
/// <param name="Epilogue">What happens to the results.</param>
internal sealed record ReductionSpec(SetWalkSpec Walk, ReductionAlgorithm Algorithm, float P, EpilogueSpec Epilogue);

/// <summary>Generates the kernel of a <see cref="ReductionSpec"/>.</summary>
internal sealed class ReductionGenerator : KernelGenerator<ReductionSpec>
{
    /// <inheritdoc/>
    public override string NameOf(ReductionSpec spec) => FormattableString.Invariant(
        $"reduce_{spec.Algorithm.ToString().ToLowerInvariant()}{(spec.P == 1 ? "" : $"_p{spec.P}")}_{spec.Walk}_{spec.Epilogue}");

    /// <inheritdoc/>
    protected override void Emit(KernelAssembler asm, ReductionSpec spec)
    {
        using var walk = new SetWalk(asm, spec.Walk, spec.Epilogue.Destination, SetOutputs.PerSet);
        using EpilogueEmitter epilogue = EpilogueEmitter.Begin(
            asm, spec.Epilogue, walk.Argument(nameof(SetArguments.Epilogue)), spec.Walk.AcrossLanes ? null : walk.FirstSet);
        walk.ForEachSet(sets => new Body(asm, spec, walk).EmitSets(sets, epilogue));
    }

    private sealed class Body(KernelAssembler asm, ReductionSpec spec, SetWalk walk)
    {
        private bool IsInteger => spec.Walk.IsInteger;

        public void EmitSets(ActiveLanes sets, EpilogueEmitter epilogue)
        {
            Vec result = walk.Value;
            using (VecArray accumulators = asm.Registers.Vecs("accumulator", SetWalk.Unroll))
            {
                for (int i = 0; i < accumulators.Count; i++)
                    Start(accumulators[i]);
                walk.ForEachElement(sets, element =>
                {
                    Prepare(element.Lanes);
                    Combine(accumulators[element.Number], walk.Value);
                });
                Combine(accumulators[0], accumulators[1]);
                Combine(accumulators[2], accumulators[3]);
                Combine(accumulators[0], accumulators[2]);
                if (spec.Walk.AcrossLanes)
                    LaneReduction.Combine(asm, accumulators[0], other => Combine(accumulators[0], other));
                asm.Emit(Vmovaps, result, accumulators[0]);
            }

            Finish(result);
            if (spec.Walk.AcrossLanes)
            {
                using ActiveLanes one = ActiveLanes.First(asm, 1);
                epilogue.Emit([new ResultVector(result, walk.SetResult(), 0, one)]);
            }
            else
            {
                epilogue.Emit([new ResultVector(result, walk.SetResult(), 0, sets)]);
            }
        }

        // What combines with x to x.
        private void Start(Vec accumulator)
        {
            if (IsInteger)
                asm.Emit(Vpbroadcastd, accumulator, asm.Splat(IntegerNeutral));
            else
                asm.Emit(Vbroadcastss, accumulator, asm.Splat(Neutral));
        }

        private int IntegerNeutral => spec.Algorithm switch
        {
            ReductionAlgorithm.Max => int.MinValue,
            ReductionAlgorithm.Min => int.MaxValue,
            _ => 0,
        };

        private float Neutral => spec.Algorithm switch
        {
            ReductionAlgorithm.Max => float.NegativeInfinity,
            ReductionAlgorithm.Min => float.PositiveInfinity,
            ReductionAlgorithm.Product => 1,
            _ => 0,
        };

        // x becomes |x|^p for norms; lanes behind the end of a set change nothing.
        private void Prepare(ActiveLanes lanes)
        {
            Vec x = walk.Value;
            if (IsInteger)
            {
                walk.FillInactive(lanes, IntegerNeutral);
                return;
            }

            walk.FillInactive(lanes, Neutral);
            if (spec.Algorithm < ReductionAlgorithm.NormMax)
                return;
            if (spec.P == 2)
            {
                asm.Emit(Vmulps, x, x, x);
                return;
            }

            asm.Emit(Vandps, x, x, asm.Splat(int.MaxValue));
            if (spec.P != 1)
                new MathEmitter(asm).Pow(x, spec.P);
        }

        private void Combine(Vec accumulator, Vec x)
        {
            VectorOp operation = spec.Algorithm switch
            {
                ReductionAlgorithm.Max => IsInteger ? Vpmaxsd : Vmaxps,
                ReductionAlgorithm.Min => IsInteger ? Vpminsd : Vminps,
                ReductionAlgorithm.Product => Vmulps,
                _ => IsInteger ? Vpaddd : Vaddps,
            };
            if (operation is Vmaxps or Vminps)
                LaneReduction.Extreme(asm, operation, accumulator, x);
            else
                asm.Emit(operation, accumulator, accumulator, x);
        }

        private void Finish(Vec result)
        {
            using Vec number = asm.Registers.Vec("number");
            if (IsInteger)
            {
                if (spec.Walk.HasZeroPoint)
                {
                    asm.Emit(Vpbroadcastd, number, walk.Argument(nameof(SetArguments.IntegerZeroPoint)));
                    asm.Emit(Vpsubd, result, result, number);
                }

                asm.Emit(Vcvtdq2ps, result, result);
            }

            if (spec.Algorithm == ReductionAlgorithm.Mean)
            {
                asm.Emit(Vbroadcastss, number, walk.Argument(nameof(SetArguments.Elements)));
                asm.Emit(Vdivps, result, result, number);
            }

            if (IsInteger && spec.Walk.HasScale)
            {
                asm.Emit(Vbroadcastss, number, walk.Argument(nameof(SetArguments.Scale)));
                asm.Emit(Vmulps, result, result, number);
            }

            if (spec.Algorithm < ReductionAlgorithm.NormMax)
                return;
            asm.Emit(Vbroadcastss, number, walk.Argument(nameof(SetArguments.Epsilon)));
            bool isLowerBound = spec.Algorithm is ReductionAlgorithm.NormMax or ReductionAlgorithm.NormPowerMax;
            if (isLowerBound)
                LaneReduction.Extreme(asm, Vmaxps, result, number);
            else
                asm.Emit(Vaddps, result, result, number);
            if (spec.Algorithm is ReductionAlgorithm.NormPowerMax or ReductionAlgorithm.NormPowerSum || spec.P == 1)
                return;
            if (spec.P == 2)
                asm.Emit(Vsqrtps, result, result);
            else
                new MathEmitter(asm).Pow(result, 1 / spec.P);
        }
    }
}
