// Mean and variance of sets, in two passes: around the mean, so that nothing cancels.
//
//   1. mean = Σ x / n                  four partial sums in each lane for each run, which is short, then the sum of those: so rounding
//                                      does not grow with the length of large sets
//   2. variance = Σ (x − mean)² / n
using Int8Runtime.Jit;
using static Int8Runtime.Jit.VectorOp;

namespace Int8Runtime.X64;

/// <summary>Emits the statistics of the sets of a walk.</summary>
internal sealed class SetStatistics(KernelAssembler asm, SetWalkSpec spec, SetWalk walk)
{
    /// <summary>Computes both for the sets in <paramref name="sets"/>, in every lane where the lanes share a set.</summary>
    public void Emit(Vec mean, Vec variance, ActiveLanes sets)
    {
        Vec x = walk.Value;
        EmitMean(mean, sets, (sum, lanes) =>
        {
            walk.FillInactive(lanes, 0);
            asm.Emit(Vaddps, sum, sum, x);
        });
        EmitMean(variance, sets, (sum, lanes) =>
        {
            asm.Emit(Vsubps, x, x, mean);
            walk.FillInactive(lanes, 0);
            asm.Emit(Vmuladd231ps, sum, x, x);
        });
    }

    // result = the sum over the set that the body forms, divided by its number of elements.
    private void EmitMean(Vec result, ActiveLanes sets, Action<Vec, ActiveLanes> add)
    {
        using VecArray sums = asm.Registers.Vecs("sum", SetWalk.Unroll);
        for (int i = 0; i < sums.Count; i++)
            asm.Clear(sums[i]);
        asm.Clear(result);
        walk.ForEachElement(sets, element => add(sums[element.Number], element.Lanes), atRunEnd: () =>
        {
            asm.Emit(Vaddps, sums[0], sums[0], sums[1]);
            asm.Emit(Vaddps, sums[2], sums[2], sums[3]);
            asm.Emit(Vaddps, sums[0], sums[0], sums[2]);
            asm.Emit(Vaddps, result, result, sums[0]);
            for (int i = 0; i < sums.Count; i++)
                asm.Clear(sums[i]);
        });
        if (spec.AcrossLanes)
            LaneReduction.Combine(asm, result, other => asm.Emit(Vaddps, result, result, other));
        asm.Emit(Vbroadcastss, sums[0], walk.Argument(nameof(SetArguments.Elements)));
        asm.Emit(Vdivps, result, result, sums[0]);
    }
}

/// <summary>Generates the kernel that stores means (at the destination) and variances (at the factors), both f32.</summary>
internal sealed class StatisticsGenerator : KernelGenerator<SetWalkSpec>
{
    /// <inheritdoc/>
    public override string NameOf(SetWalkSpec spec) => $"statistics_{spec}";

    /// <inheritdoc/>
    protected override void Emit(KernelAssembler asm, SetWalkSpec spec)
    {
        using var walk = new SetWalk(asm, spec, DataType.Float32, SetOutputs.PerSet, parameterBytes: sizeof(float));
        walk.ForEachSet(sets =>
        {
            using Vec mean = asm.Registers.Vec("mean"), variance = asm.Registers.Vec("variance");
            new SetStatistics(asm, spec, walk).Emit(mean, variance, sets);
            if (spec.AcrossLanes)
            {
                using ActiveLanes one = ActiveLanes.First(asm, 1);
                Store(one);
            }
            else
            {
                Store(sets);
            }

            void Store(ActiveLanes lanes)
            {
                TypedStore.FromFloat(asm, walk.SetResult(nameof(SetArguments.Destination)), DataType.Float32, mean, lanes);
                TypedStore.FromFloat(asm, walk.SetResult(nameof(SetArguments.Factors)), DataType.Float32, variance, lanes);
            }
        });
    }
}
