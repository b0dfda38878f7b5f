// Which elements of a destination a reference computes: all of them, or evenly spread ones where all would take too long.
namespace Int8Runtime.Reference;

/// <summary>Every <see cref="Step"/>th element in row-major order, beginning with the first.</summary>
/// <param name="Step">Distance of computed elements; 1 = all of them.</param>
internal readonly record struct OutputSample(int Step)
{
    /// <summary>Every element.</summary>
    public static OutputSample All => new(1);

    /// <summary>
    /// The densest sample whose elements cost at most <paramref name="budget"/> together. The step is prime and divides no
    /// extent, so that the sample visits every index of every dimension instead of a few columns.
    /// </summary>
    /// <param name="dimensions">Extents of the destination.</param>
    /// <param name="workPerElement">Cost of one element.</param>
    /// <param name="budget">Bound of the whole cost, in the same unit.</param>
    public static OutputSample Within(Shape dimensions, long workPerElement, long budget)
    {
        long wanted = ((dimensions.ElementCount * Math.Max(1, workPerElement)) + budget - 1) / budget;
        if (wanted <= 1)
            return All;
        long step = Math.Min(wanted, int.MaxValue / 2);
        while (!IsPrime(step) || dimensions.Any(extent => extent % step == 0))
            step++;
        return new OutputSample((int)step);
    }

    /// <summary>Advances to the next element of the sample; false after the last one.</summary>
    public bool Next(Span<int> index, Shape extents)
    {
        long carry = Step;
        for (int d = index.Length - 1; d >= 0; d--)
        {
            long position = index[d] + carry;
            index[d] = (int)(position % extents[d]);
            carry = position / extents[d];
            if (carry == 0)
                return true;
        }

        return false;
    }

    private static bool IsPrime(long value)
    {
        for (long divisor = 2; divisor * divisor <= value; divisor++)
            if (value % divisor == 0)
                return false;
        return value > 1;
    }
}
