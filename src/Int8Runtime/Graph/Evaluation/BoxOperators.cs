// Operators on boxes of detectors: NonMaxSuppression, RoiAlign.
namespace Int8Runtime.Graph.Evaluation;

internal static class BoxOperators
{
    /// <summary>Triples (batch, class, box) of the boxes that stay: best score first in each class, without those that
    /// overlap a better one too much.</summary>
    public static TensorData NonMaxSuppression(NodeOperands operands)
    {
        TensorData boxes = HostEvaluator.Content(operands, 0), scores = HostEvaluator.Content(operands, 1);
        if (boxes.Rank != 3 || boxes.Shape[2] != 4 || scores.Rank != 3 || scores.Shape[0] != boxes.Shape[0]
            || scores.Shape[2] != boxes.Shape[1])
            throw operands.Defect($"boxes {boxes.Shape} and scores {scores.Shape} do not fit");
        int batches = scores.Shape[0], classes = scores.Shape[1], count = scores.Shape[2];
        long limit = (long)(operands.Scalar(2, "number of boxes") ?? 0);
        double overlap = operands.Scalar(3, "overlap threshold") ?? 0, least = operands.Scalar(4, "score threshold")
            ?? double.NegativeInfinity;
        bool isCentre = operands.Attributes.GetBoolean("center_point_box");
        float[] corners = boxes.ToSingleArray(), values = scores.ToSingleArray();
        var selected = new List<long>();
        var kept = new List<Box>();
        for (int batch = 0; batch < batches; batch++)
        {
            Box[] all = [.. Enumerable.Range(0, count).Select(i => Read(corners.AsSpan((batch * count + i) * 4, 4), isCentre))];
            for (int c = 0; c < classes; c++)
            {
                int first = (batch * classes + c) * count;
                kept.Clear();
                foreach (int i in Enumerable.Range(0, count).Where(i => values[first + i] > least)
                    .OrderByDescending(i => values[first + i]))
                {
                    if (kept.Count >= limit)
                        break;
                    if (kept.Exists(better => better.Overlap(all[i]) > overlap))
                        continue;
                    kept.Add(all[i]);
                    selected.AddRange([batch, c, i]);
                }
            }
        }

        return TensorData.Create<long>(selected.ToArray(), [selected.Count / 3, 3]);
    }

    /// <summary>Pools each region of interest to a grid; every cell takes bilinear samples at regular places. The mode <c>max</c> takes the
    /// largest product of a pixel and its weight.</summary>
    public static TensorData RoiAlign(NodeOperands operands)
    {
        bool isHalfPixel = operands.Attributes.GetString("coordinate_transformation_mode", "half_pixel") == "half_pixel";
        bool isMaximum = operands.Attributes.GetString("mode", "avg") == "max";
        return Align(operands, new Shapes.RoiAlignShape().Infer(operands)[0].Shape, isHalfPixel, isMaximum
            ? samples => samples.Count == 0 ? 0 : samples.Max(s => s.Largest)
            : samples => samples.Count == 0 ? 0 : samples.Sum(s => s.Sum) / samples.Count);
    }

    /// <summary>ROIAlign of OpenVINO with the mode <c>max</c>: the largest sample, or 0 where none is positive.</summary>
    public static TensorData RoiAlignOfSamples(NodeOperands operands) => Align(
        operands, new Shapes.RoiAlignShape("pooled_h", "pooled_w").Infer(operands)[0].Shape,
        operands.Attributes.GetString("aligned_mode", "asymmetric") == "half_pixel_for_nn",
        samples => samples.Aggregate(0.0, (most, s) => Math.Max(most, s.Sum)));

    private static TensorData Align(
        NodeOperands operands, Shape target, bool isHalfPixel, Func<List<(double Sum, double Largest)>, double> pool)
    {
        TensorData source = HostEvaluator.Content(operands, 0);
        float[] regions = HostEvaluator.Content(operands, 1).ToSingleArray();
        long[] batchOf = HostEvaluator.Content(operands, 2).ToInt64Array();
        double scale = operands.Attributes.GetSingle("spatial_scale", 1);
        int sampling = operands.Attributes.GetInt32("sampling_ratio");
        double[] values = source.ToDoubleArray(), result = new double[TensorData.CountElements(target)];
        int channels = source.Shape[1], height = source.Shape[2], width = source.Shape[3], rows = target[2], columns = target[3];
        var samples = new List<(double Sum, double Largest)>();
        for (int roi = 0; roi < target[0]; roi++)
        {
            double shift = isHalfPixel ? 0.5 : 0;
            double left = regions[roi * 4] * scale - shift, top = regions[roi * 4 + 1] * scale - shift;
            double wide = regions[roi * 4 + 2] * scale - shift - left, high = regions[roi * 4 + 3] * scale - shift - top;
            if (!isHalfPixel)
                (wide, high) = (Math.Max(wide, 1), Math.Max(high, 1));
            double cellHeight = high / rows, cellWidth = wide / columns;
            int samplesY = sampling > 0 ? sampling : (int)Math.Ceiling(Math.Max(cellHeight, 0)),
                samplesX = sampling > 0 ? sampling : (int)Math.Ceiling(Math.Max(cellWidth, 0));
            int batch = IndexingOperators.Index(operands, batchOf[roi], source.Shape[0]);
            for (int c = 0; c < channels; c++)
            {
                ReadOnlySpan<double> plane = values.AsSpan((batch * channels + c) * height * width, height * width);
                for (int cell = 0; cell < rows * columns; cell++)
                {
                    samples.Clear();
                    for (int s = 0; s < samplesY * samplesX; s++)
                    {
                        double y = top + (cell / columns + (s / samplesX + 0.5) / samplesY) * cellHeight;
                        double x = left + (cell % columns + (s % samplesX + 0.5) / samplesX) * cellWidth;
                        samples.Add(Bilinear(plane, height, width, y, x));
                    }

                    result[(roi * channels + c) * rows * columns + cell] = pool(samples);
                }
            }
        }

        return TensorData.Create<double>(result, target).ConvertTo(source.ElementType);
    }

    /// <summary>The sum of the four neighbours times their weights, and the largest of these products, which the mode <c>max</c>
    /// of RoiAlign takes.</summary>
    internal static (double Sum, double Largest) Bilinear(ReadOnlySpan<double> plane, int height, int width, double y, double x)
    {
        if (y < -1 || y > height || x < -1 || x > width)
            return (0, 0);
        (int top, int bottom, double down) = Neighbours(y, height);
        (int left, int right, double across) = Neighbours(x, width);
        double a = plane[top * width + left] * (1 - down) * (1 - across), b = plane[top * width + right] * (1 - down) * across;
        double c = plane[bottom * width + left] * down * (1 - across), d = plane[bottom * width + right] * down * across;
        return (a + b + c + d, Math.Max(Math.Max(a, b), Math.Max(c, d)));
    }

    private static (int Low, int High, double Fraction) Neighbours(double position, int extent)
    {
        position = Math.Max(position, 0);
        int low = (int)position;
        return low >= extent - 1 ? (extent - 1, extent - 1, 0) : (low, low + 1, position - low);
    }

    private static Box Read(ReadOnlySpan<float> numbers, bool isCentre) => isCentre
        ? new(numbers[0] - (numbers[2] / 2), numbers[1] - (numbers[3] / 2), numbers[0] + (numbers[2] / 2), numbers[1] + (numbers[3] / 2))
        : new(
            Math.Min(numbers[1], numbers[3]), Math.Min(numbers[0], numbers[2]), Math.Max(numbers[1], numbers[3]),
            Math.Max(numbers[0], numbers[2]));
}
