// Layers that cut, join, pad or move elements.
using Int8Runtime.Graph;

namespace Int8Runtime.OpenVino.Import.Layers;

internal static class LayoutLayers
{
    // More dimensions, removed and new ones included, than any model has: the extents that a file states size arrays here.
    private const int LargestRank = 64;

    public static void Split(LayerContext layer)
    {
        int parts = (int)layer.Integer("num_splits");
        layer.EmitMany("Split", parts, [layer.Input(0)], new GraphAttributes { { "axis", Axis(layer, 1) }, { "num_outputs", parts } });
    }

    /// <summary>One length may be −1 and takes the rest.</summary>
    public static void VariadicSplit(LayerContext layer)
    {
        long axis = Axis(layer, 1);
        long[] lengths = layer.KnownConstant(2, "lengths").ToInt64Array();
        int free = Array.IndexOf(lengths, -1);
        if (free >= 0)
        {
            long extent = layer.Dimensions(0)[(int)(axis < 0 ? axis + layer.Rank(0) : axis)];
            if (extent < 0)
                throw layer.Unsupported("splits a dimension of unknown extent into a rest");
            lengths[free] = extent - (lengths.Sum() + 1);
        }

        layer.EmitMany("Split", lengths.Length, [layer.Input(0), layer.AddIntegers("lengths", lengths)],
            new GraphAttributes { { "axis", axis } });
    }

    public static void Slice(LayerContext layer) => layer.Emit("Slice",
    [
        layer.Input(0), layer.IntegerList(1), layer.IntegerList(2), layer.InputCount > 4 ? layer.IntegerList(4) : null,
        layer.IntegerList(3),
    ]);

    /// <summary>Masks say which bounds are ignored, and which dimensions are new, removed or skipped.</summary>
    public static void StridedSlice(LayerContext layer)
    {
        int rank = layer.Rank(0);
        TensorData? begin = layer.Constant(1), end = layer.Constant(2),
            stride = layer.InputCount > 3 ? layer.KnownConstant(3, "strides") : null;
        bool[] beginMask = Mask(layer, "begin_mask"), endMask = Mask(layer, "end_mask"), newAxis = Mask(layer, "new_axis_mask");
        bool[] shrink = Mask(layer, "shrink_axis_mask"), ellipsis = Mask(layer, "ellipsis_mask");
        int entries = Entries(layer, begin, end);
        bool At(bool[] mask, int i) => i < mask.Length && mask[i];
        if (begin is null || end is null)
        {
            bool isComplicated = newAxis.Concat(ellipsis).Concat(shrink).Any(m => m) || (stride?.ToInt64Array().Any(s => s != 1) ?? false);
            ComputedSlice(layer, entries, isComplicated, beginMask, endMask);
            return;
        }

        long[] begins = begin.ToInt64Array(), ends = end.ToInt64Array(),
            strides = stride?.ToInt64Array() ?? [.. Enumerable.Repeat(1L, entries)];
        if (ends.Length < entries || strides.Length < entries)
            throw layer.Defect("begin, end and strides have different lengths");
        List<long> axes = [], starts = [], stops = [], steps = [], removed = [], added = [];
        int consumed = Enumerable.Range(0, entries).Count(i => !At(newAxis, i) && !At(ellipsis, i));
        int source = 0, result = 0;   // dimension of the operand, and of the result before dimensions are removed
        for (int i = 0; i < entries; i++)
        {
            if (At(ellipsis, i))
            {
                int skipped = rank - consumed;
                source += skipped;
                result += skipped;
                continue;
            }

            if (At(newAxis, i))
            {
                added.Add(result++);
                continue;
            }

            if (source >= rank)
                throw layer.Defect($"it cuts more than {rank} dimensions");
            if (At(shrink, i))
            {
                axes.Add(source);
                starts.Add(begins[i]);
                stops.Add(begins[i] == -1 ? long.MaxValue : begins[i] + 1);
                steps.Add(1);
                removed.Add(source);
            }
            else
            {
                bool backwards = strides[i] < 0;
                axes.Add(source);
                starts.Add(At(beginMask, i) ? begins[i] : backwards ? long.MaxValue : 0);
                stops.Add(At(endMask, i) ? ends[i] : backwards ? long.MinValue : long.MaxValue);
                steps.Add(strides[i]);
                result++;
            }

            source++;
        }

        GraphValue value = layer.Input(0);
        value = layer.Step("Slice",
        [
            value, layer.AddIntegers("starts", [.. starts]), layer.AddIntegers("ends", [.. stops]),
            layer.AddIntegers("axes", [.. axes]), layer.AddIntegers("steps", [.. steps]),
        ]);
        if (removed.Count > 0)
            value = layer.Step("Squeeze", [value, layer.AddIntegers("removed", [.. removed])]);
        if (added.Count > 0)
            value = layer.Step("Unsqueeze", [value, layer.AddIntegers("added", [.. added])]);
        layer.Emit("Identity", [value]);
    }

    // Bounds that are computed, from the first dimension on.
    private static void ComputedSlice(LayerContext layer, int entries, bool isComplicated, bool[] beginMask, bool[] endMask)
    {
        if (isComplicated)
            throw layer.Unsupported("has computed bounds together with strides, new or removed dimensions");
        GraphValue Bound(int index, bool[] mask, long ignored)
        {
            GraphValue bound = layer.IntegerList(index);
            if (mask.Length >= entries && Array.TrueForAll(mask, m => m))
                return bound;
            byte[] isUsed = [.. Enumerable.Range(0, entries).Select(i => (byte)(i < mask.Length && mask[i] ? 1 : 0))];
            GraphValue uses = layer.AddConstant("mask", new TensorData(DataType.Boolean, [entries], isUsed));
            return layer.Step("Where", [uses, bound, layer.AddIntegers("whole", [.. Enumerable.Repeat(ignored, entries)])]);
        }

        layer.Emit("Slice", [layer.Input(0), Bound(1, beginMask, 0), Bound(2, endMask, long.MaxValue)]);
    }

    // The number of bounds: that of the constants, or the extent that the file states for computed ones.
    private static int Entries(LayerContext layer, TensorData? begin, TensorData? end)
    {
        long entries = begin?.ElementCount ?? end?.ElementCount ?? Math.Max(layer.Dimensions(1).FirstOrDefault(1), 0);
        return entries <= LargestRank ? (int)entries : throw layer.Defect($"it has {entries} bounds");
    }

    // The file's 1 means that the bound is ignored; here true means that it counts, for new_axis and the like that the entry is one.
    private static bool[] Mask(LayerContext layer, string name)
    {
        bool[] set = Array.ConvertAll(layer.Integers(name, []), m => m != 0);
        if (name is not ("begin_mask" or "end_mask"))
            return set;
        int entries = Math.Max(set.Length, Entries(layer, layer.Constant(1), layer.Constant(2)));
        return [.. Enumerable.Range(0, entries).Select(i => i >= set.Length || !set[i])];
    }

    public static void Pad(LayerContext layer)
    {
        string mode = layer.Text("pad_mode", "constant").ToLowerInvariant();
        if (mode is not ("constant" or "edge" or "reflect"))
            throw layer.Unsupported($"pads in the way '{mode}'");
        GraphValue pads = layer.Step("Concat", [layer.IntegerList(1), layer.IntegerList(2)], new GraphAttributes { { "axis", 0 } });
        if (layer.Constant(1) is { } begin && layer.Constant(2) is { } end)
            pads = layer.AddIntegers("pads", [.. begin.ToInt64Array(), .. end.ToInt64Array()]);
        layer.Emit("Pad", mode == "constant" && layer.InputCount > 3 ? [layer.Input(0), pads, layer.Input(3)] : [layer.Input(0), pads],
            new GraphAttributes { { "mode", mode } });
    }

    public static void DepthToSpace(LayerContext layer) => layer.Emit("DepthToSpace", [layer.Input(0)], new GraphAttributes
    {
        { "blocksize", layer.Integer("block_size", 1) },
        { "mode", layer.Text("mode").ToLowerInvariant() == "depth_first" ? "CRD" : "DCR" },
    });

    /// <summary>
    /// With the blocks outermost this is the operator of ONNX; with the channels outermost the block indices change places with
    /// them.
    /// </summary>
    public static void SpaceToDepth(LayerContext layer)
    {
        long block = layer.Integer("block_size", 1);
        var attributes = new GraphAttributes { { "blocksize", block } };
        if (layer.Text("mode").ToLowerInvariant() == "blocks_first")
        {
            layer.Emit("SpaceToDepth", [layer.Input(0)], attributes);
            return;
        }

        IReadOnlyList<long> source = layer.Dimensions(0);
        if (source.Count != 4 || source[1] < 1)
            throw layer.Unsupported("divides a tensor of unknown shape into blocks");
        GraphValue blocksFirst = layer.Step("SpaceToDepth", [layer.Input(0)], attributes);
        Regroup(layer, blocksFirst, [0, block * block, source[1], 0, -1], [0, 2, 1, 3, 4],
            [0, source[1] * block * block, -1, source[3] / block]);
    }

    /// <summary>Channel c of group g becomes channel c·groups + g.</summary>
    public static void ShuffleChannels(LayerContext layer)
    {
        IReadOnlyList<long> source = layer.Dimensions(0);
        long axis = layer.Integer("axis", 1), groups = layer.Integer("group", 1);
        int d = (int)(axis < 0 ? axis + source.Count : axis);
        if (d < 0 || d >= source.Count || source[d] < 1 || source[d] % groups != 0)
            throw layer.Defect($"{groups} groups do not fit axis {axis}");
        long[] before = [.. Enumerable.Repeat(0L, d)], after = [.. source.Skip(d + 1)];
        if (after.Count(e => e < 0) > 1)
            throw layer.Unsupported("shuffles a tensor of unknown shape");
        long[] order = [.. Enumerable.Range(0, d), d + 1, d, .. Enumerable.Range(d + 2, after.Length)];
        Regroup(layer, layer.Input(0), [.. before, groups, source[d] / groups, .. after], order, [.. before, source[d], .. after]);
    }

    /// <summary>
    /// Darknet's reorganization with stride s: the elements of [C, H, W] are taken as [C/s², H·s, W·s] and divided into blocks with the
    /// blocks outermost, and the result of [C, H, W] is called [C·s², H/s, W/s].
    /// </summary>
    public static void ReorgYolo(LayerContext layer)
    {
        long[] strides = layer.Integers("stride");
        IReadOnlyList<long> source = layer.Dimensions(0);
        if (strides.Length == 0 || strides.Any(s => s != strides[0]) || source.Count != 4 || source.Skip(1).Any(e => e < 1))
            throw layer.Unsupported("has different strides or an operand of unknown shape");
        long stride = strides[0], area = stride * stride;
        (long channels, long height, long width) = (source[1], source[2], source[3]);
        if (channels % area != 0 || height % stride != 0 || width % stride != 0)
            throw layer.Defect($"a stride of {stride} does not divide the operand");
        GraphValue wide = layer.Step("Reshape",
            [layer.Input(0), layer.AddIntegers("wide", 0, channels / area, height * stride, width * stride)]);
        GraphValue blocks = layer.Step("SpaceToDepth", [wide], new GraphAttributes { { "blocksize", stride } });
        layer.Emit("Reshape", [blocks, layer.AddIntegers("deep", 0, channels * area, height / stride, width / stride)]);
    }

    public static void Reverse(LayerContext layer)
    {
        long[] listed = layer.KnownConstant(1, "axes").ToInt64Array();
        long[] axes = layer.Text("mode").ToLowerInvariant() == "mask"
            ? [.. Enumerable.Range(0, listed.Length).Where(i => listed[i] != 0).Select(i => (long)i)]
            : listed;
        GraphValue Repeat(string role, long value) => layer.AddIntegers(role, [.. axes.Select(_ => value)]);
        layer.Emit("Slice", [layer.Input(0), Repeat("starts", -1), Repeat("ends", long.MinValue), layer.AddIntegers("axes", axes),
            Repeat("steps", -1)]);
    }

    private static void Regroup(LayerContext layer, GraphValue value, long[] split, long[] order, long[] joined)
    {
        GraphValue parts = layer.Step("Reshape", [value, layer.AddIntegers("split", split)]);
        GraphValue moved = layer.Step("Transpose", [parts], new GraphAttributes { { "perm", order } });
        layer.Emit("Reshape", [moved, layer.AddIntegers("joined", joined)]);
    }

    private static long Axis(LayerContext layer, int index) =>
        layer.KnownConstant(index, "axes") is { ElementCount: 1 } axis ? axis.ToInt64Array()[0]
            : throw layer.Defect("the axis must be one number");
}
