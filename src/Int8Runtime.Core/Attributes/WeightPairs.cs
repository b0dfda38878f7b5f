// Which 8-bit weights of a product meet in a sum of 16 bits, on CPUs without dot-product instructions.
using System.Runtime.Intrinsics;

namespace Int8Runtime;

/// <summary>
/// VPMADDUBSW multiplies bytes and adds neighbours in 16 bits, with saturation. A pair is safe with every source where two
/// weights of one sign are not beyond 128 together: 255·128 = 32640 ≤ 32767, and −32640 ≥ −32768; weights of opposite signs
/// always are, because one product lies between 0 and 255·128 and the other between its negative and 0. This type states which
/// weights are neighbours in the order in which kernels read them, so that <see cref="NumericMode.NarrowWeights"/> can be
/// promised for weights that were rounded with regard to their pairs:
/// <list type="bullet">
/// <item>dense and grouped convolutions: along the input channels of a tap, then, without dilation, along the taps of a row;</item>
/// <item>depthwise convolutions: two rows of a column of the window;</item>
/// <item>matrix products: along k; inner products over maps: along the channels of a pixel, then the pixels.</item>
/// </list>
/// Elsewhere (<see cref="Any"/>, the default) any two weights may meet, and none may be beyond ±64.
/// </summary>
public readonly record struct WeightPairs
{
    /// <summary>The largest magnitude of the sum of two weights of one sign that meet.</summary>
    public const int LargestSum = 128;

    // Each reads some hundred scattered cache lines; the estimate of a share of 1/8 is off by 2 % in one standard deviation.
    private const int MostSamples = 256;

    // The constant as blocks of columns; the sum of a column is over runs, whose elements pair up from the first one on.
    private readonly MemoryDescriptor? _weights;
    private readonly Order _order;

    private WeightPairs(MemoryDescriptor weights, Order order) => (_weights, _order) = (weights, order);

    private enum Order
    {
        Any,
        Rows,
        Pixels,
        Columns,
        Matrix,
        Map,
    }

    /// <summary>Any two weights may meet.</summary>
    public static WeightPairs Any => default;

    /// <summary>Whether any two weights may meet.</summary>
    public bool IsAny => _order == Order.Any;

    /// <summary>The pairs of a convolution.</summary>
    /// <param name="weights">Strided weights, dimensions [O, I/groups, spatial…].</param>
    /// <param name="groups">Number of groups.</param>
    /// <param name="dilationWidth">1 where the taps of a row are neighbours.</param>
    public static WeightPairs ForConvolution(MemoryDescriptor weights, int groups, int dilationWidth)
    {
        ArgumentNullException.ThrowIfNull(weights);
        bool isDepthwise = groups > 1 && weights.Dimensions[0] == groups && weights.Dimensions[1] == 1;
        return new WeightPairs(weights, isDepthwise ? Order.Columns : dilationWidth == 1 ? Order.Rows : Order.Pixels);
    }

    /// <summary>The pairs of matrix products.</summary>
    /// <param name="weights">Strided weights, dimensions […, K, N].</param>
    public static WeightPairs ForMatMul(MemoryDescriptor weights) => new(weights, Order.Matrix);

    /// <summary>The pairs of an inner product whose source has its channels last.</summary>
    /// <param name="weights">Strided weights, dimensions [O, C, spatial…].</param>
    public static WeightPairs ForInnerProduct(MemoryDescriptor weights) => new(weights, Order.Map);

    /// <summary>Whether no pair of these weights can saturate.</summary>
    /// <param name="weights">The weights, as the descriptor lays them out.</param>
    public bool Fit(ReadOnlySpan<sbyte> weights)
    {
        if (!weights.ContainsAnyExceptInRange((sbyte)(-LargestSum / 2), (sbyte)(LargestSum / 2)))
            return true;
        if (IsAny)
            return false;

        (int First, int Second)[] pairs = Pairs();
        int[] columns = Columns();
        if (DistanceInBlocks(pairs, columns, weights.Length) is { } distance)
            return PairsFit(weights, distance);

        // The inner loop is over neighbours in memory.
        bool columnsAreNeighbours = columns.Length > 1 && columns[1] == 1;
        for (int i = 0; i < (columnsAreNeighbours ? pairs.Length : columns.Length); i++)
        {
            for (int j = 0; j < (columnsAreNeighbours ? columns.Length : pairs.Length); j++)
            {
                (int column, (int first, int second)) = columnsAreNeighbours ? (columns[j], pairs[i]) : (columns[i], pairs[j]);
                if (Math.Abs(weights[column + first] + weights[column + second]) > LargestSum)
                    return false;
            }
        }

        return true;
    }

    // The distance of two weights that meet, where the memory consists of blocks whose first half meets the second, as it does for
    // an even number of input channels; null where it does not. Offsets are distinct, so numbers of them prove that none is missing.
    private static int? DistanceInBlocks((int First, int Second)[] pairs, int[] columns, int length)
    {
        if (pairs.Length == 0 || 2L * pairs.Length * columns.Length != length)
            return null;
        int distance = pairs[0].Second - pairs[0].First, block = 2 * distance, pairPlace = 0, columnPlace = 0;
        if (distance <= 0 || length % block != 0)
            return null;
        foreach ((int first, int second) in pairs)
        {
            if (second - first != distance)
                return null;
            pairPlace = Math.Max(pairPlace, first % block);
        }

        foreach (int column in columns)
            columnPlace = Math.Max(columnPlace, column % block);
        return pairPlace + columnPlace < distance ? distance : null;
    }

    // Each weight is added to the one at the distance, wherever blocks begin; those that are no firsts of a pair count as zeros.
    private static bool PairsFit(ReadOnlySpan<sbyte> weights, int distance)
    {
        int block = 2 * distance, step = Vector128<sbyte>.Count % block;
        var isFirst = new sbyte[block + Vector128<sbyte>.Count]; // of any vector: where it begins in its block, and on from there
        for (int k = 0; k < isFirst.Length; k++)
            isFirst[k] = (sbyte)(k % block < distance ? -1 : 0);
        ReadOnlySpan<sbyte> first = weights[..^distance], second = weights[distance..];
        int i = 0, place = 0;
        for (; i <= first.Length - Vector128<sbyte>.Count; i += Vector128<sbyte>.Count)
        {
            Vector128<sbyte> mask = Vector128.Create(isFirst.AsSpan(place, Vector128<sbyte>.Count));
            Vector128<sbyte> a = Vector128.Create(first.Slice(i, Vector128<sbyte>.Count)) & mask;
            Vector128<sbyte> b = Vector128.Create(second.Slice(i, Vector128<sbyte>.Count)) & mask;
            if (IsBeyond(Vector128.WidenLower(a) + Vector128.WidenLower(b))
                || IsBeyond(Vector128.WidenUpper(a) + Vector128.WidenUpper(b)))
                return false;
            place += step;
            if (place >= block)
                place -= block;
        }

        for (; i < first.Length; i++)
        {
            if (i % block < distance && Math.Abs(first[i] + second[i]) > LargestSum)
                return false;
        }

        return true;
    }

    private static bool IsBeyond(Vector128<short> sums) =>
        Vector128.GreaterThanAny(Vector128.Abs(sums), Vector128.Create((short)LargestSum));

    /// <summary>
    /// Estimates how many of the vectors of weights that kernels read would have to be split (<see cref="NumericMode.ExactPairs"/>,
    /// <see cref="NumericMode.ExactQuads"/>), by a sample.
    /// </summary>
    /// <param name="weights">The weights, as the descriptor lays them out.</param>
    /// <param name="lanes">Columns of a vector.</param>
    /// <returns>
    /// The share of vectors of one step in which a pair leaves 16 bits, and of vectors of two steps in which four products do; null
    /// where kernels split nothing.
    /// </returns>
    public (double Pairs, double Quads)? SplitShares(ReadOnlySpan<sbyte> weights, int lanes)
    {
        if (_order is Order.Any or Order.Columns)
            return null;
        (int First, int Second)[] pairs = Pairs();
        int[] columns = Columns();
        int blocks = (columns.Length + lanes - 1) / lanes, twoSteps = pairs.Length / 4, population = blocks * twoSteps;
        if (population == 0)
            return null;
        int samples = Math.Min(population, MostSamples), splitPairs = 0, splitQuads = 0;
        for (int sample = 0; sample < samples; sample++)
        {
            (int block, int four) = Math.DivRem((int)((long)sample * population / samples), twoSteps);
            ReadOnlySpan<int> vector = columns.AsSpan(block * lanes, Math.Min(lanes, columns.Length - (block * lanes)));
            (bool pair, bool quad) = MustSplit(weights, vector, pairs.AsSpan(four * 4, 4));
            splitPairs += pair ? 1 : 0;
            splitQuads += quad ? 1 : 0;
        }

        return ((double)splitPairs / samples, (double)splitQuads / samples);
    }

    // Whether the first of two steps, and both together, leave 16 bits in any column. A step has two pairs of each column.
    private static (bool Pair, bool Quad) MustSplit(
        ReadOnlySpan<sbyte> weights, ReadOnlySpan<int> columns, ReadOnlySpan<(int First, int Second)> pairs)
    {
        bool pair = false, quad = false;
        foreach (int column in columns)
        {
            for (int word = 0; word < 2; word++)
            {
                int a = weights[column + pairs[word].First], b = weights[column + pairs[word].Second];
                int c = weights[column + pairs[word + 2].First], d = weights[column + pairs[word + 2].Second];
                pair |= Math.Abs(a + b) > LargestSum;
                quad |= Math.Max(a, 0) + Math.Max(b, 0) + Math.Max(c, 0) + Math.Max(d, 0) > LargestSum
                    || Math.Min(a, 0) + Math.Min(b, 0) + Math.Min(c, 0) + Math.Min(d, 0) < -LargestSum;
            }
        }

        return (pair, quad);
    }

    /// <summary>Where the columns begin: output channels, those of one matrix behind those of the other.</summary>
    public int[] Columns()
    {
        MemoryDescriptor weights = Known();
        return _order == Order.Matrix
            ? Offsets(weights, [.. Enumerable.Range(0, weights.Rank - 2), weights.Rank - 1]) : Offsets(weights, [0]);
    }

    /// <summary>The weights of a column that meet, as offsets from the column's beginning.</summary>
    public (int First, int Second)[] Pairs()
    {
        MemoryDescriptor weights = Known();
        int rank = weights.Rank;
        int[] spatial = rank > 2 ? [.. Enumerable.Range(2, rank - 2)] : [];
        (int[] outer, int[] run) = _order switch
        {
            Order.Rows when rank > 2 => (spatial[..^1], (int[])[rank - 1, 1]),
            Order.Rows or Order.Pixels => (spatial, [1]),
            Order.Columns => (rank > 2 ? [rank - 1] : [], rank > 2 ? spatial[..^1] : []),
            Order.Map => ([], [.. spatial, 1]),
            _ => ([], [rank - 2]),
        };
        int[] elements = Offsets(weights, run), starts = Offsets(weights, outer);
        int half = elements.Length / 2;
        var pairs = new (int, int)[starts.Length * half];
        for (int i = 0; i < pairs.Length; i++)
        {
            (int start, int pair) = Math.DivRem(i, half);
            pairs[i] = (starts[start] + elements[2 * pair], starts[start] + elements[(2 * pair) + 1]);
        }

        return pairs;
    }

    private MemoryDescriptor Known() =>
        _weights ?? throw new InvalidOperationException("Any two weights may meet; there is no list of pairs.");

    // Offsets of all indices of some dimensions, the last one fastest.
    private static int[] Offsets(MemoryDescriptor weights, ReadOnlySpan<int> dimensions)
    {
        int[] offsets = [0];
        foreach (int dimension in dimensions)
        {
            int extent = weights.Dimensions[dimension];
            long stride = weights.Strides[dimension];
            var finer = new int[offsets.Length * extent];
            for (int i = 0; i < finer.Length; i++)
                finer[i] = checked((int)(offsets[i / extent] + (i % extent * stride)));
            offsets = finer;
        }

        return offsets;
    }
}
