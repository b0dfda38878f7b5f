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
        if (Integers.Rank != 2 || AxisOf() is not { } axis)
            return null;
        (int rows, int columns) = (Integers.Shape[0], Integers.Shape[1]);
        ReadOnlySpan<byte> from = Integers.Bytes.Span;
        byte[] to = new byte[from.Length];
        for (int r = 0; r < rows; r++)
        {
            for (int c = 0; c < columns; c++)
                to[(c * rows) + r] = from[(r * columns) + c];
        }

        return this with { Integers = new TensorData(Integers.ElementType, [columns, rows], to), Inner = axis == 0 ? 1 : rows };
    }

    /// <summary>
    /// The dimension to whose indices the scales belong; −1 where there is one scale, null where there is no such dimension.
    /// </summary>
    public int? AxisOf()
    {
        if (Scales.Length == 1)
            return -1;
        int inner = 1;
        for (int d = Integers.Rank - 1; d >= 0; d--)
        {
            if (Inner % inner == 0 && (long)Integers.Shape[d] * inner == (long)Scales.Length * Inner)
                return d;
            inner *= Integers.Shape[d];
        }

        return null;
    }

    /// <summary>Adds the constant with a DequantizeLinear to a graph, or as f32 where that operator cannot say it.</summary>
    public GraphValue AddTo(ModelGraph graph, string name)
    {
        if (IsPlain || AxisOf() is not { } axis)
            return graph.AddConstant(name, ToReal());
        int count = axis < 0 ? 1 : Integers.Shape[axis], repeat = count / Scales.Length;
        float[] scales = [.. Enumerable.Range(0, count).Select(i => Scales[i / repeat])];
        int[] zeros = [.. Enumerable.Range(0, count).Select(i => ZeroPoints[i / repeat])];
        Shape shape = axis < 0 ? [] : [count];
        GraphValue Constant(string role, TensorData content) => graph.AddConstant($"{name}:{role}", content);
        var operands = new List<GraphValue?> { Constant("integers", Integers), Constant("scale", TensorData.Create<float>(scales, shape)) };
        if (Array.Exists(zeros, z => z != 0))
            operands.Add(Constant("zero_point", TensorData.Create<int>(zeros, shape).ConvertTo(Integers.ElementType)));
        return graph.AddOperation("DequantizeLinear", name, [.. operands], axis < 0 ? null : new GraphAttributes { { "axis", axis } });
    }

    /// <summary>The real numbers.</summary>
    public TensorData ToReal()
    {
        int[] integers = Integers.ToInt32Array();
        TensorData result = TensorData.Allocate(DataType.Float32, Integers.Shape, out Span<float> target);
        for (int i = 0; i < target.Length; i++)
        {
            int channel = Scales.Length == 1 ? 0 : i / Inner % Scales.Length;
            target[i] = (integers[i] - ZeroPoints[channel]) * Scales[channel];
        }

        return result;
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
