// The place of one plan in the cache on disk, while the plan is built.
using Int8Runtime.Graph.Planning;
using Int8Runtime.Jit;

namespace Int8Runtime.Caching;

/// <summary>Offers what the cache holds of a plan, and stores the plan where that was not everything.</summary>
internal sealed class PlanCacheEntry
{
    private readonly ModelCache _cache;
    private readonly byte[] _key;
    private readonly CachedPlan? _found;
    private readonly VerboseLog? _log;
    private readonly string _model;

    private PlanCacheEntry(ModelCache cache, byte[] key, VerboseLog? log, string model)
    {
        (_cache, _key, _log, _model) = (cache, key, log, model);
        _found = cache.Find(key, log, model);
        if (_found is null)
            GeneratorWarmUp.Start();
        Kernels = new KernelLibrary(_found?.Kernels ?? []);
    }

    /// <summary>The kernels of the plan.</summary>
    public KernelLibrary Kernels { get; }

    /// <summary>Looks a plan up.</summary>
    public static PlanCacheEntry Open(ModelCache cache, byte[] key, VerboseLog? log, string model) => new(cache, key, log, model);

    /// <summary>Gives the constants their packed content.</summary>
    /// <returns>Whether the cache held the plan in full, kernels included.</returns>
    public bool TryProvide(IReadOnlyList<StoredTensor> constants) =>
        _found is not null && _found.TryProvide(constants) && Kernels.Added == 0;

    /// <summary>Keeps the plan.</summary>
    public void Store(IReadOnlyList<StoredTensor> constants) => _cache.Store(_key, Kernels, constants, _log, _model);
}
