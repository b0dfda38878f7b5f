// Measures what code allocates.
namespace Int8Runtime.TestKit;

/// <summary>Allocations of the calling thread.</summary>
public static class Allocations
{
    private const int Attempts = 6;

    /// <summary>
    /// The fewest bytes that an action allocated in several attempts: a garbage collection that other threads cause meanwhile may count
    /// some 8 KB that the thread had only reserved.
    /// </summary>
    /// <param name="action">What is measured; run it before as often as it needs to warm up.</param>
    public static long Fewest(Action action)
    {
        ArgumentNullException.ThrowIfNull(action);
        long fewest = long.MaxValue;
        for (int i = 0; i < Attempts; i++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            action();
            fewest = Math.Min(fewest, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        return fewest;
    }
}
