// Constants that are stored as integers: Const → Convert → Subtract → Multiply, and FakeQuantize of constants.
using Int8Runtime.Graph;

namespace Int8Runtime.OpenVino.Import;

/// <summary>
/// A tensor of 8-bit integers that stand for real numbers. Element i has the scale and zero point
/// <c>i / Inner % Scales.Length</c>; written this way, they survive a reshape.
/// </summary>
/// <param name="Integers">The integers, s8 or u8.</param>
/// <param name="Scales">One scale, or one for each channel.</param>
/// <param name="ZeroPoints">As many zero points as scales.</param>
/// <param name="Inner">The number of consecutive elements that share a scale; any number where there is one scale.</param>
internal sealed record CompressedConstant(TensorData Integers, float[] Scales, int[] ZeroPoints, int Inner)
{
    /// <summary>
    /// Whether a matrix [K, N] was transposed whose rows [N, K] held the blocks: element (k, n) then has the scale n·K/Inner + k/Inner.
    /// </summary>
    public bool HasTransposedBlocks { get; private init; }

    // Zero points that a converter computed hold rounding noise.
    private const double ZeroPointNoise = 1e-3;

    /// <summary>Whether the integers stand for themselves.</summary>
    public bool IsPlain => Scales is [1] && ZeroPoints is [0];

    /// <summary>Integers that stand for themselves.</summary>
    public static CompressedConstant Plain(TensorData integers) => new(integers, [1], [0], integers.ElementCount);

    /// <summary>With zero points subtracted; null where they are no integers of the type or vary along several dimensions.</summary>
    public CompressedConstant? Minus(TensorData zeroPoints)
    {
        if (!IsPlain || Arrange(zeroPoints) is not { } arranged)
            return null;
        var zeros = new int[arranged.Values.Length];
        (int min, int max) = Integers.ElementType.IntegerRange();
        for (int i = 0; i < zeros.Length; i++)
        {
            double rounded = Math.Round(arranged.Values[i]);
            if (!(Math.Abs(arranged.Values[i] - rounded) <= ZeroPointNoise) || rounded < min || rounded > max)
                return null;
            zeros[i] = (int)rounded;
        }

        return Array.TrueForAll(zeros, z => z == zeros[0])
            ? this with { ZeroPoints = [zeros[0]] }
            : new CompressedConstant(Integers, [.. zeros.Select(_ => 1f)], zeros, arranged.Inner);
    }

    /// <summary>Multiplied by scales; null where one is not positive or they vary along several dimensions.</summary>
    public CompressedConstant? Times(TensorData scales)
    {
        if (Arrange(scales) is not { } arranged
            || !Array.TrueForAll(arranged.Values, s => s > 0 && float.IsFinite((float)s) && (float)s > 0))
            return null;
        float[] values = Array.ConvertAll(arranged.Values, s => (float)s);
        if (Scales.Length == 1 && ZeroPoints.Length == 1)
            return new CompressedConstant(
                Integers, Array.ConvertAll(values, s => s * Scales[0]), [.. values.Select(_ => ZeroPoints[0])], arranged.Inner);
        if (values.Length == 1)
            return this with { Scales = Array.ConvertAll(Scales, s => s * values[0]) };
        return Scales.Length == values.Length && Inner == arranged.Inner
            ? this with { Scales = [.. Scales.Zip(values, (a, b) => a * b)] }
            : null;
    }

    /// <summary>The same elements under another shape.</summary>
    public CompressedConstant Reshaped(Shape shape) => this with { Integers = Integers.Reshaped(shape) };

    /// <summary>A matrix with rows and columns exchanged; null where it is none.</summary>
    public CompressedConstant? Transposed()
    {
        if (Integers.Rank != 2 || HasTransposedBlocks)
            return null;
        int? axis = AxisOf();
        if (axis is null && !HasBlocks)
            return null;
        (int rows, int columns) = (Integers.Shape[0], Integers.Shape[1]);
        ReadOnlySpan<byte> from = Integers.Bytes.Span;
        byte[] to = new byte[from.Length];
        for (int r = 0; r < rows; r++)
        {
            for (int c = 0; c < columns; c++)
                to[(c * rows) + r] = from[(r * columns) + c];
        }

        TensorData transposed = new TensorData(Integers.AsInt4().ElementType, [columns, rows], to).Packed().AsInt8();
        return axis is null
            ? this with { Integers = transposed, HasTransposedBlocks = true }
            : this with { Integers = transposed, Inner = axis == 0 ? 1 : rows };
    }

    /// <summary>
    /// The dimension to whose indices the scales belong; −1 where there is one scale, null where there is no such dimension.
    /// </summary>
    public int? AxisOf()
    {
        if (Scales.Length == 1)
            return -1;
        if (HasTransposedBlocks)
            return null;
        int inner = 1;
        for (int d = Integers.Rank - 1; d >= 0; d--)
        {
            if (Inner % inner == 0 && (long)Integers.Shape[d] * inner == (long)Scales.Length * Inner)
                return d;
            inner *= Integers.Shape[d];
        }

        return null;
    }

    // A matrix with a scale for each block of neighbours in a row.
    private bool HasBlocks => Integers.Rank == 2 && (long)Scales.Length * Inner == Integers.ElementCount
        && Inner > 1 && Inner < Integers.Shape[1] && Integers.Shape[1] % Inner == 0;

    /// <summary>Adds the constant with a DequantizeLinear to a graph, or as f32 where that operator cannot say it.</summary>
    public GraphValue AddTo(ModelGraph graph, string name)
    {
        if (IsPlain)
            return graph.AddConstant(name, ToReal());
        if (HasTransposedBlocks || (AxisOf() is null && HasBlocks))
            return AddBlocksTo(graph, name);
        if (AxisOf() is not { } axis)
            return graph.AddConstant(name, ToReal());
        int count = axis < 0 ? 1 : Integers.Shape[axis], repeat = count / Scales.Length;
        return AddTo(
            graph, name, [.. Enumerable.Range(0, count).Select(i => Scales[i / repeat])],
            [.. Enumerable.Range(0, count).Select(i => ZeroPoints[i / repeat])],
            axis < 0 ? [] : [count], axis < 0 ? null : new GraphAttributes { { "axis", axis } });
    }

    private GraphValue AddBlocksTo(ModelGraph graph, string name)
    {
        int inputs = Integers.Shape[HasTransposedBlocks ? 0 : 1], outputs = Integers.Shape[HasTransposedBlocks ? 1 : 0],
            blocks = inputs / Inner;
        T[] Arranged<T>(T[] values) => HasTransposedBlocks
            ? [.. from b in Enumerable.Range(0, blocks) from n in Enumerable.Range(0, outputs) select values[(n * blocks) + b]]
            : values;
        return AddTo(
            graph, name, Arranged(Scales), Arranged(ZeroPoints), HasTransposedBlocks ? [blocks, outputs] : [outputs, blocks],
            new GraphAttributes { { "axis", HasTransposedBlocks ? 0L : 1L }, { "block_size", (long)Inner } });
    }

    private GraphValue AddTo(ModelGraph graph, string name, float[] scales, int[] zeros, Shape shape, GraphAttributes? attributes)
    {
        GraphValue Constant(string role, TensorData content) => graph.AddConstant($"{name}:{role}", content);
        var operands = new List<GraphValue?> { Constant("integers", Integers), Constant("scale", TensorData.Create<float>(scales, shape)) };
        if (Array.Exists(zeros, z => z != 0))
            operands.Add(Constant("zero_point", TensorData.Create<int>(zeros, shape).ConvertTo(Integers.ElementType)));
        return graph.AddOperation("DequantizeLinear", name, [.. operands], attributes);
    }

    /// <summary>The real numbers.</summary>
    public TensorData ToReal()
    {
        int[] integers = Integers.ToInt32Array();
        TensorData result = TensorData.Allocate(DataType.Float32, Integers.Shape, out Span<float> target);
        for (int i = 0; i < target.Length; i++)
        {
            int channel = Scales.Length == 1 ? 0 : HasTransposedBlocks ? BlockOf(i) : i / Inner % Scales.Length;
            target[i] = (integers[i] - ZeroPoints[channel]) * Scales[channel];
        }

        return result;
    }

    private int BlockOf(int element)
    {
        (int k, int n) = Math.DivRem(element, Integers.Shape[1]);
        return ((n * Integers.Shape[0]) + k) / Inner;
    }

    // Parameters as a list whose entry i / inner % count belongs to element i: they differ along neighbouring dimensions only.
    private (double[] Values, int Inner)? Arrange(TensorData parameters) => Arrange(parameters, Integers.Shape);

    /// <summary>Parameters that are broadcast to a shape as a list, with the number of consecutive elements that share an entry.</summary>
    internal static (double[] Values, int Inner)? Arrange(TensorData parameters, Shape shape)
    {
        double[] values = parameters.ToDoubleArray();
        if (values.Length == 0 || parameters.Rank > shape.Rank)
            return null;
        if (values.Length == 1)
            return (values, (int)shape.ElementCount);
        int offset = shape.Rank - parameters.Rank, last = -1;
        for (int d = 0; d < parameters.Rank; d++)
        {
            int extent = parameters.Shape[d], full = shape[d + offset];
            if (extent != full && extent != 1)
                return null;
            if (extent == 1)
                continue;
            // Between two dimensions that vary, only extents of 1 may lie.
            for (int between = last + 1; last >= 0 && between < d; between++)
            {
                if (shape[between + offset] != 1)
                    return null;
            }

            last = d;
        }

        int inner = 1;
        for (int d = last + 1 + offset; d < shape.Rank; d++)
            inner *= shape[d];
        return (values, inner);
    }
}
