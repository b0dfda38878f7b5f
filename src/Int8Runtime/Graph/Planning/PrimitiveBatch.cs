// The primitives of a plan, created together.
using System.Collections.Concurrent;
using Int8Runtime.Caching;
using Int8Runtime.Graph.Lowering;
using Int8Runtime.Jit;

namespace Int8Runtime.Graph.Planning;

/// <summary>A primitive that is created after all operations are planned, or when it is first asked for.</summary>
internal sealed class PlannedPrimitive(
    Engine engine, PlanCacheEntry? cache, PrimitiveDescriptor descriptor, PrimitiveAttributes attributes, Operation? operation)
{
    private readonly Lazy<Primitive> _primitive = new(() =>
    {
        using KernelLibrary.Scope scope = KernelLibrary.Use(cache?.Kernels);
        return engine.Create(descriptor, attributes);
    });

    /// <summary>The primitive.</summary>
    /// <exception cref="UnsupportedPrimitiveException">No implementation takes it.</exception>
    /// <exception cref="ArgumentException">Descriptor and attributes do not fit together.</exception>
    public Primitive Value => _primitive.Value;

    /// <summary>The operation that asked first.</summary>
    public Operation? Operation { get; } = operation;
}

/// <summary>Collects the primitives of a plan, equal ones once, and creates them on all cores.</summary>
/// <param name="engine">The engine.</param>
/// <param name="cache">Where kernels are looked up and kept; null where they are only generated.</param>
internal sealed class PrimitiveBatch(Engine engine, PlanCacheEntry? cache)
{
    private readonly Dictionary<(PrimitiveDescriptor, PrimitiveAttributes), PlannedPrimitive> _primitives = [];

    public PlannedPrimitive Request(PrimitiveDescriptor descriptor, PrimitiveAttributes attributes, Operation? operation)
    {
        if (!_primitives.TryGetValue((descriptor, attributes), out PlannedPrimitive? primitive))
            _primitives.Add((descriptor, attributes), primitive = new PlannedPrimitive(engine, cache, descriptor, attributes, operation));
        return primitive;
    }

    /// <summary>Creates everything that was asked for.</summary>
    /// <returns>The operations whose primitive no implementation takes.</returns>
    public IReadOnlyCollection<NodeFailure> CreateAll()
    {
        _ = cache?.Kernels; // waits here: threads of the loop below that wait would be missing where the digest is computed
        var failures = new ConcurrentQueue<NodeFailure>();
        System.Threading.Tasks.Parallel.ForEach(_primitives.Values, primitive =>
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
}
