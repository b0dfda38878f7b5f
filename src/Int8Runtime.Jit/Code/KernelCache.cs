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
    private readonly Dictionary<KernelKey, LinkedListNode<Entry>> _entries = [];
    private readonly LinkedList<Entry> _byUse = new(); // most recent first
    private long _hits, _misses, _evictions, _bytes;

    /// <summary>The cache that engines share unless they bring their own.</summary>
    public static KernelCache Shared { get; } = new();

    /// <summary>Counts at this moment.</summary>
    public KernelCacheMetrics Metrics
    {
        get
        {
            lock (_lock)
                return new(_hits, _misses, _evictions, _entries.Count, _bytes);
        }
    }

    /// <summary>The kernels at this moment, the most recently used first; without those that are being made.</summary>
    public IReadOnlyList<CompiledKernel> Kernels
    {
        get
        {
            lock (_lock)
                return [.. _byUse.Where(entry => entry.Bytes > 0).Select(entry => entry.Kernel.Value)];
        }
    }

    /// <summary>The kernel for a key, generated if it is not there. A failed generation is not remembered.</summary>
    public CompiledKernel GetOrCreate(KernelKey key, Func<KernelImage> generate)
    {
        LinkedListNode<Entry>? node;
        lock (_lock)
        {
            if (_entries.TryGetValue(key, out node))
            {
                _hits++;
                _byUse.Remove(node);
                _byUse.AddFirst(node);
            }
            else
            {
                _misses++;
                node = _byUse.AddFirst(new Entry(key, new(() => Compile(generate))));
                _entries.Add(key, node);
            }
        }
        Entry entry = node.Value;
        try
        {
            CompiledKernel kernel = entry.Kernel.Value; // threads that come second wait here, outside the lock
            Account(node, kernel);
            return kernel;
        }
        catch
        {
            Forget(node);
            throw;
        }
    }

    /// <summary>Drops every kernel; users keep theirs.</summary>
    public void Clear()
    {
        lock (_lock)
        {
            _entries.Clear();
            _byUse.Clear();
            _bytes = 0;
        }
    }

    private static CompiledKernel Compile(Func<KernelImage> generate)
    {
        long start = Stopwatch.GetTimestamp();
        CompiledKernel kernel = CompiledKernel.Load(generate());
        RuntimeEvents.Log.Compiled(kernel.Name, kernel.Executed.Bytes.Length, Stopwatch.GetElapsedTime(start).TotalMicroseconds);
        return kernel;
    }

    private void Account(LinkedListNode<Entry> node, CompiledKernel kernel)
    {
        lock (_lock)
        {
            if (node.Value.Bytes != 0 || node.List is null)
                return;
            node.Value.Bytes = kernel.Footprint;
            _bytes += kernel.Footprint;
            LinkedListNode<Entry>? last = _byUse.Last;
            while (_bytes > capacityBytes && last is not null)
            {
                LinkedListNode<Entry>? previous = last.Previous;
                if (last != node && last.Value.Bytes > 0) // not this one, nor one that is being made
                {
                    Remove(last);
                    _evictions++;
                }
                last = previous;
            }
        }
    }

    private void Forget(LinkedListNode<Entry> node)
    {
        lock (_lock)
            if (node.List is not null)
                Remove(node);
    }

    private void Remove(LinkedListNode<Entry> node)
    {
        _bytes -= node.Value.Bytes;
        _byUse.Remove(node);
        _entries.Remove(node.Value.Key);
    }

    private sealed class Entry(KernelKey key, Lazy<CompiledKernel> kernel)
    {
        public KernelKey Key { get; } = key;

        public Lazy<CompiledKernel> Kernel { get; } = kernel;

        public long Bytes { get; set; }
    }
}
