// Which elements a point of a grid is a mixture of, and GridSample in plain C#.
namespace Int8Runtime.Graph.Evaluation;

/// <summary>
/// Finds the elements around a point. Coordinates are computed in f32, as the operator defines them: nearest rounds ties to even; a
/// point outside is clamped or mirrored first, then each element around it.
/// </summary>
internal sealed class GridTaps(GridSampleView view)
{
    /// <summary>The largest number of elements: four in each of three dimensions.</summary>
    public const int Most = 64;

    private const int MostAlong = 4;

    /// <summary>Finds the elements that a point is a mixture of; those outside of the source that count as 0 are left out.</summary>
    /// <param name="point">The coordinates, those of the last dimension first.</param>
    /// <param name="pixels">Receives the places of the elements among those of a channel.</param>
    /// <param name="weights">Receives their weights.</param>
    /// <returns>The number of elements.</returns>
    public int Find(ReadOnlySpan<float> point, Span<int> pixels, Span<float> weights)
    {
        Span<int> places = stackalloc int[MostAlong];
        Span<float> shares = stackalloc float[MostAlong];
        (pixels[0], weights[0]) = (0, 1);
        int count = 1;
        for (int d = 0; d < view.Dimensions; d++)
        {
            int extent = view.Source[2 + d], along = Along(point[^(d + 1)], extent, places, shares);

            // Every element so far becomes `along` elements, from the last one on so that none is overwritten before it is read.
            for (int i = count - 1; i >= 0; i--)
            {
                (int pixel, float weight) = (pixels[i], weights[i]);
                for (int k = 0; k < along; k++)
                    (pixels[(i * along) + k], weights[(i * along) + k]) = ((pixel * extent) + places[k], weight * shares[k]);
            }

            count *= along;
        }

        return count;
    }

    // The same in one dimension.
    private int Along(float coordinate, int extent, Span<int> places, Span<float> shares)
    {
        (float least, float most) = view.AlignsCorners ? (0, extent - 1) : (-0.5f, extent - 0.5f);
        float x = view.AlignsCorners ? (coordinate + 1) / 2 * (extent - 1) : (((coordinate + 1) * extent) - 1) / 2;
        if (view.Interpolation == GridInterpolation.Nearest)
            x = MathF.Round(x, MidpointRounding.ToEven);
        if (x < least || x > most)
            x = view.Padding switch
            {
                GridPadding.Border => Math.Clamp(x, 0, extent - 1),
                GridPadding.Reflection => Reflected(x, least, most),
                _ => x,
            };

        float low = MathF.Floor(x), t = x - low;
        int count = 0;
        switch (view.Interpolation)
        {
            case GridInterpolation.Nearest:
                Add(x, 1, places, shares);
                break;
            case GridInterpolation.Linear:
                Add(low, 1 - t, places, shares);
                Add(low + 1, t, places, shares);
                break;
            default:
                Add(low - 1, Outer(1 + t), places, shares);
                Add(low, Inner(t), places, shares);
                Add(low + 1, Inner(1 - t), places, shares);
                Add(low + 2, Outer(2 - t), places, shares);
                break;
        }

        return count;

        void Add(float index, float share, Span<int> places, Span<float> shares)
        {
            if (view.Padding == GridPadding.Reflection)
                index = Reflected(index, least, most);
            else if (view.Padding == GridPadding.Zeros && !(index >= 0 && index < extent))
                return;
            places[count] = (int)Math.Clamp(index, 0, extent - 1);   // 0 for NaN
            shares[count++] = share;
        }
    }

    // Keys' convolution kernel at distances up to 1 and up to 2.
    private static float Inner(float x) => (((1.25f * x) - 2.25f) * x * x) + 1;

    private static float Outer(float x) => (((((-0.75f * x) + 3.75f) * x) - 6) * x) + 3;

    private static float Reflected(float x, float least, float most)
    {
        float range = most - least, beyond = x < least ? least - x : x - most;
        if (range <= 0)
            return least;
        if (!(beyond > 0))
            return x;
        float turns = MathF.Truncate(beyond / range), rest = beyond - (turns * range);
        bool fromLeast = x < least == (turns % 2 == 0);
        return fromLeast ? least + rest : most - rest;
    }
}

/// <summary>GridSample in plain C#.</summary>
internal static class GridSampling
{
    /// <summary>The source at the points of the grid, for elements of any type.</summary>
    public static TensorData Sample(NodeOperands operands)
    {
        TensorData source = HostEvaluator.Content(operands, 0);
        GridSampleView view = GridSampleView.Of(operands);
        float[] grid = HostEvaluator.Content(operands, 1).ToSingleArray();
        double[] values = source.ToDoubleArray(), result = new double[TensorData.CountElements(view.Output)];
        var taps = new GridTaps(view);
        int plane = TensorData.CountElements(view.Source[2..]), points = TensorData.CountElements(view.Output[2..]);
        int channels = view.Source[1];
        int[] pixels = new int[GridTaps.Most];
        float[] weights = new float[GridTaps.Most];
        for (int i = 0; i < view.Source[0] * points; i++)
        {
            (int image, int point) = Math.DivRem(i, points);
            int count = taps.Find(grid.AsSpan(i * view.Dimensions, view.Dimensions), pixels, weights);
            for (int c = image * channels; c < (image + 1) * channels; c++)
            {
                double sum = 0;
                for (int t = 0; t < count; t++)
                    sum += weights[t] * values[(c * plane) + pixels[t]];
                result[(c * points) + point] = sum;
            }
        }

        if (!source.ElementType.IsFloatingPoint())
            result = Array.ConvertAll(result, v => Math.Round(v, MidpointRounding.ToEven));
        return TensorData.Create<double>(result, view.Output).ConvertTo(source.ElementType);
    }
}
