// Kernels by spec and instruction set. Each is generated once however many threads ask (single flight), outside the
// lock; the least recently used leave when the bound in bytes is passed. A kernel that leaves stays valid for its users.
using System.Diagnostics;
using Int8Runtime.Diagnostics;

namespace Int8Runtime.Jit;

/// <summary>What identifies a kernel.</summary>
/// <param name="Generator">Type of the generator.</param>
/// <param name="Spec">Its immutable spec.</param>
/// <param name="Isa">Instruction sets.</param>
internal sealed record KernelKey(Type Generator, object Spec, Isa Isa);

/// <summary>Counts of a cache since its start.</summary>
/// <param name="Hits">Requests that found a kernel, finished or being made.</param>
/// <param name="Misses">Requests that made one.</param>
/// <param name="Evictions">Kernels that left for lack of room.</param>
/// <param name="Kernels">Kernels now.</param>
/// <param name="Bytes">Bytes of code memory now.</param>
internal readonly record struct KernelCacheMetrics(long Hits, long Misses, long Evictions, int Kernels, long Bytes);

/// <summary>A thread-safe cache of compiled kernels.</summary>
/// <param name="capacityBytes">Bound of the code memory that the cache itself keeps alive.</param>
internal sealed class KernelCache(long capacityBytes = KernelCache.DefaultCapacityBytes)
{
    /// <summary>Room for several thousand kernels of usual size.</summary>
    public const long DefaultCapacityBytes = 64 << 20;

    private readonly Lock _lock = new();
    private readonly BoundedEntries<KernelKey, Lazy<CompiledKernel>> _kernels = new(capacityBytes);
    private long _hits, _misses, _evictions;

    /// <summary>The cache that engines share unless they bring their own.</summary>
    public static KernelCache Shared { get; } = new();

    /// <summary>Counts at this moment.</summary>
    public KernelCacheMetrics Metrics
    {
        get
        {
            lock (_lock)
                return new(_hits, _misses, _evictions, _kernels.Count, _kernels.Bytes);
        }
    }

    /// <summary>The kernels at this moment, the most recently used first; without those that are being made.</summary>
    public IReadOnlyList<CompiledKernel> Kernels
    {
        get
        {
            lock (_lock)
                return [.. _kernels.Weighed.Select(kernel => kernel.Value)];
        }
    }

    /// <summary>The kernel for a key, generated if it is not there. A failed generation is not remembered.</summary>
    public CompiledKernel GetOrCreate(KernelKey key, Func<KernelImage> generate)
    {
        BoundedEntries<KernelKey, Lazy<CompiledKernel>>.Entry? entry;
        lock (_lock)
        {
            entry = _kernels.Find(key);
            if (entry is null)
            {
                _misses++;
                entry = _kernels.Add(key, new(() => Compile(generate)));
            }
            else
            {
                _hits++;
            }
        }

        try
        {
            CompiledKernel kernel = entry.Value.Value; // threads that come second wait here, outside the lock
            lock (_lock)
                _evictions += _kernels.Weigh(entry, kernel.Footprint);
            return kernel;
        }
        catch
        {
            lock (_lock)
                _kernels.Remove(entry);
            throw;
        }
    }

    /// <summary>Drops every kernel; users keep theirs.</summary>
    public void Clear()
    {
        lock (_lock)
            _kernels.Clear();
    }

    private static CompiledKernel Compile(Func<KernelImage> generate)
    {
        long start = Stopwatch.GetTimestamp();
        CompiledKernel kernel = CompiledKernel.Load(generate());
        RuntimeEvents.Log.Compiled(kernel.Name, kernel.Executed.Bytes.Length, Stopwatch.GetElapsedTime(start).TotalMicroseconds);
        return kernel;
    }
}
