// Normalization of sets in three passes.
//
//   1. and 2. mean and variance (SetStatistics)
//   3. y = (x − mean)·1/√(variance + ε)·factor + addend
using Int8Runtime.Jit;
using static Int8Runtime.Jit.VectorOp;

namespace Int8Runtime.X64;

/// <summary>What the code of a normalization depends on.</summary>
/// <param name="Walk">The walk over a set.</param>
/// <param name="Parameter">Type of factors and addends.</param>
/// <param name="HasFactor">Whether there are factors.</param>
/// <param name="HasAddend">Whether there are addends.</param>
/// <param name="ParametersInLanes">Whether each lane has parameters of its own.</param>
/// <param name="Epilogue">What happens to the results.</param>
internal sealed record NormalizationSpec(
    SetWalkSpec Walk, DataType Parameter, bool HasFactor, bool HasAddend, bool ParametersInLanes, EpilogueSpec Epilogue);

/// <summary>Generates the kernel of a <see cref="NormalizationSpec"/>.</summary>
internal sealed class NormalizationGenerator : KernelGenerator<NormalizationSpec>
{
    /// <inheritdoc/>
    public override string NameOf(NormalizationSpec spec)
    {
        string parameters = (spec.HasFactor ? "c" : "") + (spec.HasAddend ? "h" : "");
        if (parameters.Length > 0)
            parameters = $"_{parameters}{spec.Parameter.ToShortName()}{(spec.ParametersInLanes ? "v" : "")}";
        return $"normalize_{spec.Walk}{parameters}_{spec.Epilogue}";
    }

    /// <inheritdoc/>
    protected override void Emit(KernelAssembler asm, NormalizationSpec spec)
    {
        using var walk = new SetWalk(
            asm, spec.Walk, spec.Epilogue.Destination,
            SetOutputs.PerElement | (spec.HasFactor || spec.HasAddend ? SetOutputs.Parameters : SetOutputs.PerSet),
            spec.ParametersInLanes ? spec.Parameter.SizeInBytes() : 0);
        using EpilogueEmitter epilogue = EpilogueEmitter.Begin(
            asm, spec.Epilogue, walk.Argument(nameof(SetArguments.Epilogue)));
        walk.ForEachSet(sets => new Body(asm, spec, walk, epilogue).EmitSets(sets));
    }

    private sealed class Body(KernelAssembler asm, NormalizationSpec spec, SetWalk walk, EpilogueEmitter epilogue)
    {
        public void EmitSets(ActiveLanes sets)
        {
            Vec x = walk.Value;
            using Vec mean = asm.Registers.Vec("mean"), inverse = asm.Registers.Vec("inverse deviation");
            new SetStatistics(asm, spec.Walk, walk).Emit(mean, inverse, sets);
            using (Vec number = asm.Registers.Vec("number"))
            {
                asm.Emit(Vbroadcastss, number, walk.Argument(nameof(SetArguments.Epsilon)));
                asm.Emit(Vaddps, inverse, inverse, number);
                asm.Emit(Vsqrtps, inverse, inverse);
                asm.Emit(Vbroadcastss, number, asm.Splat(1f));
                asm.Emit(Vdivps, inverse, number, inverse);
            }

            walk.ForEachElement(sets, element =>
            {
                asm.Emit(Vsubps, x, x, mean);
                asm.Emit(Vmulps, x, x, inverse);
                EmitParameters(x, element);
                epilogue.Emit([new ResultVector(x, element.Destination, 0, element.Lanes)]);
            });
        }

        private void EmitParameters(Vec x, SetElement element)
        {
            if (!spec.HasFactor && !spec.HasAddend)
                return;
            using Vec factor = asm.Registers.Vec("factor"), addend = asm.Registers.Vec("addend");
            if (spec.HasFactor)
                Load(factor, element.Factor, element.Lanes);
            if (spec.HasAddend)
                Load(addend, element.Addend, element.Lanes);
            if (spec.HasFactor && spec.HasAddend)
                asm.Emit(Vmuladd213ps, x, factor, addend);
            else if (spec.HasFactor)
                asm.Emit(Vmulps, x, x, factor);
            else
                asm.Emit(Vaddps, x, x, addend);
        }

        private void Load(Vec target, Mem parameter, ActiveLanes lanes)
        {
            if (spec.ParametersInLanes)
                TypedLoad.ToFloat(asm, target, spec.Parameter, parameter, lanes);
            else
                TypedLoad.BroadcastToFloat(asm, target, spec.Parameter, parameter);
        }
    }
}
