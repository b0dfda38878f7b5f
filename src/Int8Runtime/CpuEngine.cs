// The engine of the CPU that runs this process.
using Int8Runtime.Caching;
using Int8Runtime.Diagnostics;
using Int8Runtime.Graph.Planning;
using Int8Runtime.Jit;
using Int8Runtime.Reference;
using Int8Runtime.Tuning;
using Int8Runtime.X64;

namespace Int8Runtime;

/// <summary>What a <see cref="CpuEngine"/> may use. Environment variables only give the defaults.</summary>
public sealed record CpuEngineOptions
{
    /// <summary>
    /// Upper bound of the instruction sets, see <see cref="IsaTiers"/>; null for <c>INT8RT_MAX_ISA</c>, or everything that
    /// the CPU has if that is not set.
    /// </summary>
    public Isa? MaxIsa { get; init; }

    /// <summary>
    /// Whether instruction sets that the CPU lacks are emulated by those it has, as far as that is possible, so that the
    /// kernels of another machine can be executed: same bits, very slow. Null for <c>INT8RT_EMULATE=1</c>; no if that is not
    /// set. See <see cref="Engine.Emulated"/>.
    /// </summary>
    public bool? Emulate { get; init; }

    /// <summary>
    /// Threads of one execution, at most the workers of the pool; null for all of them. <see cref="Engine.Threads"/> says how many it
    /// became.
    /// </summary>
    public int? Threads { get; init; }

    /// <summary>Where parallel work runs; null for the process-wide <see cref="SharedThreadPool.Default"/>.</summary>
    public IThreadPool? ThreadPool { get; init; }

    /// <summary>
    /// <see cref="NumericMode.Fast"/> lets sums of two 8-bit products saturate at 16 bits on CPUs without dot-product
    /// instructions: some per cent faster, but results then depend on the CPU. Exact unless set.
    /// </summary>
    public NumericMode NumericMode { get; init; }

    /// <summary>
    /// What is told of dispatch, creation and execution, one line each; null for what <c>INT8RT_VERBOSE</c> names
    /// (<c>dispatch,create,exec</c>), nothing if that is not set. The format is that of docs/verbose-format.md.
    /// </summary>
    public VerboseEvents? Verbose { get; init; }

    /// <summary>Where the lines of <see cref="Verbose"/> are written; null for standard error.</summary>
    public TextWriter? VerboseWriter { get; init; }

    /// <summary>
    /// Tiles that were measured to be the fastest, which plans then use; null for the file that <c>INT8RT_TUNING</c> names, or the cost
    /// model's choice where that is not set. See <see cref="Graph.InferenceRequest.Tune"/>.
    /// </summary>
    public TileTuning? Tuning { get; init; }

    /// <summary>
    /// Folder in which the generated code and packed weights of compiled models are kept for later processes; null for the one that
    /// <c>INT8RT_CACHE</c> names, none if that is not set.
    /// </summary>
    public ModelCache? ModelCache { get; init; }

    /// <summary>Bound of the memory that cached plans keep, in bytes.</summary>
    public long CacheBytes { get; init; } = 256L << 20;
}

/// <summary>
/// An engine that computes primitives with code generated for the CPU at hand. What no generated code takes, or everything
/// where the system denies executable memory, runs the scalar reference, and the dispatch report says so.
/// </summary>
public sealed class CpuEngine : Engine
{
    private CpuEngine(Isa isa, IThreadPool pool, int threads, long cacheBytes, VerboseLog? log, TileTuning? tuning)
        : base(isa, pool, threads, cacheBytes, ~CpuFeatures.Host.Isa, log)
    {
        Tuning = tuning;
        Register(X64Implementations.Create(KernelCache.Shared, CpuFeatures.Host));
        Register(ReferenceImplementations.All);
    }

    static CpuEngine() => RuntimeEvents.KernelCounts = static () =>
    {
        KernelCacheMetrics metrics = KernelCache.Shared.Metrics;
        return (metrics.Kernels, metrics.Bytes, metrics.Misses);
    };

    /// <summary>Name of the CPU; empty where it does not tell.</summary>
    public static string CpuName => CpuFeatures.Host.Brand;

    /// <summary>Why no code can be generated here, or null.</summary>
    public static string? Limitation => CpuFeatures.Host.Limitation;

    /// <summary>Creates an engine.</summary>
    /// <exception cref="FormatException">An environment variable holds something that is not a tier or a number.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The number of threads is below 1.</exception>
    /// <exception cref="IOException">The folder that <c>INT8RT_CACHE</c> names cannot be used.</exception>
    public static CpuEngine Create(CpuEngineOptions? options = null)
    {
        options ??= new CpuEngineOptions();
        Isa available = options.Emulate ?? IsaEmulation.IsAllowedByEnvironment ? IsaEmulation.HostAndEmulated : CpuFeatures.Host.Isa;
        Isa isa = options.MaxIsa is { } bound ? available & bound : IsaLimit.FromEnvironment(available);
        IThreadPool pool = options.ThreadPool ?? SharedThreadPool.Default;
        int threads = options.Threads ?? pool.MaximumWorkers;
        if (threads < 1)
            throw new ArgumentOutOfRangeException(nameof(options), threads, "CpuEngineOptions.Threads is at least 1.");
        VerboseLog? log = VerboseLog.Create(options.Verbose, options.VerboseWriter);
        return new CpuEngine(isa, pool, Math.Min(threads, pool.MaximumWorkers), options.CacheBytes, log, options.Tuning
            ?? TuningOfEnvironment())
        {
            NumericMode = options.NumericMode,
            ModelCache = options.ModelCache ?? CacheOfEnvironment(),
        };
    }

    /// <summary>The tiles that plans use, where measured ones were given.</summary>
    public TileTuning? Tuning { get; }

    /// <summary>The cache of compiled models on disk; null without one.</summary>
    public ModelCache? ModelCache { get; private init; }

    /// <summary>
    /// Begins to prepare, on another core, what the first compilation of a model in this process needs, and returns at once: worth
    /// a call before a model is loaded, where a <see cref="ModelCache"/> spares the rest. The first such call in a process works, others
    /// do nothing.
    /// </summary>
    public void WarmUp() => CompilerWarmUp.Start(this);

    /// <summary>
    /// Plans convolutions of which each reads what the one before writes as one primitive that computes them in bands of rows. Its
    /// arguments are those of the stages.
    /// </summary>
    /// <param name="stages">The convolutions.</param>
    /// <param name="refusal">Why the result is null.</param>
    internal Primitive? TryCreateChain(IReadOnlyList<Primitive> stages, out Rejection? refusal)
    {
        const string Name = "bands";
        refusal = new Rejection(Name, RejectionReason.InstructionSet, "a stage runs on the scalar reference");
        if (stages.Any(stage => stage.Report.IsReference))
            return null;
        var bands = new BandedConvolutions(Name, ImplementationsOf(PrimitiveKind.Convolution), CpuFeatures.Host.Caches.L2)
        {
            KeepsTiles = true,
        };
        ConvolutionStage[] planned = [.. stages.Select(stage => new ConvolutionStage(stage.Plan, stage.Attributes))];
        if (bands.TryPlan(planned, Isa, Threads, out refusal) is not { } plan)
            return null;
        return new Primitive(this, plan, stages[^1].Attributes, new DispatchReport(stages[^1].Report.Problem, NameOf(plan), []));
    }

    /// <inheritdoc/>
    private protected override KernelTile? MeasuredTile(ProblemLine problem) => Tuning?.Find(this, problem);

    private static TileTuning? TuningOfEnvironment() =>
        Environment.GetEnvironmentVariable("INT8RT_TUNING") is { Length: > 0 } path ? TileTuning.Load(path) : null;

    private static ModelCache? CacheOfEnvironment() =>
        Environment.GetEnvironmentVariable("INT8RT_CACHE") is { Length: > 0 } folder ? ModelCache.Open(folder) : null;
}
