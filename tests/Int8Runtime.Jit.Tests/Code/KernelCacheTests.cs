// The cache: one generation per key, bounded in bytes, never the owner of a kernel in use.
namespace Int8Runtime.Jit.Tests;

public sealed unsafe class KernelCacheTests
{
    private static bool HasKernels => KernelTiers.Runnable.Any();

    [Fact]
    public void Concurrent_requests_generate_once()
    {
        if (!HasKernels)
            return;
        var cache = new KernelCache();
        int generations = 0;
        var kernels = new CompiledKernel[8];
        using var asking = new CountdownEvent(kernels.Length);
        Thread[] threads = [.. Enumerable.Range(0, kernels.Length).Select(i => new Thread(() =>
        {
            asking.Signal();
            kernels[i] = cache.GetOrCreate(new(typeof(ScaleGenerator), new ScaleSpec(1, 2), IsaTiers.Avx2), () =>
            {
                Interlocked.Increment(ref generations);
                asking.Wait(TimeSpan.FromSeconds(30)); // until every thread asks
                return new ScaleGenerator().Generate(new(1, 2), IsaTiers.Avx2);
            });
        }))];
        foreach (Thread thread in threads)
            thread.Start();
        foreach (Thread thread in threads)
            thread.Join();
        Assert.Equal(1, generations);
        Assert.All(kernels, k => Assert.Same(kernels[0], k));
        KernelCacheMetrics metrics = cache.Metrics;
        Assert.Equal((7, 1, 0, 1), (metrics.Hits, metrics.Misses, metrics.Evictions, metrics.Kernels));
        Assert.Equal(kernels[0].Footprint, metrics.Bytes);
    }

    [Fact]
    public void The_least_recently_used_leave_but_stay_valid_for_their_users()
    {
        if (!HasKernels)
            return;
        var generator = new ScaleGenerator();
        long footprint = Environment.SystemPageSize; // of each sample kernel
        var cache = new KernelCache(3 * footprint);
        CompiledKernel first = generator.GetOrCreate(cache, new(1, 0), IsaTiers.Avx2);
        CompiledKernel second = generator.GetOrCreate(cache, new(2, 0), IsaTiers.Avx2);
        _ = generator.GetOrCreate(cache, new(3, 0), IsaTiers.Avx2);
        Assert.Same(first, generator.GetOrCreate(cache, new(1, 0), IsaTiers.Avx2)); // now the most recent
        _ = generator.GetOrCreate(cache, new(4, 0), IsaTiers.Avx2); // the second leaves
        Assert.Equal((1, 3, 3 * footprint), (cache.Metrics.Evictions, cache.Metrics.Kernels, cache.Metrics.Bytes));
        Assert.Same(first, generator.GetOrCreate(cache, new(1, 0), IsaTiers.Avx2));
        GC.Collect();
        GC.WaitForPendingFinalizers();
        float x = 21, y = 0;
        var arguments = new ScaleArguments { X = &x, Y = &y, Count = 1 };
        second.Invoke(&arguments);
        Assert.Equal(42, y);
        Assert.NotSame(second, generator.GetOrCreate(cache, new(2, 0), IsaTiers.Avx2));
    }

    [Fact]
    public void A_failed_generation_is_not_remembered()
    {
        if (!HasKernels)
            return;
        var cache = new KernelCache();
        KernelKey key = new(typeof(ScaleGenerator), new ScaleSpec(1, 1), IsaTiers.Avx2);
        Assert.Throws<InvalidOperationException>(() => cache.GetOrCreate(key, () => throw new InvalidOperationException("broken")));
        Assert.Equal(0, cache.Metrics.Kernels);
        Assert.NotNull(cache.GetOrCreate(key, () => new ScaleGenerator().Generate(new(1, 1), IsaTiers.Avx2)));
    }
}
