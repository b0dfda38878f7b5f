// Work is split into a fixed number of parts, whatever the number of threads, so that sums always come out the same.
namespace Int8Runtime.DemoTrainer;

/// <summary>Parallel loops with an order of summation that does not depend on the number of threads.</summary>
internal static class Chunks
{
    /// <summary>Number of parts of a batch.</summary>
    public const int Count = 8;

    /// <summary>Calls <paramref name="body"/>(part, first, end) for each part of 0 … <paramref name="length"/>.</summary>
    public static void Run(int length, Action<int, int, int> body) =>
        Parallel.For(0, Count, part => body(part, part * length / Count, (part + 1) * length / Count));

    /// <summary>Sums per-part gradients in the order of the parts.</summary>
    public static void Reduce(float[][] parts, float[] sum)
    {
        Array.Clear(sum);
        foreach (float[] part in parts)
        {
            for (int i = 0; i < sum.Length; i++)
                sum[i] += part[i];
        }
    }

    /// <summary>Zeroed arrays, one per part.</summary>
    public static float[][] Allocate(int length) => [.. Enumerable.Range(0, Count).Select(_ => new float[length])];
}
