// Reductions as layers.
using Int8Runtime.Graph;

namespace Int8Runtime.OpenVino.Export;

internal static class ReductionExport
{
    public static void Register(Dictionary<string, NodeExporter> table)
    {
        foreach (string opType in (string[])["ReduceL1", "ReduceL2", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd", "ReduceSum"])
            table.Add(opType, node => node.Emit(opType, opType is "ReduceL1" or "ReduceL2" ? 4 : 1, [node.Input(0), Axes(node)], KeepDimensions(node)));
        table.Add("ReduceSumSquare", static node =>
        {
            IrValue value = node.Input(0);
            value = node.Step("Multiply", 1, [value, value], (value.Type, value.Extents));
            node.Emit("ReduceSum", 1, [value, Axes(node)], KeepDimensions(node));
        });
        table.Add("ReduceLogSum", static node => node.Emit("Log", 1,
            [node.Step("ReduceSum", 1, [node.Input(0), Axes(node)], node.ResultType(), KeepDimensions(node))]));
        table.Add("ReduceLogSumExp", LogSumExp);
        table.Add("GlobalAveragePool", static node => ReduceSpatial(node, "ReduceMean"));
        table.Add("GlobalMaxPool", static node => ReduceSpatial(node, "ReduceMax"));
        table.Add("GlobalLpPool", static node =>
        {
            long p = node.Attributes.GetInteger("p", 2);
            if (p is 1 or 2)
            {
                ReduceSpatial(node, $"ReduceL{p}", 4);
                return;
            }

            IrValue powers = PowersOf(node, p);
            EmitRoot(node, p, node.Step("ReduceSum", 1, [powers, SpatialAxes(node)], node.ResultType(), ("keep_dims", true)));
        });
        table.Add("LpPool", LpPool);
        table.Add("Size", static node => node.Emit("ReduceProd", 1,
        [
            node.Step("ShapeOf", 3, [node.Input(0)], (DataType.Int64, [node.Rank(0)]), ("output_type", "i64")), node.Integers("axes", 0),
        ], ("keep_dims", false)));
    }

    private static (string, object) KeepDimensions(NodeContext node) => ("keep_dims", node.Attributes.GetBoolean("keepdims", true));

    private static IrValue Axes(NodeContext node)
    {
        if (node.Has(1) && node.ConstantInput(1) is null)
            return node.Input(1);
        long[] axes = node.ConstantInput(1)?.ToInt64Array() ?? [];
        return node.Integers("axes", axes.Length == 0 && !node.Attributes.GetBoolean("noop_with_empty_axes")
            ? [.. Enumerable.Range(0, node.Rank(0)).Select(d => (long)d)] : axes);
    }

    // log Σ exp(x − m) + m with the largest x as m, which keeps the powers finite; an infinite m is clamped, so that no NaN arises.
    private static void LogSumExp(NodeContext node)
    {
        IrValue value = node.Input(0), axes = Axes(node);
        if (axes.Content?.ToInt64Array() is not { } reduced)
            throw node.Unsupported("has axes that are computed");
        long[] extents = [.. value.Extents];
        foreach (long axis in reduced)
            extents[axis < 0 ? axis + extents.Length : axis] = 1;
        IrValue largest = node.Step("ReduceMax", 1, [value, axes], (value.Type, extents), ("keep_dims", true));
        largest = node.Step("Clamp", 1, [largest], (value.Type, extents), ("min", float.MinValue), ("max", float.MaxValue));
        value = node.Step("Subtract", 1, [value, largest], (value.Type, value.Extents));
        value = node.Step("Exp", 1, [value], (value.Type, value.Extents));
        value = node.Step("ReduceSum", 1, [value, axes], (value.Type, extents), ("keep_dims", true));
        value = node.Step("Log", 1, [value], (value.Type, extents));
        if (node.Attributes.GetBoolean("keepdims", true))
            node.Emit("Add", 1, [value, largest]);
        else
            node.Emit("Squeeze", 1, [node.Step("Add", 1, [value, largest], (value.Type, extents)), axes]);
    }

    private static void ReduceSpatial(NodeContext node, string type, int operatorSet = 1) =>
        node.Emit(type, operatorSet, [node.Input(0), SpatialAxes(node)], ("keep_dims", true));

    private static IrValue SpatialAxes(NodeContext node) =>
        node.Integers("axes", [.. Enumerable.Range(2, node.Rank(0) - 2).Select(d => (long)d)]);

    // The sum of a window is its mean, in which padding counts as zeros, times the number of its elements. A last window beyond the padding,
    // which ceil_mode allows, has a mean of fewer elements.
    private static void LpPool(NodeContext node)
    {
        long p = node.Attributes.GetInteger("p", 2);
        if (node.Attributes.GetBoolean("ceil_mode"))
            throw node.Unsupported("has ceil_mode, with which windows may end beyond the padding,");
        if (node.Attributes.GetIntegers("dilations")?.Any(d => d != 1) == true)
            throw node.Unsupported("has dilations");
        (DataType Type, long[] Extents) result = node.ResultType();
        (string, object)[] window = ProductExport.PoolWindow(node);
        IrValue mean = node.Step("AvgPool", 1, [PowersOf(node, p)], result, [.. window, ("exclude-pad", false)]);
        long count = node.Attributes.GetIntegers("kernel_shape")!.Aggregate(1L, (a, b) => a * b);
        if (p == 1)
            node.Emit("Multiply", 1, [mean, node.Number("count", count)]);
        else
            EmitRoot(node, p, node.Step("Multiply", 1, [mean, node.Number("count", count)], result));
    }

    // |x|^p
    private static IrValue PowersOf(NodeContext node, long p)
    {
        if (p < 1)
            throw node.Unsupported($"has the norm with p = {p}");
        IrValue value = node.Input(0);
        if (p == 2)
            return node.Step("Multiply", 1, [value, value], (value.Type, value.Extents));
        value = node.Step("Abs", 1, [value], (value.Type, value.Extents));
        return p == 1 ? value : node.Step("Power", 1, [value, node.Number("p", p)], (value.Type, value.Extents));
    }

    private static void EmitRoot(NodeContext node, long p, IrValue sum)
    {
        if (p == 2)
            node.Emit("Sqrt", 1, [sum]);
        else
            node.Emit("Power", 1, [sum, node.Number("root", 1f / p)]);
    }
}
