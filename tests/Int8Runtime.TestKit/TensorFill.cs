// Deterministic random content of tensors, with the extremes of each type mixed in.
using Int8Runtime.Reference;

namespace Int8Runtime.TestKit;

/// <summary>What a tensor is filled with.</summary>
public enum FillKind
{
    /// <summary>Any integer of the type, one in eight an extreme; floats in [−1, 1), one in sixteen exactly 0.</summary>
    Typical,

    /// <summary>Integers are the smallest or largest of the type; floats are ±1.</summary>
    Extremes,

    /// <summary>Floats include NaN, infinities, zeros of both signs, denormals and the largest values.</summary>
    SpecialFloats,
}

/// <summary>Fills tensors reproducibly.</summary>
public static unsafe class TensorFill
{
    private static readonly float[] Special =
    [
        float.NaN, float.PositiveInfinity, float.NegativeInfinity, 0f, -0f, float.Epsilon, -float.Epsilon, 1e-39f,
        float.MaxValue, float.MinValue, 1f, -1f, 0.5f, 1.5f, 2.5f, 127.5f, 128f, 255.5f, 2147483520f, 2147483648f, -2147483648f,
    ];

    /// <summary>
    /// Fills the logical elements. Gaps between them hold the byte 0xC3, the padding of blocked layouts holds zeros.
    /// </summary>
    public static void Random(TensorMemory memory, int seed, FillKind kind = FillKind.Typical)
    {
        ArgumentNullException.ThrowIfNull(memory);
        MemoryDescriptor descriptor = memory.Descriptor;
        new Span<byte>(memory.Data, checked((int)descriptor.SizeInBytes)).Fill(0xC3);
        var random = new Random(seed);
        if (!descriptor.InnerBlocks.IsEmpty)
            ForEach(descriptor.PaddedDimensions, descriptor, offset => ScalarAccess.Store(memory.Data, descriptor.DataType, offset, 0));
        ForEach(descriptor.Dimensions, descriptor, offset => Store(memory.Data, descriptor.DataType, offset, random, kind));
    }

    /// <summary>Calls <paramref name="action"/> with the place of every index of <paramref name="extents"/> in row-major order.</summary>
    internal static void ForEach(Shape extents, MemoryDescriptor descriptor, Action<long> action)
    {
        if (extents.ElementCount == 0)
            return;
        Span<int> index = stackalloc int[extents.Rank];
        index.Clear();
        do
            action(descriptor.OffsetOf(index));
        while (IndexSpace.Next(index, extents));
    }

    private static void Store(void* data, DataType type, long offset, Random random, FillKind kind)
    {
        if (type.IsFloatingPoint())
        {
            ScalarAccess.Store(data, type, offset, NextFloat(random, kind));
            return;
        }

        // s32 tensors stand for accumulators and biases: a range in which sums of a few stay exact.
        (int min, int max) = type == DataType.Int32 ? (-1_000_000, 1_000_000) : type.IntegerRange();
        bool extreme = kind == FillKind.Extremes || random.Next(8) == 0;
        int value = extreme ? (random.Next(2) == 0 ? min : max) : random.Next(min, max + 1);
        ScalarAccess.Store(data, type, offset, value);
    }

    private static float NextFloat(Random random, FillKind kind) => kind switch
    {
        FillKind.Extremes => random.Next(2) == 0 ? -1f : 1f,
        FillKind.SpecialFloats when random.Next(2) == 0 => Special[random.Next(Special.Length)],
        FillKind.SpecialFloats => (random.NextSingle() - 0.5f) * 600,
        _ => random.Next(16) == 0 ? 0f : (random.NextSingle() * 2) - 1,
    };
}
