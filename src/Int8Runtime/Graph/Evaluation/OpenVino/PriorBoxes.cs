// PriorBox and PriorBoxClustered: the boxes from which the detectors of the SSD family start.
using Int8Runtime.Graph.Shapes;

namespace Int8Runtime.Graph.Evaluation.OpenVino;

/// <summary>Boxes relative to the image in the first row of the result, variances in the second.</summary>
internal static class PriorBoxes
{
    /// <summary>Operands: extents of the grid and of the image, [height, width] each. The sizes are in the attributes.</summary>
    public static TensorData Clustered(NodeOperands operands)
    {
        var grid = new Grid(operands);
        GraphAttributes attributes = operands.Attributes;
        (float[] widths, float[] heights) = ClusterSizes(operands);
        float step = attributes.GetSingle("step"), stepWidth = attributes.GetSingle("step_w", step),
            stepHeight = attributes.GetSingle("step_h", step);
        if (stepWidth == 0 && stepHeight == 0)
            (stepWidth, stepHeight) = step == 0
                ? ((float)grid.ImageWidth / grid.Width, (float)grid.ImageHeight / grid.Height) : (step, step);
        float offset = attributes.GetSingle("offset");
        var boxes = new BoxList(operands, grid, widths.Length, clipsByDefault: true);
        for (int h = 0; h < grid.Height; h++)
        {
            for (int w = 0; w < grid.Width; w++)
            {
                for (int s = 0; s < widths.Length; s++)
                    boxes.Add((w + offset) * stepWidth, (h + offset) * stepHeight, widths[s], heights[s]);
            }
        }

        return boxes.Finish();
    }

    /// <summary>Operands: extents of the grid and of the image, [height, width] each. Sizes and ratios are in the attributes.</summary>
    /// <exception cref="UnsupportedModelException">The boxes have fixed sizes with densities.</exception>
    public static TensorData Regular(NodeOperands operands)
    {
        var grid = new Grid(operands);
        GraphAttributes attributes = operands.Attributes;
        Sizes sizes = Sizes.Of(operands);
        float step = attributes.GetSingle("step"), offset = attributes.GetSingle("offset");
        var boxes = new BoxList(operands, grid, sizes.Count, clipsByDefault: false);
        for (int h = 0; h < grid.Height; h++)
        {
            for (int w = 0; w < grid.Width; w++)
            {
                float x = step == 0 ? (w + 0.5f) * grid.ImageWidth / grid.Width : (w + offset) * step;
                float y = step == 0 ? (h + 0.5f) * grid.ImageHeight / grid.Height : (h + offset) * step;
                foreach ((float width, float height) in sizes.Boxes)
                    boxes.Add(x, y, width, height);
            }
        }

        return boxes.Finish();
    }

    internal static (float[] Widths, float[] Heights) ClusterSizes(NodeOperands operands)
    {
        float[] widths = operands.Attributes.GetSingles("width") ?? [1], heights = operands.Attributes.GetSingles("height") ?? [1];
        return widths.Length == heights.Length && widths.Length > 0
            ? (widths, heights)
            : throw operands.Defect($"there are {widths.Length} widths and {heights.Length} heights");
    }

    internal sealed record Sizes(IReadOnlyList<(float Width, float Height)> Boxes)
    {
        public int Count => Boxes.Count;

        public static Sizes Of(NodeOperands operands)
        {
            GraphAttributes attributes = operands.Attributes;
            float[] List(string name) => attributes.GetSingles(name) ?? [];
            if (List("fixed_size").Length > 0 || List("density").Length > 0 || List("fixed_ratio").Length > 0)
            {
                throw new UnsupportedModelException(
                    $"{operands.Node} has boxes of fixed sizes and densities, which are not supported. Convert the model with min_size and "
                    + "aspect_ratio.");
            }

            float[] least = List("min_size"), most = List("max_size");
            bool usesMost = attributes.GetBoolean("scale_all_sizes", true),
                mostFirst = attributes.GetBoolean("min_max_aspect_ratios_order", true);

            // Each ratio once, 1 first; flipped ones follow theirs.
            var ratios = new List<float> { 1 };
            foreach (float ratio in List("aspect_ratio"))
            {
                foreach (float candidate in attributes.GetBoolean("flip") ? (float[])[ratio, 1 / ratio] : [ratio])
                {
                    if (ratios.TrueForAll(r => MathF.Abs(r - candidate) >= 1e-6f))
                        ratios.Add(candidate);
                }
            }

            var boxes = new List<(float, float)>();
            if (!usesMost)
            {
                foreach (float ratio in ratios)
                    boxes.AddRange(least.Select(size => (size * MathF.Sqrt(ratio), size / MathF.Sqrt(ratio))));
                return new Sizes(boxes);
            }

            for (int i = 0; i < least.Length; i++)
            {
                boxes.Add((least[i], least[i]));
                (float, float)[] square = i < most.Length ? [(MathF.Sqrt(least[i] * most[i]), MathF.Sqrt(least[i] * most[i]))] : [];
                if (mostFirst)
                    boxes.AddRange(square);
                boxes.AddRange(ratios.Skip(1).Select(ratio => (least[i] * MathF.Sqrt(ratio), least[i] / MathF.Sqrt(ratio))));
                if (!mostFirst)
                    boxes.AddRange(square);
            }

            return new Sizes(boxes);
        }
    }

    internal sealed class Grid
    {
        public Grid(NodeOperands operands)
        {
            (Height, Width) = Pair(operands, 0, "extents of the grid");
            (ImageHeight, ImageWidth) = Pair(operands, 1, "extents of the image");
        }

        public int Height { get; }

        public int Width { get; }

        public int ImageHeight { get; }

        public int ImageWidth { get; }

        private static (int, int) Pair(NodeOperands operands, int index, string role) =>
            operands.Integers(index, role) is [var height, var width]
            ? (operands.Extent(height), operands.Extent(width))
            : throw operands.Defect($"the {role} must be two numbers");
    }

    private sealed class BoxList
    {
        private readonly Grid _grid;
        private readonly float[] _variances;
        private readonly float[] _values;
        private readonly bool _clips;
        private int _next;

        public BoxList(NodeOperands operands, Grid grid, int boxesPerCell, bool clipsByDefault)
        {
            _grid = grid;
            _clips = operands.Attributes.GetBoolean("clip", clipsByDefault);
            float[] variances = operands.Attributes.GetSingles("variance") ?? [];
            _variances = variances.Length switch
            {
                0 => [0.1f, 0.1f, 0.1f, 0.1f],
                1 => [variances[0], variances[0], variances[0], variances[0]],
                4 => variances,
                _ => throw operands.Defect($"there are {variances.Length} variances instead of 1 or 4"),
            };
            _values = new float[2 * TensorData.CountElements([4, grid.Height, grid.Width, boxesPerCell])];
        }

        public void Add(float x, float y, float width, float height)
        {
            ReadOnlySpan<float> box =
            [
                (x - (width / 2)) / _grid.ImageWidth, (y - (height / 2)) / _grid.ImageHeight,
                (x + (width / 2)) / _grid.ImageWidth, (y + (height / 2)) / _grid.ImageHeight,
            ];
            for (int i = 0; i < 4; i++)
            {
                _values[_next] = _clips ? Math.Clamp(box[i], 0, 1) : box[i];
                _values[(_values.Length / 2) + _next++] = _variances[i];
            }
        }

        public TensorData Finish() => TensorData.Create<float>(_values, [2, _values.Length / 2]);
    }
}

/// <summary>[2, 4 · cells · boxes of a cell].</summary>
internal sealed class PriorBoxShape(bool isClustered) : IOperatorShape
{
    public TensorType[] Infer(NodeOperands operands)
    {
        var grid = new PriorBoxes.Grid(operands);
        int boxes = isClustered ? PriorBoxes.ClusterSizes(operands).Widths.Length : PriorBoxes.Sizes.Of(operands).Count;
        return [new TensorType(DataType.Float32, [2, operands.Extent(4L * grid.Height * grid.Width * boxes)])];
    }
}
