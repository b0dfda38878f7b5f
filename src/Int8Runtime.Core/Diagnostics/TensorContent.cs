// Reproducible content for tensors of any size, chosen so that results tell something.
using Int8Runtime.Reference;

namespace Int8Runtime.Diagnostics;

/// <summary>
/// Fills tensors. Floats are multiples of 1/64 in [−1, 1]: exact in bf16 and f16, and equal pairs occur, so that comparisons
/// have both outcomes. Integers lie within a given magnitude, so that sums of many products need not all saturate.
/// </summary>
internal static unsafe class TensorContent
{
    // Elements after which the content of a large tensor repeats: prime, so that it does so at another place of every row.
    private const int Period = 65_521;

    /// <summary>
    /// Fills every element, gaps included; the excess of blocked layouts holds zeros.
    /// </summary>
    /// <param name="memory">The tensor.</param>
    /// <param name="seed">Start of the sequence.</param>
    /// <param name="magnitude">Bound of integers; the range of the type where that is smaller.</param>
    public static void Fill(TensorMemory memory, int seed, int magnitude = int.MaxValue)
    {
        MemoryDescriptor descriptor = memory.Descriptor;
        DataType type = descriptor.DataType;
        var random = new Sequence(seed);
        (int low, int high) = type.IsFloatingPoint() ? (-64, 64)
            : type == DataType.Int32 ? (-Math.Min(magnitude, 1000), Math.Min(magnitude, 1000))
            : (Math.Max(type.IntegerRange().Min, -magnitude), Math.Min(type.IntegerRange().Max, magnitude));
        float unit = type.IsFloatingPoint() ? 1f / 64 : 1f;
        int size = type.SizeInBytes();
        long count = descriptor.SizeInBytes / size, distinct = Math.Min(count, Period);
        var data = (byte*)memory.Data;
        if (type.IsInt8())
            FillBytes(data, distinct, random, low, high);
        else
            for (long i = 0; i < distinct; i++)
                ScalarAccess.Store(data, type, i, random.Next(low, high) * unit);
        for (long i = distinct; i < count; i += distinct)
        {
            long bytes = Math.Min(distinct, count - i) * size;
            Buffer.MemoryCopy(data, data + (i * size), bytes, bytes);
        }

        RefPadding.Clear(descriptor, data);
    }

    /// <summary>
    /// Fills a tensor with 1, −1 where there are signs, and a few 2, so that products of many neither overflow nor vanish.
    /// </summary>
    public static void FillFactors(TensorMemory memory, int seed)
    {
        MemoryDescriptor descriptor = memory.Descriptor;
        if (descriptor.ElementCount == 0)
            return;
        var random = new Sequence(seed);
        bool signed = descriptor.DataType != DataType.UInt8;
        long spacing = Math.Max(2, descriptor.ElementCount / 5), place = 0;
        Span<int> index = stackalloc int[descriptor.Rank];
        index.Clear();
        do
        {
            float factor = ++place % spacing == 0 ? 2 : 1;
            ScalarAccess.Store(memory.Data, descriptor.DataType, descriptor.OffsetOf(index),
                signed && random.Next(0, 1) == 1 ? -factor : factor);
        }
        while (IndexSpace.Next(index, descriptor.Dimensions));
    }

    /// <summary>Replaces f32 elements by their magnitudes plus ¼, as variances are.</summary>
    public static void MakePositive(TensorMemory memory)
    {
        foreach (ref float value in memory.AsSpan<float>())
            value = MathF.Abs(value) + 0.25f;
    }

    private static void FillBytes(byte* data, long count, Sequence random, int low, int high)
    {
        for (long i = 0; i < count; i++)
            data[i] = (byte)random.Next(low, high);
    }

    // Marsaglia's xorshift; the high half of the product picks from a range.
    private struct Sequence(int seed)
    {
        private uint _state = ((uint)seed * 2654435761u) | 1;

        public int Next(int low, int high)
        {
            _state ^= _state << 13;
            _state ^= _state >> 17;
            _state ^= _state << 5;
            return low + (int)(((ulong)_state * (ulong)(high - low + 1)) >> 32);
        }
    }
}
