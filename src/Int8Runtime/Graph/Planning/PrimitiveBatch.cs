// The primitives of a plan, created together.
using System.Collections.Concurrent;
using Int8Runtime.Caching;
using Int8Runtime.Graph.Lowering;
using Int8Runtime.Jit;

namespace Int8Runtime.Graph.Planning;

/// <summary>A primitive that is created after all operations are planned, or when it is first asked for.</summary>
/// <param name="operation">The operation that asked first.</param>
/// <param name="create">Creates it.</param>
internal sealed class PlannedPrimitive(Operation? operation, Func<Primitive> create)
{
    private readonly Lazy<Primitive> _primitive = new(create);

    /// <summary>The primitive.</summary>
    /// <exception cref="UnsupportedPrimitiveException">No implementation takes it.</exception>
    /// <exception cref="ArgumentException">Descriptor and attributes do not fit together.</exception>
    public Primitive Value => _primitive.Value;

    /// <summary>The operation that asked first.</summary>
    public Operation? Operation => operation;
}

/// <summary>Collects the primitives of a plan, equal ones once, and creates them on all cores.</summary>
/// <param name="engine">The engine.</param>
/// <param name="weights">Remembers what was found out about constants.</param>
/// <param name="cache">Where kernels are looked up and kept; null where they are only generated.</param>
internal sealed class PrimitiveBatch(Engine engine, WeightsStore weights, PlanCacheEntry? cache)
{
    private readonly Dictionary<Problem, PlannedPrimitive> _known = [];
    private readonly List<PlannedPrimitive> _primitives = [];

    /// <summary>Asks for a primitive.</summary>
    /// <param name="descriptor">What it computes.</param>
    /// <param name="attributes">Its attributes; without a numeric mode where <paramref name="sums"/> choose it.</param>
    /// <param name="sums">What decides its numeric mode, if that is to be chosen.</param>
    /// <param name="operation">Who asks.</param>
    public PlannedPrimitive Request(
        PrimitiveDescriptor descriptor, PrimitiveAttributes attributes, PairSums? sums, Operation? operation)
    {
        var problem = new Problem(descriptor, attributes, sums);
        if (!_known.TryGetValue(problem, out PlannedPrimitive? primitive))
        {
            primitive = new PlannedPrimitive(operation, () => Create(problem));
            _known.Add(problem, primitive);
            _primitives.Add(primitive);
        }

        return primitive;
    }

    private Primitive Create(Problem problem)
    {
        using KernelLibrary.Scope scope = KernelLibrary.Use(cache?.Kernels);
        return engine.Create(problem.Descriptor, problem.Sums is { } sums
            ? problem.Attributes with { NumericMode = weights.ModeFor(sums) } : problem.Attributes);
    }

    /// <summary>Creates everything that was asked for.</summary>
    /// <returns>The operations whose primitive no implementation takes.</returns>
    public IReadOnlyCollection<NodeFailure> CreateAll()
    {
        _ = cache?.Kernels; // waits here: threads of the loop below that wait would be missing where the digest is computed
        var failures = new ConcurrentQueue<NodeFailure>();
        System.Threading.Tasks.Parallel.ForEach(_primitives, primitive =>
        {
            try
            {
                _ = primitive.Value;
            }
            catch (Exception exception) when (exception is UnsupportedPrimitiveException or ArgumentException)
            {
                failures.Enqueue(new NodeFailure(primitive.Operation?.Name ?? "", primitive.Operation?.OpType ?? "", exception.Message));
            }
        });
        return failures;
    }

    /// <summary>Makes one step of those of each chain, at the place of the last; between them are only copies that the chain reads.</summary>
    /// <param name="graph">The operations.</param>
    /// <param name="steps">Their steps, whose primitives are created.</param>
    public void JoinChains(OperationGraph graph, List<PlannedStep> steps)
    {
        OperationChain[] chains = [.. graph.Operations.Select(operation => operation.Chain).OfType<OperationChain>().Distinct()];
        if (chains.Length == 0 || engine is not CpuEngine cpu)
            return;
        var joined = new BandedStep?[chains.Length];
        System.Threading.Tasks.Parallel.For(0, chains.Length, i =>
        {
            using KernelLibrary.Scope scope = KernelLibrary.Use(cache?.Kernels);
            joined[i] = BandedStep.TryCreate(cpu, chains[i], steps);
        });
        foreach (BandedStep step in joined.OfType<BandedStep>())
        {
            PlannedStep[] parts = [.. step.Parts];
            steps[steps.IndexOf(parts[^1])] = step;
            steps.RemoveAll(parts.Contains);
        }
    }

    private sealed record Problem(PrimitiveDescriptor Descriptor, PrimitiveAttributes Attributes, PairSums? Sums);
}
