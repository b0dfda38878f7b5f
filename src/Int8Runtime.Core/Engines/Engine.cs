// A device, its ordered list of implementations, and the choice among them.
using System.Diagnostics;
using Int8Runtime.Diagnostics;

namespace Int8Runtime;

/// <summary>
/// A CPU with the instruction sets that may be used on it. An engine creates primitives and caches their plans; it is
/// thread-safe.
/// </summary>
public abstract class Engine : IDisposable
{
    private readonly PrimitiveCache _cache;
    private readonly Dictionary<PrimitiveKind, List<IImplementation>> _implementations = [];

    private readonly VerboseLog? _log;

    // One delegate for all look-ups: a lambda at the call would be allocated by each.
    private readonly Func<(PrimitiveDescriptor Descriptor, PrimitiveAttributes Attributes), Primitive> _dispatch;

    private protected Engine(Isa isa, IThreadPool pool, int threads, long cacheBytes, Isa emulated = Isa.None, VerboseLog? log = null)
    {
        _log = log;
        LogsExecutions = log is not null && log.Tells(VerboseEvents.Execute);
        Isa = isa;
        Emulated = isa & emulated;
        Pool = pool;
        Threads = threads;
        _cache = new PrimitiveCache(cacheBytes);
        _dispatch = key => Dispatch(key.Descriptor, key.Attributes);
    }

    /// <summary>The instruction sets that kernels may use.</summary>
    public Isa Isa { get; }

    /// <summary>
    /// The part of <see cref="Isa"/> that the CPU lacks and that sequences of its own instructions stand for: exact and very
    /// slow, for tests. <see cref="Isa.None"/> for an ordinary engine.
    /// </summary>
    public Isa Emulated { get; }

    /// <summary>
    /// Name of the highest tier in <see cref="Isa"/>; an emulated one says so, for example <c>avx512_vnni (emulated)</c>.
    /// </summary>
    public string Tier => IsaTiers.NameOf(Isa) + (Emulated == Isa.None ? "" : " (emulated)");

    /// <summary>Where parallel work runs.</summary>
    public IThreadPool Pool { get; }

    /// <summary>Number of threads that one execution uses at most.</summary>
    public int Threads { get; }

    /// <summary>
    /// How integer products may be computed where the attributes of a primitive are those of
    /// <see cref="NumericMode.Exact"/>.
    /// </summary>
    public NumericMode NumericMode { get; private protected init; }

    /// <summary>Bytes that cached plans occupy now.</summary>
    public long CachedBytes => _cache.SizeInBytes;

    /// <summary>Plans the problem, or takes an equal plan from the cache.</summary>
    /// <exception cref="ArgumentException">Descriptor and attributes do not fit together.</exception>
    /// <exception cref="UnsupportedPrimitiveException">No implementation takes the problem; the message holds every refusal.</exception>
    public Primitive Create(PrimitiveDescriptor descriptor, PrimitiveAttributes? attributes = null)
    {
        ArgumentNullException.ThrowIfNull(descriptor);
        attributes ??= PrimitiveAttributes.Default;
        if (NumericMode != NumericMode.Exact && attributes.NumericMode == NumericMode.Exact)
            attributes = attributes with { NumericMode = NumericMode };
        return _log is null && !RuntimeEvents.Log.IsEnabled()
            ? _cache.GetOrAdd((descriptor, attributes), _dispatch)
            : CreateObserved(descriptor, attributes);
    }

    /// <summary>
    /// Says which implementation the problem gets and why the ones before it refused; a problem that every one refuses is
    /// reported, not thrown. Plans the problem as <see cref="Create"/> does.
    /// </summary>
    public DispatchReport Explain(PrimitiveDescriptor descriptor, PrimitiveAttributes? attributes = null)
    {
        ArgumentNullException.ThrowIfNull(descriptor);
        try
        {
            return Create(descriptor, attributes).Report;
        }
        catch (UnsupportedPrimitiveException exception)
        {
            return exception.Report;
        }
    }

    /// <summary>A stream that executes primitives with this engine's threads.</summary>
    public ExecutionStream CreateStream() => new(this);

    /// <summary>Forgets cached plans that nobody uses.</summary>
    public void Trim() => _cache.Clear();

    /// <summary>Forgets cached plans. Primitives, streams and compiled models that exist go on.</summary>
    public void Dispose()
    {
        _cache.Clear();
        GC.SuppressFinalize(this);
    }

    /// <summary>Whether someone wants to know of executions: the verbose log or a listener to events.</summary>
    internal bool IsObserved => LogsExecutions || RuntimeEvents.Log.WantsExecutions;

    /// <summary>The verbose log; null where it tells nothing.</summary>
    internal VerboseLog? Log => _log;

    private bool LogsExecutions { get; }

    /// <summary>Tells of an execution that started at a time stamp.</summary>
    internal void Executed(Primitive primitive, long start)
    {
        double milliseconds = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        if (LogsExecutions)
            _log!.Executed(primitive, milliseconds);
        if (RuntimeEvents.Log.WantsExecutions)
            RuntimeEvents.Log.Executed(primitive.Descriptor.Kind, primitive.ImplementationName, milliseconds);
    }

    /// <summary>Plans a problem with a given tile, beside the cache.</summary>
    internal Primitive CreateWith(KernelTile tile, PrimitiveDescriptor descriptor, PrimitiveAttributes attributes) =>
        Dispatch(descriptor, attributes, tile);

    /// <summary>The tile that was measured to be the fastest for a problem; null if none was.</summary>
    private protected virtual KernelTile? MeasuredTile(ProblemLine problem) => null;

    /// <summary>The implementations of a kind in the order in which they are tried.</summary>
    internal IReadOnlyList<IImplementation> ImplementationsOf(PrimitiveKind kind) =>
        _implementations.TryGetValue(kind, out List<IImplementation>? list) ? list : [];

    /// <summary>Appends implementations; called by the constructor of the derived engine only.</summary>
    private protected void Register(IEnumerable<IImplementation> implementations)
    {
        foreach (IImplementation implementation in implementations)
        {
            if (!_implementations.TryGetValue(implementation.Kind, out List<IImplementation>? list))
                _implementations[implementation.Kind] = list = [];
            list.Add(implementation);
        }
    }

    // Whoever reads a time next to this name must see that the time means nothing.
    private protected string NameOf(PrimitivePlan plan) =>
        Emulated == Isa.None || plan.Name.StartsWith("ref", StringComparison.Ordinal) ? plan.Name : plan.Name + ":emulated";

    private Primitive CreateObserved(PrimitiveDescriptor descriptor, PrimitiveAttributes attributes)
    {
        bool cached = true;
        long start = Stopwatch.GetTimestamp();
        try
        {
            Primitive primitive = _cache.GetOrAdd((descriptor, attributes), key =>
            {
                cached = false;
                return Dispatch(key.Descriptor, key.Attributes);
            });
            double milliseconds = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
            _log?.Created(primitive, cached, milliseconds);
            if (RuntimeEvents.Log.IsEnabled())
                RuntimeEvents.Log.Created(descriptor.Kind, primitive.ImplementationName, $"{primitive.Report.Problem}", cached,
                    milliseconds);
            return primitive;
        }
        catch (UnsupportedPrimitiveException exception)
        {
            if (RuntimeEvents.Log.IsEnabled())
                RuntimeEvents.Log.Refused(descriptor.Kind, $"{exception.Report}");
            throw;
        }
    }

    private Primitive Dispatch(PrimitiveDescriptor descriptor, PrimitiveAttributes attributes, KernelTile? tile = null)
    {
        descriptor.Validate(attributes);
        ProblemLine problem = ProblemLine.Of(descriptor, attributes);
        var request = new PlanRequest(descriptor, attributes, Isa, Threads) { Tile = tile ?? MeasuredTile(problem) };
        var rejections = new List<Rejection>();
        foreach (IImplementation implementation in ImplementationsOf(descriptor.Kind))
        {
            PlanResult result = implementation.TryPlan(request);
            if (result.Plan is { } plan)
                return new Primitive(this, plan, plan.Resolve(attributes), Report(NameOf(plan)));
            rejections.Add(result.Rejection!);
        }

        throw new UnsupportedPrimitiveException(Report(null));

        DispatchReport Report(string? chosen)
        {
            var report = new DispatchReport(problem, chosen, rejections);
            _log?.Dispatch(descriptor, report);
            return report;
        }
    }
}
