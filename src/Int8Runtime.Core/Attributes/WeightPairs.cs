// Which 8-bit weights of a product meet in a sum of 16 bits, on CPUs without dot-product instructions.
using System.Runtime.CompilerServices;

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

    private const int MostSamples = 1024;

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
    [MethodImpl(MethodImplOptions.AggressiveOptimization)] // reads each weight once, when a model is compiled
    public bool Fit(ReadOnlySpan<sbyte> weights)
    {
        if (!weights.ContainsAnyExceptInRange((sbyte)(-LargestSum / 2), (sbyte)(LargestSum / 2)))
            return true;
        if (IsAny)
            return false;

        // The inner loop is over neighbours in memory.
        (int First, int Second)[] pairs = Pairs();
        int[] columns = Columns();
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
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
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
        int[] elements = Offsets(weights, run);
        return [.. from start in Offsets(weights, outer)
                   from i in Enumerable.Range(0, elements.Length / 2)
                   select (start + elements[2 * i], start + elements[(2 * i) + 1])];
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
            offsets = [.. from offset in offsets from i in Enumerable.Range(0, extent) select checked((int)(offset + (i * stride)))];
        }

        return offsets;
    }
}
