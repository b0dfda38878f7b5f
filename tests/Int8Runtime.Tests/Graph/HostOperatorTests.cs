// Host operators on operands that fit them badly: refused with the name of the node, and with nothing else.
using Int8Runtime.Graph;
using Int8Runtime.Graph.Evaluation;

namespace Int8Runtime.Tests.Graph;

public sealed class HostOperatorTests
{
    private static readonly DataType[] Types = [.. Enum.GetValues<DataType>().Where(type => type != DataType.Undefined)];

    private static readonly string[] Texts =
        ["", "linear", "nearest", "cubic", "reflect", "edge", "wrap", "add", "mul", "max", "CRD", "SAME_UPPER", "tensorflow", "bilinear"];

    // Attributes that several operators read, and those that make loops.
    private static readonly string[] Integers =
    [
        "axis", "axes", "keepdims", "noop_with_empty_axes", "batch_dims", "largest", "sorted", "select_last_index", "exclusive", "reverse",
        "blocksize", "upper", "num_groups", "sampling_ratio", "output_height", "output_width", "pooled_h", "pooled_w", "output_dim",
        "group_size", "spatial_bins_x", "spatial_bins_y", "ceil_mode", "storage_order", "p", "num_outputs", "to", "start", "end", "k", "dtype",
        "coords", "classes", "num", "do_softmax", "antialias", "exclude_outside", "block_size", "levels", "top_k", "num_classes", "normalized",
        "share_location", "base_size", "feat_stride", "pre_nms_topn", "post_nms_topn", "min_size",
        "fmod", "center_point_box", "keep_aspect_ratio_policy", "hidden_size", "to", "saturate", "detect_positive",
    ];

    private static readonly string[] Lists =
        ["kernel_shape", "pads", "strides", "dilations", "axes", "perm", "pooled_shape", "keep_top_k", "mask", "output_shape"];

    private static readonly string[] Strings =
        ["mode", "reduction", "direction", "auto_pad", "approximate", "coordinate_transformation_mode", "nearest_mode", "framework", "round_mode"];

    [Fact]
    public void Operands_that_do_not_fit_are_refused_with_the_name_of_the_node()
    {
        var random = new Random(7);
        var failures = new SortedDictionary<string, string>();
        foreach (string key in HostEvaluator.AllOperators)
        {
            int dot = key.LastIndexOf('.');
            (string domain, string opType) = dot < 0 ? ("", key) : (key[..dot], key[(dot + 1)..]);
            for (int i = 0; i < 40; i++)
            {
                TensorData?[] operands = Operands(random);
                GraphNode node = NodeOf(opType, domain, operands, random);
                try
                {
                    foreach (TensorData output in HostEvaluator.Evaluate(node, operands))
                        Assert.Equal((long)output.ElementCount * output.ElementType.SizeInBytes(), output.Bytes.Length);
                }
                catch (Exception exception) when (exception is ModelFormatException or UnsupportedModelException)
                {
                    Assert.Contains(opType, exception.Message, StringComparison.Ordinal);
                }
                catch (Exception exception)
                {
                    failures.TryAdd($"{key}: {exception.GetType().Name}", $"{key}({string.Join(", ", operands.Select(o => o is null ? "-" : $"{o.ElementType}:{o.Shape}"))}) "
                        + $"[{string.Join(", ", node.Attributes.Select(a => $"{a.Key}={a.Value}"))}]: {exception}");
                }
            }
        }

        Assert.True(failures.Count == 0, string.Join("\n", failures.Values));
    }

    /// <summary>Integers of 64 bits that one f64 stands for are different all the same.</summary>
    [Fact]
    public void Integers_of_64_bits_are_compared_exactly()
    {
        const long Large = 1L << 60;
        TensorData values = TensorData.Vector(Large, Large + 2, Large + 1, Large + 2, -Large, Large);
        Assert.Equal([1], Run("ArgMax", values).AsSpan<long>().ToArray());
        Assert.Equal([3], Run("ArgMax", new GraphAttributes { { "select_last_index", 1 } }, values)[0].AsSpan<long>().ToArray());
        Assert.Equal([4], Run("ArgMin", values).AsSpan<long>().ToArray());
        TensorData[] best = Run("TopK", new GraphAttributes(), values, TensorData.Vector(3L));
        Assert.Equal([Large + 2, Large + 2, Large + 1], best[0].AsSpan<long>().ToArray());
        Assert.Equal([1L, 3, 2], best[1].AsSpan<long>().ToArray());
        TensorData[] unique = Run("Unique", new GraphAttributes(), values);
        Assert.Equal([-Large, Large, Large + 1, Large + 2], unique[0].AsSpan<long>().ToArray());
        Assert.Equal([4L, 0, 2, 1], unique[1].AsSpan<long>().ToArray());
        Assert.Equal([1L, 3, 2, 3, 0, 1], unique[2].AsSpan<long>().ToArray());
        Assert.Equal([1L, 2, 1, 2], unique[3].AsSpan<long>().ToArray());
        TensorData scattered = Run("ScatterElements", new GraphAttributes { { "reduction", "add" } }, TensorData.Vector(Large, 1L),
            TensorData.Vector(0L, 0L), TensorData.Vector(1L, 2L))[0];
        Assert.Equal([Large + 3, 1], scattered.AsSpan<long>().ToArray());
    }

    [Fact]
    public void Unsigned_integers_are_reduced_exactly()
    {
        TensorData wide = TensorData.Vector(ulong.MaxValue - 1, ulong.MaxValue, 1UL << 63, 5UL), narrow = TensorData.Vector(uint.MaxValue, 7u);
        Assert.Equal([ulong.MaxValue], Run("ReduceMax", wide).AsSpan<ulong>().ToArray());
        Assert.Equal([5UL], Run("ReduceMin", wide).AsSpan<ulong>().ToArray());
        Assert.Equal([unchecked(3 * (ulong.MaxValue / 2) + 5)], Run("ReduceSum", wide).AsSpan<ulong>().ToArray());
        Assert.Equal([uint.MaxValue], Run("ReduceMax", narrow).AsSpan<uint>().ToArray());
        Assert.Equal([7u], Run("ReduceMin", narrow).AsSpan<uint>().ToArray());
        Assert.Equal([6u], Run("ReduceSum", narrow).AsSpan<uint>().ToArray());
        Assert.Equal([ulong.MaxValue], Run("ArgMax", wide).AsSpan<long>().ToArray().Select(i => wide.AsSpan<ulong>()[(int)i]));
    }

    [Fact]
    public void Sets_without_elements_are_normalized_to_nothing()
    {
        TensorData empty = TensorData.Create<float>([], [2, 0]), none = TensorData.Create<float>([], [0]);
        Assert.Equal(empty.Shape, Run("LayerNormalization", new GraphAttributes { { "axis", 1 } }, empty, none)[0].Shape);
    }

    private static TensorData Run(string opType, params TensorData[] operands) =>
        Run(opType, new GraphAttributes { { "keepdims", 0 } }, operands)[0].Reshaped([1]);

    private static TensorData[] Run(string opType, GraphAttributes attributes, params TensorData[] operands)
    {
        var graph = new ModelGraph("operator");
        GraphValue[] inputs = [.. operands.Select((o, i) => graph.AddConstant($"c{i}", o))];
        return HostEvaluator.Evaluate(graph.AddOperation(opType, "y", inputs, attributes).Producer!, operands);
    }

    private static GraphNode NodeOf(string opType, string domain, TensorData?[] operands, Random random)
    {
        var graph = new ModelGraph("operands");
        GraphValue?[] inputs = [.. operands.Select((o, i) => o is null ? null : graph.AddConstant($"c{i}", o))];
        GraphValue[] outputs = [.. Enumerable.Range(0, random.Next(1, 4)).Select(i => graph.AddValue($"y{i}"))];
        var attributes = new GraphAttributes();
        foreach (string name in Integers)
            if (random.Next(4) == 0)
                attributes.Add(name, random.Next(-2, 5));
        foreach (string name in Lists)
            if (random.Next(3) == 0)
                attributes.Add(name, Enumerable.Range(0, random.Next(5)).Select(_ => random.Next(-1, 4)).ToArray());
        foreach (string name in Strings)
            if (random.Next(3) == 0)
                attributes.Add(name, Texts[random.Next(Texts.Length)]);
        return graph.AddNode(opType, inputs, outputs, attributes, "node", domain);
    }

    private static TensorData?[] Operands(Random random)
    {
        DataType common = Types[random.Next(Types.Length)];
        Shape shape = ShapeOf(random);
        return [.. Enumerable.Range(0, random.Next(1, 5)).Select(_ =>
            random.Next(8) == 0 ? null : Tensor(random, common, random.Next(2) == 0 ? shape : ShapeOf(random)))];
    }

    private static Shape ShapeOf(Random random) =>
        [.. Enumerable.Range(0, random.Next(5)).Select(_ => random.Next(12) == 0 ? 0 : random.Next(1, 5))];

    private static TensorData Tensor(Random random, DataType common, Shape shape)
    {
        DataType type = random.Next(3) switch { 0 => Types[random.Next(Types.Length)], 1 => DataType.Int64, _ => common };
        double[] values = [.. Enumerable.Range(0, TensorData.CountElements(shape)).Select(_ => (double)random.Next(-2, 5))];
        return TensorData.Create<double>(values, shape).ConvertTo(type);
    }
}
