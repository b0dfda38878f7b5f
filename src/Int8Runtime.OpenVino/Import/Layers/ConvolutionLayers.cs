// Convolutions and matrix products.
using Int8Runtime.Graph;

namespace Int8Runtime.OpenVino.Import.Layers;

internal static class ConvolutionLayers
{
    public static void Convolution(LayerContext layer) =>
        layer.Emit("Conv", [layer.Input(0), layer.Input(1)], Window(layer));

    /// <summary>Weights [group, outputs, inputs, taps…] become [group·outputs, inputs, taps…].</summary>
    public static void GroupConvolution(LayerContext layer)
    {
        (GraphValue weights, long groups) = UngroupedWeights(layer);
        GraphAttributes attributes = Window(layer);
        attributes.Add("group", groups);
        layer.Emit("Conv", [layer.Input(0), weights], attributes);
    }

    public static void Transposed(LayerContext layer) => EmitTransposed(layer, layer.Input(1), 1);

    /// <summary>Weights [group, inputs, outputs, taps…] become [group·inputs, outputs, taps…].</summary>
    public static void GroupTransposed(LayerContext layer)
    {
        (GraphValue weights, long groups) = UngroupedWeights(layer);
        EmitTransposed(layer, weights, groups);
    }

    /// <summary>A fully connected layer over a matrix is a Gemm, so that its weights need not be transposed.</summary>
    public static void MatMul(LayerContext layer)
    {
        bool transposeLeft = layer.Boolean("transpose_a", false), transposeRight = layer.Boolean("transpose_b", false);
        int leftRank = layer.Rank(0), rightRank = layer.Rank(1);
        GraphValue left = layer.Input(0);
        if (transposeRight && leftRank == 2 && rightRank == 2)
        {
            layer.Emit("Gemm", [left, layer.Input(1)], new GraphAttributes { { "transA", transposeLeft }, { "transB", true } });
            return;
        }

        // A vector is not transposed.
        if (transposeLeft && leftRank > 1)
            left = layer.Step("Transpose", [left], LastTwoSwapped(leftRank));
        GraphValue right = transposeRight && rightRank > 1
            ? layer.Compressed(1)?.Transposed()?.AddTo(layer.Graph, layer.Layer.Name + ":weights")
                ?? layer.Step("Transpose", [layer.Input(1)], LastTwoSwapped(rightRank))
            : layer.Input(1);
        layer.Emit("MatMul", [left, right]);
    }

    /// <summary>Strides, dilations and padding of a window.</summary>
    public static GraphAttributes Window(LayerContext layer)
    {
        int spatial = layer.Rank(0) - 2;
        long[] ones = [.. Enumerable.Repeat(1L, spatial)];
        var attributes = new GraphAttributes
        {
            { "strides", layer.Integers("strides", ones) }, { "dilations", layer.Integers("dilations", ones) },
        };
        AddPadding(layer, attributes, spatial);
        return attributes;
    }

    /// <summary>Explicit or automatic padding; explicit one is ignored where padding is automatic.</summary>
    public static void AddPadding(LayerContext layer, GraphAttributes attributes, int spatial)
    {
        switch (layer.Text("auto_pad", "explicit").ToLowerInvariant())
        {
            case "explicit" or "notset" or "":
                long[] zeros = new long[spatial], begin = layer.Integers("pads_begin", zeros), end = layer.Integers("pads_end", zeros);
                if (Array.Exists((long[])[.. begin, .. end], p => p < 0))
                    throw layer.Unsupported("has negative padding");
                attributes.Add("pads", (long[])[.. begin, .. end]);
                break;
            case "same_upper":
                attributes.Add("auto_pad", "SAME_UPPER");
                break;
            case "same_lower":
                attributes.Add("auto_pad", "SAME_LOWER");
                break;
            case "valid":
                attributes.Add("auto_pad", "VALID");
                break;
            default:
                throw layer.Unsupported($"has the padding '{layer.Text("auto_pad")}'");
        }
    }

    private static void EmitTransposed(LayerContext layer, GraphValue weights, long groups)
    {
        GraphAttributes attributes = Window(layer);
        attributes.Add("group", groups);
        if (layer.InputCount > 2)
            attributes.Add("output_shape", layer.KnownConstant(2, "output extents").ToInt64Array());
        else if (layer.Has("output_padding"))
            attributes.Add("output_padding", layer.Integers("output_padding"));
        layer.Emit("ConvTranspose", [layer.Input(0), weights], attributes);
    }

    private static (GraphValue Weights, long Groups) UngroupedWeights(LayerContext layer)
    {
        IReadOnlyList<long> stated = layer.Dimensions(1);
        if (stated.Count < 4 || stated.Any(d => d < 1))
            throw layer.Defect($"weights of {stated.Count} dimensions have no groups");
        long[] target = [stated[0] * stated[1], .. stated.Skip(2)];
        if (layer.Compressed(1) is { } compressed)
            return (compressed.Reshaped(Array.ConvertAll(target, d => (int)d)).AddTo(layer.Graph, layer.Layer.Name + ":weights"),
                stated[0]);
        if (layer.Constant(1) is { } constant)
            return (layer.AddConstant("weights", constant.Reshaped(Array.ConvertAll(target, d => (int)d))), stated[0]);
        return (layer.Step("Reshape", [layer.Input(1), layer.AddIntegers("shape", target)]), stated[0]);
    }

    private static GraphAttributes LastTwoSwapped(int rank) =>
        new() { { "perm", (long[])[.. Enumerable.Range(0, rank - 2), rank - 1, rank - 2] } };
}
