// A chain of convolutions as one step.
using Int8Runtime.Graph.Lowering;
using Int8Runtime.X64;

namespace Int8Runtime.Graph.Planning;

/// <summary>Executes convolutions band by band; what lies between them is in scratch memory only.</summary>
/// <param name="stages">The steps that it stands for.</param>
/// <param name="primitive">The chain.</param>
internal sealed class BandedStep(IReadOnlyList<PrimitiveStep> stages, Primitive primitive)
    : PlannedStep(string.Join(" + ", stages.Select(stage => stage.Name)))
{
    public override IEnumerable<PlannedStep> Parts => stages;

    public override string Implementation => primitive.ImplementationName;

    public override IEnumerable<Location> Locations => stages.SelectMany((_, i) => ArgumentsOf(i)).Select(a => a.Location);

    public override long ScratchBytes => primitive.ScratchBytes;

    /// <summary>
    /// Makes one step of those of a chain; null where something else happened to a tensor between them than that the next one reads it, or
    /// where bands would need other kernels.
    /// </summary>
    /// <param name="engine">The engine.</param>
    /// <param name="chain">The chain.</param>
    /// <param name="steps">All steps of the plan.</param>
    public static BandedStep? TryCreate(CpuEngine engine, OperationChain chain, IReadOnlyList<PlannedStep> steps)
    {
        var stages = new List<PrimitiveStep>();
        foreach (Operation operation in chain.Operations)
        {
            if (steps.LastOrDefault(s => s.Operation == operation) is not PrimitiveStep { Primitive.Descriptor: ConvolutionDescriptor } stage)
                return null;
            Location? written = stages.Count == 0 ? null : stages[^1].Find(ArgumentSlot.Destination);
            if (written is not null
                && (stage.Find(ArgumentSlot.Source) != written || steps.Count(s => s.Locations.Any(l => l.Buffer == written.Buffer)) != 2))
                return null;
            stages.Add(stage);
        }

        if (engine.TryCreateChain([.. stages.Select(stage => stage.Primitive)], out Rejection? refusal) is not { } primitive)
        {
            chain.Operations[0].Notes.Add($"{refusal}");
            return null;
        }

        var plan = (BandedPlan)primitive.Plan;
        foreach (Operation operation in chain.Operations)
        {
            IEnumerable<string> others = chain.Operations.Where(o => o != operation).Select(o => o.Name);
            operation.Notes.Add($"{primitive.ImplementationName}: {plan.Summary}, together with {string.Join(", ", others)}");
        }

        return new BandedStep(stages, primitive);
    }

    public override BoundStep Bind(TensorMemory arena)
    {
        var tables = new ExecutionArguments[stages.Count];
        for (int i = 0; i < tables.Length; i++)
        {
            foreach ((ArgumentSlot slot, Location location) in ArgumentsOf(i))
                tables[i].Set(slot, location.Resolve(arena));
        }

        return new Bound(primitive, tables);
    }

    // Sources and destinations between the stages have no memory.
    private IEnumerable<(ArgumentSlot Slot, Location Location)> ArgumentsOf(int stage) => stages[stage].Arguments.Where(a =>
        a.Slot switch
        {
            ArgumentSlot.Source => stage == 0,
            ArgumentSlot.Destination => stage == stages.Count - 1,
            _ => true,
        });

    private sealed class Bound(Primitive primitive, ExecutionArguments[] stages) : BoundStep
    {
        public override void Execute(ExecutionStream stream) => stream.Execute(primitive, stages);
    }
}
