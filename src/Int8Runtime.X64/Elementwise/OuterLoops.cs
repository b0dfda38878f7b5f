// The loops around what a kernel computes at once, counted as one loop that threads share.
namespace Int8Runtime.X64;

/// <summary>Nested loops as a range of iterations, and where each iteration lies in the tensors.</summary>
/// <param name="start">Byte offset of the first iteration in each tensor.</param>
/// <param name="loops">The loops from the outermost to the innermost; none for a single iteration.</param>
internal sealed class OuterLoops(long[] start, params Loop[] loops)
{
    /// <summary>Iterations of all loops together.</summary>
    /// <exception cref="OverflowException">They are not counted in 64 bits.</exception>
    public long Count { get; } = loops.Aggregate(1L, (count, loop) => checked(count * loop.Extent));

    /// <summary>Number of tensors.</summary>
    public int Tensors => start.Length;

    /// <summary>Byte offset of an iteration in every tensor.</summary>
    public void OffsetsOf(long iteration, Span<long> offsets)
    {
        start.CopyTo(offsets);
        for (int i = loops.Length - 1; i >= 0; i--)
            Move(offsets, loops[i], DigitOf(ref iteration, i));
    }

    /// <summary>Byte offset of an iteration in tensors 0 and 1.</summary>
    public (long Destination, long Source) OffsetsOf(long iteration)
    {
        (long destination, long source) = (start[0], start[1]);
        for (int i = loops.Length - 1; i >= 0; i--)
        {
            int digit = DigitOf(ref iteration, i);
            destination += digit * loops[i].Strides[0];
            source += digit * loops[i].Strides[1];
        }

        return (destination, source);
    }

    /// <summary>Moves offsets by iterations of a loop.</summary>
    public static void Move(Span<long> offsets, Loop loop, int iterations)
    {
        for (int t = 0; t < offsets.Length; t++)
            offsets[t] += iterations * loop.Strides[t];
    }

    // The index within a loop, which is taken off the iteration. Divisions of 32 bits are much faster, and nearly always serve.
    private int DigitOf(ref long iteration, int loop)
    {
        if (loop == 0)
            return (int)iteration;
        int extent = loops[loop].Extent, digit;
        if (iteration <= int.MaxValue)
            (iteration, digit) = Math.DivRem((int)iteration, extent);
        else
            (iteration, digit) = (iteration / extent, (int)(iteration % extent));
        return digit;
    }
}
