// Standard operators on pictures that are a few others: AffineGrid, Col2Im and MaxUnpool.
using Int8Runtime.Graph;
using Int8Runtime.Graph.Composition;

namespace Int8Runtime.Onnx.Import.Composed;

/// <summary>Compositions whose sizes may be computed: what follows from shapes alone folds to constants.</summary>
internal static class ImageCompositions
{
    /// <summary>
    /// Inputs theta [N, D, D + 1], size [N, C, …]: the points of GridSample that an affine map takes to those of the result, a product of
    /// the constant points (x, y, 1) and the transposed maps.
    /// </summary>
    public static void AffineGrid(NodeDraft node, ImportContext context)
    {
        GraphComposer compose = context.Composer(node);
        GraphValue theta = node.Input(0), size = node.Input(1);
        int dimensions = (size.Constant?.ElementCount ?? size.Shape?[0].Extent) - 2
            ?? (theta.Shape is { Rank: 3 } shape ? shape[1].Extent : null) ?? 0;
        if (dimensions is not (2 or 3))
            throw new UnsupportedModelException(
                $"{node.Subject}: the number of dimensions is not known to be 2 or 3. Export the model with shapes.");
        GraphValue extents = compose.Operation(
            "Slice", "extents", [size, compose.Integers("start", 2), compose.Integers("end", long.MaxValue), compose.Integers("axis", 0)]);
        GraphValue one = compose.Integers("one", 1), pixels = compose.Concat("pixels", [extents, one]);
        var parts = new List<GraphValue>();
        for (int d = dimensions - 1; d >= 0; d--)
        {
            long[] across = [.. Enumerable.Range(0, dimensions + 1).Select(i => i == d ? -1L : 1)];
            parts.Add(compose.Operation("Expand", "coordinate", [compose.Reshape("coordinate", Coordinates(d), across), pixels]));
        }

        parts.Add(compose.Operation("Expand", "ones", [compose.Scalar("real_one", 1f), pixels]));
        GraphValue points = compose.Reshape("points", compose.Concat("points", [.. parts], -1), -1, dimensions + 1);
        GraphValue mapped = compose.Operation("MatMul", "mapped", [points, compose.Transpose("maps", theta, 0, 2, 1)]);
        compose.Result(0, "Reshape", "grid",
            [mapped, compose.Concat("shape", [compose.Extents(theta, 0), extents, compose.Integers("dimensions", dimensions)])]);

        // (2i − (L − 1)) / (L − 1) from the first centre to the last, or / L from border to border.
        GraphValue Coordinates(int d)
        {
            GraphValue extent = compose.Operation("Gather", "extent", [extents, compose.Scalar("index", (long)d)]);
            GraphValue unit = compose.Scalar("unit", 1L);
            GraphValue last = compose.Operation("Sub", "last", [extent, unit]);
            GraphValue twice = compose.Operation(
                "Mul", "twice", [compose.Range(compose.Scalar("zero", 0L), extent), compose.Scalar("two", 2L)]);
            GraphValue divisor = node.Attributes.GetBoolean("align_corners") ? compose.Operation("Max", "divisor", [last, unit]) : extent;
            return compose.Operation("Div", "coordinates", [Real(compose.Operation("Sub", "centred", [twice, last])), Real(divisor)]);
        }

        GraphValue Real(GraphValue integers) => compose.Operation(
            "Cast", "real", [integers], new GraphAttributes { { "to", ElementTypeCodes.ToCode(DataType.Float32) } });
    }

    /// <summary>
    /// Inputs columns [N, C·K, L], image_shape, block_shape: the sum of blocks of K elements at L places, which is a deconvolution of
    /// every channel by K filters that hold a single 1.
    /// </summary>
    public static void Col2Im(NodeDraft node, ImportContext context)
    {
        GraphComposer compose = context.Composer(node);
        GraphValue columns = node.Input(0), image = node.Input(1), block = node.Input(2);
        int dimensions = image.Constant?.ElementCount ?? image.Shape?[0].Extent
            ?? block.Constant?.ElementCount ?? block.Shape?[0].Extent ?? 0;
        if (dimensions is < 1 or > 3)
            throw new UnsupportedModelException(
                $"{node.Subject}: the number of dimensions is not known to be 1 to 3. Export the model with constant sizes.");
        long[] strides = node.Attributes.GetIntegers("strides") ?? Ones(), dilations = node.Attributes.GetIntegers("dilations") ?? Ones();
        long[] pads = node.Attributes.GetIntegers("pads") ?? new long[2 * dimensions];
        if (strides.Length != dimensions || dilations.Length != dimensions || pads.Length != 2 * dimensions)
            throw new ModelFormatException($"{node.Subject}: strides, dilations or pads do not fit {dimensions} dimensions.");

        // The number of places in each dimension: (image + pads − (dilation·(block − 1) + 1)) / stride + 1.
        GraphValue one = compose.Integers("one", 1);
        GraphValue padding = compose.Integers("padding", [.. pads[..dimensions].Zip(pads[dimensions..], (a, b) => a + b)]);
        GraphValue covered = Add(Multiply(Subtract(block, one), compose.Integers("dilations", dilations)), one);
        GraphValue room = Subtract(Add(image, padding), covered), step = compose.Integers("strides", strides);
        GraphValue places = Add(compose.Operation("Div", "steps", [room, step]), one);

        // Channels become images of a batch, so that all of them meet the same filters.
        GraphValue taps = compose.Operation("ReduceProd", "taps", [block, compose.Integers("first", 0)]);
        GraphValue rest = compose.Integers("rest", -1);
        GraphValue square = compose.Operation("ConstantOfShape", "square", [compose.Concat("square", [taps, taps])],
            new GraphAttributes { { "value", TensorData.Vector(0f) } });
        GraphValue filters = compose.Operation("Reshape", "filters",
            [compose.Operation("EyeLike", "identity", [square]), compose.Concat("shape", [taps, one, block])]);
        GraphValue source = compose.Operation("Reshape", "blocks", [columns, compose.Concat("shape", [rest, taps, places])]);
        GraphValue sums = compose.Operation("ConvTranspose", "sums", [source, filters], new GraphAttributes
        {
            { "strides", strides }, { "dilations", dilations }, { "pads", (long[])[.. pads[..dimensions], .. new long[dimensions]] },
        });

        // Blocks may reach into the padding at the end, or, where a division leaves a rest, not to the end of the image.
        sums = compose.Operation("Slice", "inside", [sums, compose.Integers("start", new long[dimensions]), image,
            compose.Integers("axes", [.. Enumerable.Range(2, dimensions).Select(d => (long)d)])]);
        GraphValue missing = Subtract(image, compose.Extents(sums, 2, dimensions));
        GraphValue borders = compose.Concat(
            "pads", [compose.Integers("before", new long[dimensions + 2]), compose.Integers("none", 0, 0), missing]);
        GraphValue whole = compose.Operation("Pad", "whole", [sums, borders]);
        GraphValue channels = compose.Operation("Div", "channels", [compose.Extents(columns, 1), taps]);
        compose.Result(0, "Reshape", "image", [whole, compose.Concat("shape", [compose.Extents(columns, 0), channels, image])]);

        long[] Ones() => [.. Enumerable.Repeat(1L, dimensions)];
        GraphValue Add(GraphValue left, GraphValue right) => compose.Operation("Add", "sum", [left, right]);
        GraphValue Subtract(GraphValue left, GraphValue right) => compose.Operation("Sub", "difference", [left, right]);
        GraphValue Multiply(GraphValue left, GraphValue right) => compose.Operation("Mul", "product", [left, right]);
    }

    /// <summary>
    /// Inputs X, I, [output_shape]: elements go to the places that I names in the flattened result of the unpooled shape; a larger output
    /// shape adds zeros at the end of each dimension.
    /// </summary>
    public static void MaxUnpool(NodeDraft node, ImportContext context)
    {
        GraphComposer compose = context.Composer(node);
        GraphValue source = node.Input(0), places = node.Input(1);
        long[] kernel = node.Attributes.GetIntegers("kernel_shape")
            ?? throw new ModelFormatException($"{node.Subject} has no kernel_shape.");
        long[] strides = node.Attributes.GetIntegers("strides") ?? [.. kernel.Select(_ => 1L)];
        long[] pads = node.Attributes.GetIntegers("pads") ?? new long[2 * kernel.Length];
        if (strides.Length != kernel.Length || pads.Length != 2 * kernel.Length)
            throw new ModelFormatException($"{node.Subject}: strides or pads do not fit {kernel.Length} dimensions.");

        // (extent − 1)·stride + kernel − pads
        GraphValue rest = compose.Integers("rest", -1);
        GraphValue spatial = compose.Operation("Add", "spatial",
        [
            compose.Operation("Mul", "steps", [compose.Extents(source, 2, kernel.Length), compose.Integers("strides", strides)]),
            compose.Integers("window", [.. kernel.Select((k, d) => k - strides[d] - pads[d] - pads[d + kernel.Length])]),
        ]);
        GraphValue shape = compose.Concat("shape", [compose.Extents(source, 0, 2), spatial]);
        GraphValue empty = compose.Operation("ConstantOfShape", "empty",
            [compose.Operation("ReduceProd", "count", [shape, compose.Integers("first", 0)])],
            new GraphAttributes { { "value", TensorData.Vector(0f) } });
        GraphValue scattered = compose.Operation("ScatterElements", "scattered",
            [empty, compose.Operation("Reshape", "places", [places, rest]), compose.Operation("Reshape", "elements", [source, rest])],
            new GraphAttributes { { "axis", 0 } });
        if (node.OptionalInput(2) is not { } target)
        {
            compose.Result(0, "Reshape", "unpooled", [scattered, shape]);
            return;
        }

        GraphValue unpooled = compose.Operation("Reshape", "unpooled", [scattered, shape]);
        GraphValue before = compose.Integers("before", new long[kernel.Length + 2]);
        compose.Result(0, "Pad", "padded",
            [unpooled, compose.Concat("pads", [before, compose.Operation("Sub", "missing", [target, shape])])]);
    }
}
