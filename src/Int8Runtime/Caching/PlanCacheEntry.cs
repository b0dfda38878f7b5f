// The place of one plan in the cache on disk, while the plan is built.
using Int8Runtime.Graph.Planning;
using Int8Runtime.Jit;

namespace Int8Runtime.Caching;

/// <summary>Offers what the cache holds of a plan, and stores the plan where that was not everything.</summary>
/// <remarks>
/// The file is looked up beside planning, as soon as the digest of the model is there; whoever asks for its content waits.
/// </remarks>
internal sealed class PlanCacheEntry
{
    private readonly ModelCache _cache;
    private readonly VerboseLog? _log;
    private readonly string _model;
    private readonly Task<Content> _content;

    /// <summary>The place of a plan.</summary>
    /// <param name="cache">The cache.</param>
    /// <param name="key">The plan's key.</param>
    /// <param name="log">Where to tell what was found.</param>
    /// <param name="model">Name of the model.</param>
    public PlanCacheEntry(ModelCache cache, Task<byte[]> key, VerboseLog? log, string model)
    {
        (_cache, _log, _model) = (cache, log, model);
        _content = key.ContinueWith(k => Find(k.GetAwaiter().GetResult()), TaskScheduler.Default);
    }

    /// <summary>The kernels of the plan.</summary>
    public KernelLibrary Kernels => Found.Kernels;

    private Content Found => _content.GetAwaiter().GetResult();

    /// <summary>Gives the constants their packed content.</summary>
    /// <returns>Whether the cache held the plan in full, kernels included.</returns>
    public bool TryProvide(IReadOnlyList<StoredTensor> constants) =>
        Found.Plan is { } plan && plan.TryProvide(constants) && Kernels.Added == 0;

    /// <summary>Keeps the plan.</summary>
    public void Store(IReadOnlyList<StoredTensor> constants) =>
        _cache.Store(Found.Key, Kernels, constants, _log, _model);

    private Content Find(byte[] key)
    {
        CachedPlan? plan = _cache.Find(key, _log, _model);
        if (plan is null)
            GeneratorWarmUp.Start();
        return new Content(key, plan, new KernelLibrary(plan?.Kernels ?? []));
    }

    private sealed record Content(byte[] Key, CachedPlan? Plan, KernelLibrary Kernels);
}
