// The contract between the engine and one way to compute a primitive.
namespace Int8Runtime;

/// <summary>A problem to be planned.</summary>
/// <param name="Descriptor">Shapes, types and parameters of the operation.</param>
/// <param name="Attributes">Quantization and post-ops.</param>
/// <param name="Isa">Instruction sets that may be used.</param>
/// <param name="Threads">Number of threads the primitive will be executed with at most.</param>
internal sealed record PlanRequest(PrimitiveDescriptor Descriptor, PrimitiveAttributes Attributes, Isa Isa, int Threads)
{
    /// <summary>A tile that was measured to be the fastest; null, or one that does not fit, leaves the choice to the cost model.</summary>
    public KernelTile? Tile { get; init; }
}

/// <summary>One entry of an implementation list. It has no state beyond what it was constructed with.</summary>
internal interface IImplementation
{
    /// <summary>The kind of primitive it computes.</summary>
    PrimitiveKind Kind { get; }

    /// <summary>Name as in reports: <c>algorithm:isa[:variant]</c>.</summary>
    string Name { get; }

    /// <summary>Plans the problem, or says why it does not take it.</summary>
    PlanResult TryPlan(PlanRequest request);
}

/// <summary>A plan, or a refusal.</summary>
internal readonly struct PlanResult
{
    private PlanResult(PrimitivePlan? plan, Rejection? rejection)
    {
        Plan = plan;
        Rejection = rejection;
    }

    /// <summary>The plan; null if refused.</summary>
    public PrimitivePlan? Plan { get; }

    /// <summary>The refusal; null if planned.</summary>
    public Rejection? Rejection { get; }

    public static implicit operator PlanResult(PrimitivePlan plan) => new(plan, null);

    public static implicit operator PlanResult(Rejection rejection) => new(null, rejection);
}

/// <summary>
/// A problem solved once and executed many times: blocking, kernels and resolved layouts. Immutable and thread-safe;
/// whatever an execution needs to write is in its arguments or its scratch memory.
/// </summary>
internal abstract unsafe class PrimitivePlan
{
    /// <summary>Name as in reports, for example <c>brgemm_conv:avx512_vnni</c>.</summary>
    public abstract string Name { get; }

    /// <summary>The operation with every <c>any</c> layout resolved.</summary>
    public abstract PrimitiveDescriptor Descriptor { get; }

    /// <summary>The attributes with every <c>any</c> layout of a post-op's tensor resolved.</summary>
    public virtual PrimitiveAttributes Resolve(PrimitiveAttributes asked) => asked;

    /// <summary>Tiles that the problem can be computed with and that may be worth measuring; empty where there is no choice.</summary>
    public virtual IReadOnlyList<KernelTile> Tiles => [];

    /// <summary>The tile that it computes with; null where there is none to choose.</summary>
    public virtual KernelTile? Tile => null;

    /// <summary>Scratch bytes for one execution, all threads together.</summary>
    public virtual long ScratchBytes => 0;

    /// <summary>Bytes this plan keeps alive, for the cache's bound.</summary>
    public virtual long SizeInBytes => 1024;

    /// <summary>What a reader of a report wants to know beyond the name: tile, blocking, kernels.</summary>
    public virtual string Details => "";

    /// <summary>Executes the primitive.</summary>
    public abstract void Execute(in ExecutionContext context);
}
