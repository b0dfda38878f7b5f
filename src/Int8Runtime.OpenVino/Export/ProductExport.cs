// Convolutions, matrix products, poolings and normalizations as layers.
using Int8Runtime.Graph;

namespace Int8Runtime.OpenVino.Export;

internal static class ProductExport
{
    public static void Register(Dictionary<string, NodeExporter> table)
    {
        table.Add("Conv", Convolution);
        table.Add("ConvTranspose", Transposed);
        table.Add("MatMul", static node => node.Emit("MatMul", 1, [node.Input(0), node.Input(1)]));
        table.Add("Gemm", Gemm);
        table.Add("MaxPool", static node =>
        {
            bool isDilated = node.Attributes.GetIntegers("dilations")?.Any(d => d != 1) ?? false;
            if (node.Node.Outputs.Count > 1 && node.Node.Outputs[1].Uses.Count > 0)
                throw node.Unsupported("delivers indices");
            if (isDilated)
                throw node.Unsupported("has dilations");
            Pool(node, "MaxPool");
        });
        table.Add("AveragePool", static node => Pool(node, "AvgPool", ("exclude-pad", !node.Attributes.GetBoolean("count_include_pad"))));
        table.Add("BatchNormalization", static node => node.Emit(
            "BatchNormInference", 5, [.. Enumerable.Range(0, 5).Select(node.Input)],
            ("epsilon", node.Attributes.GetSingle("epsilon", 1e-5f))));
        table.Add("LRN", static node => node.Emit("LRN", 1, [node.Input(0), node.Integers("axes", 1)],
            ("alpha", node.Attributes.GetSingle("alpha", 1e-4f)), ("beta", node.Attributes.GetSingle("beta", 0.75f)),
            ("bias", node.Attributes.GetSingle("bias", 1)), ("size", node.Attributes.GetInteger("size"))));
        table.Add("LayerNormalization", LayerNormalization);
        table.Add("InstanceNormalization", static node =>
        {
            IrValue centred = Mvn(node, [.. Enumerable.Range(2, node.Rank(0) - 2)]);
            Affine(node, centred, node.PerChannel(node.Input(1), node.Rank(0)), node.PerChannel(node.Input(2), node.Rank(0)));
        });
        table.Add("GroupNormalization", static node => node.Emit("GroupNormalization", 12, node.AllInputs(),
            ("num_groups", node.Attributes.GetInteger("num_groups")), ("epsilon", node.Attributes.GetSingle("epsilon", 1e-5f))));
    }

    private static void Convolution(NodeContext node)
    {
        long groups = node.Attributes.GetInteger("group", 1);
        long[] stored = node.Extents(1);
        IrValue weights = Weights(node, groups == 1 ? stored : [groups, stored[0] / groups, .. stored.Skip(1)]);
        WithBias(node, groups == 1 ? "Convolution" : "GroupConvolution", [node.Input(0), weights], Window(node));
    }

    private static void Transposed(NodeContext node)
    {
        long groups = node.Attributes.GetInteger("group", 1);
        long[] stored = node.Extents(1);
        IrValue weights = Weights(node, groups == 1 ? stored : [groups, stored[0] / groups, .. stored.Skip(1)]);
        var operands = new List<IrValue> { node.Input(0), weights };
        List<(string, object)> attributes = [.. Window(node)];
        if (node.Attributes.GetIntegers("output_shape") is { } shape)
            operands.Add(node.Integers("output_shape", shape));
        else
            attributes.Add(("output_padding", node.Attributes.GetIntegers("output_padding") ?? new long[stored.Length - 2]));
        WithBias(node, groups == 1 ? "ConvolutionBackpropData" : "GroupConvolutionBackpropData", operands, [.. attributes]);
    }

    // A bias of channels is an addition of its own.
    private static void WithBias(NodeContext node, string type, IReadOnlyList<IrValue> operands, (string, object)[] attributes)
    {
        if (!node.Has(2))
        {
            node.Emit(type, 1, operands, attributes);
            return;
        }

        IrValue product = node.Step(type, 1, operands, node.ResultType(), attributes);
        node.Emit("Add", 1, [product, node.PerChannel(node.Input(2), node.Rank(0))]);
    }

    private static IrValue Weights(NodeContext node, long[] shape) =>
        shape.Length != node.Rank(1) && node.Node.Input(1).Producer is { } producer && QuantizedValues.IsPartOfConstant(producer)
            && CanSplit(producer)
            ? QuantizedValues.WriteConstant(node.Model, producer, shape)
            : node.Reshaped(node.Input(1), shape);

    // Scales of the first dimension can be divided among two.
    private static bool CanSplit(GraphNode dequantize)
    {
        long axis = dequantize.Attributes.GetInteger("axis", 1);
        return dequantize.ConstantInput(1) is { } scales
            && (scales.ElementCount == 1 || axis == 0 || axis == -dequantize.ConstantInput(0)!.Rank);
    }

    private static (string, object)[] Window(NodeContext node)
    {
        int spatial = node.Rank(0) - 2;
        long[] ones = [.. Enumerable.Repeat(1L, spatial)];
        return
        [
            ("strides", node.Attributes.GetIntegers("strides") ?? ones), ("dilations", node.Attributes.GetIntegers("dilations") ?? ones),
            .. Padding(node, spatial),
        ];
    }

    private static (string, object)[] Padding(NodeContext node, int spatial)
    {
        long[] pads = node.Attributes.GetIntegers("pads") is { Length: > 0 } stated ? stated : new long[2 * spatial];
        string automatic = node.Attributes.GetString("auto_pad", "NOTSET");
        (string, object)[] given = [("pads_begin", pads[..spatial]), ("pads_end", pads[spatial..])];
        return automatic is "NOTSET" or "" ? given : [.. given, ("auto_pad", automatic.ToLowerInvariant())];
    }

    private static void Gemm(NodeContext node)
    {
        float alpha = node.Attributes.GetSingle("alpha", 1), beta = node.Attributes.GetSingle("beta", 1);
        bool adds = node.Has(2) && beta != 0;
        (string, object)[] attributes =
            [("transpose_a", node.Attributes.GetBoolean("transA")), ("transpose_b", node.Attributes.GetBoolean("transB"))];
        if (alpha == 1 && !adds)
        {
            node.Emit("MatMul", 1, [node.Input(0), node.Input(1)], attributes);
            return;
        }

        (DataType Type, long[] Extents) result = node.ResultType();
        IrValue value = node.Step("MatMul", 1, [node.Input(0), node.Input(1)], result, attributes);
        if (alpha != 1)
        {
            IrValue[] scaled = [value, node.Number("alpha", alpha)];
            if (!adds)
            {
                node.Emit("Multiply", 1, scaled);
                return;
            }

            value = node.Step("Multiply", 1, scaled, result);
        }

        IrValue addend = node.Input(2);
        if (beta != 1)
            addend = node.Step("Multiply", 1, [addend, node.Number("beta", beta)], (addend.Type, addend.Extents));
        node.Emit("Add", 1, [value, addend]);
    }

    private static void Pool(NodeContext node, string type, params (string, object)[] more) =>
        node.Emit(type, 1, [node.Input(0)], [.. PoolWindow(node), .. more]);

    /// <summary>The window of a pooling as attributes.</summary>
    public static (string, object)[] PoolWindow(NodeContext node)
    {
        int spatial = node.Rank(0) - 2;
        return
        [
            ("kernel", node.Attributes.GetIntegers("kernel_shape") ?? throw node.Unsupported("has no kernel")),
            ("strides", node.Attributes.GetIntegers("strides") ?? [.. Enumerable.Repeat(1L, spatial)]),
            ("rounding_type", node.Attributes.GetBoolean("ceil_mode") ? "ceil" : "floor"), .. Padding(node, spatial),
        ];
    }

    private static void LayerNormalization(NodeContext node)
    {
        int rank = node.Rank(0);
        long axis = node.Attributes.GetInteger("axis", -1);
        int first = (int)(axis < 0 ? axis + rank : axis);
        if (node.Node.Outputs.Skip(1).Any(o => o.Uses.Count > 0))
            throw node.Unsupported("delivers its statistics");
        Affine(node, Mvn(node, [.. Enumerable.Range(first, rank - first)]), node.Input(1), node.Has(2) ? node.Input(2) : null);
    }

    private static IrValue Mvn(NodeContext node, int[] axes) => node.Step(
        "MVN", 6, [node.Input(0), node.Integers("axes", Array.ConvertAll(axes, a => (long)a))], node.ResultType(),
        ("normalize_variance", true), ("eps", node.Attributes.GetSingle("epsilon", 1e-5f)), ("eps_mode", "INSIDE_SQRT"));

    private static void Affine(NodeContext node, IrValue value, IrValue scale, IrValue? shift)
    {
        if (shift is null)
            node.Emit("Multiply", 1, [value, scale]);
        else
            node.Emit("Add", 1, [node.Step("Multiply", 1, [value, scale], node.ResultType()), shift]);
    }
}
