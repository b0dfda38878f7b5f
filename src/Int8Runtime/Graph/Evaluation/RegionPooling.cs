// Pooling of regions of interest: MaxRoiPool of ONNX, ROIPooling and PSROIPooling of OpenVINO.
using Int8Runtime.Graph.Shapes;

namespace Int8Runtime.Graph.Evaluation;

/// <summary>
/// Pools each region of a feature map to a grid of cells. A region is a row [image, left, top, right, bottom]; the image −1 ends the
/// list, as <c>Proposal</c> writes it, and what is pooled for the rest is 0. Positions are computed in f32, as the formats' references do.
/// </summary>
internal static class RegionPooling
{
    /// <summary>The largest value of each cell, whose borders are pixels: MaxRoiPool, and ROIPooling with the method <c>max</c>.
    /// Girshick, "Fast R-CNN", arXiv:1504.08083.</summary>
    public static TensorData Maximum(NodeOperands operands)
    {
        float scale = operands.Attributes.GetSingle("spatial_scale", 1);
        int Pixel(float corner) => (int)MathF.Round(corner * scale, MidpointRounding.AwayFromZero);
        return Pool(operands, new MaxRoiPoolShape().Infer(operands)[0].Shape, (map, region, cell) =>
        {
            (int top, int bottom) = Pixels(Pixel(region.Top), Pixel(region.Bottom), cell.Row, cell.Rows, map.Height);
            (int left, int right) = Pixels(Pixel(region.Left), Pixel(region.Right), cell.Column, cell.Columns, map.Width);
            ReadOnlySpan<double> plane = map.Plane(region.Image, cell.Channel);
            double most = bottom > top && right > left ? double.NegativeInfinity : 0;
            for (int y = top; y < bottom; y++)
            {
                for (int x = left; x < right; x++)
                    most = Math.Max(most, plane[y * map.Width + x]);
            }

            return most;
        });
    }

    /// <summary>One bilinear sample for each cell; corners are fractions of the map: ROIPooling with the method <c>bilinear</c>.</summary>
    public static TensorData Bilinear(NodeOperands operands) =>
        Pool(operands, new RoiPoolingShape().Infer(operands)[0].Shape, static (map, region, cell) =>
        {
            float y = Position(region.Top, region.Bottom, cell.Row, cell.Rows, map.Height);
            float x = Position(region.Left, region.Right, cell.Column, cell.Columns, map.Width);
            return y >= 0 && y <= map.Height - 1 && x >= 0 && x <= map.Width - 1 ? map.Sample(region.Image, cell.Channel, y, x) : 0;
        });

    /// <summary>
    /// Position-sensitive pooling: each cell, or each bin of a cell with the mode <c>bilinear</c>, reads channels of its own.
    /// Dai et al., "R-FCN", arXiv:1605.06409.
    /// </summary>
    public static TensorData PositionSensitive(NodeOperands operands)
    {
        Shape target = new PositionSensitivePoolingShape().Infer(operands)[0].Shape;
        float scale = operands.Attributes.GetSingle("spatial_scale", 1);
        if (!PositionSensitivePoolingShape.IsBilinear(operands))
            return Pool(operands, target, (map, region, cell) => Average(map, region, cell, scale));
        (int binsX, int binsY) = PositionSensitivePoolingShape.Bins(operands);
        return Pool(operands, target, (map, region, cell) =>
        {
            float left = region.Left * scale, top = region.Top * scale;
            float width = ((region.Right * scale) - left) / binsX, height = ((region.Bottom * scale) - top) / binsY;
            double sum = 0;
            for (int bin = 0; bin < binsX * binsY; bin++)
            {
                float binLeft = left + (bin % binsX * width), binTop = top + (bin / binsX * height);
                float x = Position(binLeft, binLeft + width, cell.Column, cell.Columns, map.Width, isEndExact: false);
                float y = Position(binTop, binTop + height, cell.Row, cell.Rows, map.Height, isEndExact: false);
                if (x >= 0 && x < map.Width && y >= 0 && y < map.Height)
                    sum += map.Sample(region.Image, (bin * target[1]) + cell.Channel, y, x);
            }

            return sum / (binsX * binsY);
        });
    }

    // The mean of the pixels that the cell touches; the right and lower corners belong to the region.
    private static double Average(FeatureMap map, Region region, Cell cell, float scale)
    {
        float First(float corner) => MathF.Round(corner, MidpointRounding.AwayFromZero) * scale;
        float Behind(float corner) => (MathF.Round(corner, MidpointRounding.AwayFromZero) + 1) * scale;
        (int top, int bottom) = Touched(First(region.Top), Behind(region.Bottom), cell.Row, cell.Rows, map.Height);
        (int left, int right) = Touched(First(region.Left), Behind(region.Right), cell.Column, cell.Columns, map.Width);
        ReadOnlySpan<double> plane = map.Plane(region.Image, (cell.Channel * cell.Rows + cell.Row) * cell.Columns + cell.Column);
        double sum = 0;
        for (int y = top; y < bottom; y++)
        {
            for (int x = left; x < right; x++)
                sum += plane[y * map.Width + x];
        }

        return bottom > top && right > left ? sum / ((double)(bottom - top) * (right - left)) : 0;
    }

    // The pixels of a cell of a region from one pixel to another; neighbouring cells may share one.
    private static (int From, int Until) Pixels(int first, int last, int cell, int cells, int extent)
    {
        float size = (float)Math.Max((long)last - first + 1, 1) / cells;
        return (Clamp(first + MathF.Floor(cell * size), extent), Clamp(first + MathF.Ceiling((cell + 1) * size), extent));
    }

    private static (int From, int Until) Touched(float first, float behind, int cell, int cells, int extent)
    {
        float size = (behind - first) / cells;
        return (Clamp(MathF.Floor(first + (cell * size)), extent), Clamp(MathF.Ceiling(first + ((cell + 1) * size)), extent));
    }

    private static int Clamp(double pixel, int extent) => (int)Math.Clamp(pixel, 0, extent);

    // Cells lie at equal distances with the first and the last one on the borders; a single one lies in the middle.
    private static float Position(float first, float last, int cell, int cells, int extent, bool isEndExact = true)
    {
        if (cells == 1)
            return (first + last) * (extent - 1) / 2;
        return isEndExact && cell == cells - 1
            ? last * (extent - 1)   // without the rounding error that would put it outside of the map
            : (cell * ((last - first) * (extent - 1) / (cells - 1))) + (first * (extent - 1));
    }

    private static TensorData Pool(NodeOperands operands, Shape target, Func<FeatureMap, Region, Cell, double> pool)
    {
        TensorData source = HostEvaluator.Content(operands, 0);
        var map = new FeatureMap(source.ToDoubleArray(), source.Shape[1], source.Shape[2], source.Shape[3]);
        float[] rows = HostEvaluator.Content(operands, 1).ToSingleArray();
        double[] result = new double[TensorData.CountElements(target)];
        for (int next = 0, roi = 0; roi < target[0] && rows[roi * 5] != -1; roi++)
        {
            if (!(rows[roi * 5] >= 0 && rows[roi * 5] < source.Shape[0]))
                throw operands.Defect($"region {roi} belongs to image {rows[roi * 5]} of {source.Shape[0]}");
            var region = new Region((int)rows[roi * 5], rows[roi * 5 + 1], rows[roi * 5 + 2], rows[roi * 5 + 3], rows[roi * 5 + 4]);
            for (int channel = 0; channel < target[1]; channel++)
            {
                for (int cell = 0; cell < target[2] * target[3]; cell++)
                    result[next++] = pool(map, region, new Cell(channel, cell / target[3], cell % target[3], target[2], target[3]));
            }
        }

        return TensorData.Create<double>(result, target).ConvertTo(source.ElementType);
    }

    private readonly record struct Region(int Image, float Left, float Top, float Right, float Bottom);

    private readonly record struct Cell(int Channel, int Row, int Column, int Rows, int Columns);

    private sealed record FeatureMap(double[] Values, int Channels, int Height, int Width)
    {
        public ReadOnlySpan<double> Plane(int image, int channel) =>
            Values.AsSpan((image * Channels + channel) * Height * Width, Height * Width);

        public double Sample(int image, int channel, float y, float x) =>
            BoxOperators.Bilinear(Plane(image, channel), Height, Width, y, x).Sum;
    }
}
