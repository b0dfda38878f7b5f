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
            ReduceSpatial(node, p is 1 or 2 ? $"ReduceL{p}" : throw node.Unsupported($"has the norm with p = {p}"), 4);
        });
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

    private static void ReduceSpatial(NodeContext node, string type, int operatorSet = 1) => node.Emit(
        type, operatorSet, [node.Input(0), node.Integers("axes", [.. Enumerable.Range(2, node.Rank(0) - 2).Select(d => (long)d)])],
        ("keep_dims", true));
}
