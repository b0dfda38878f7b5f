// Attention of the standard and of com.microsoft against its definition, written out in f64.
using Int8Runtime.Graph;

namespace Int8Runtime.Onnx.Tests;

public sealed class AttentionTests
{
    private const int Batch = 2, Queries = 3, Keys = 5, Past = 4, Extent = 8, ValueExtent = 6;

    private readonly ModelGraph _graph = new("attention");
    private readonly Dictionary<string, Array> _inputs = [];
    private readonly Random _random = new(5);

    [Theory]
    [InlineData(2, 2, true)]
    [InlineData(2, 2, false)]
    [InlineData(6, 2, true)]
    [InlineData(6, 2, false)]
    [InlineData(4, 1, false)]
    public void Rows_and_heads_causal_behind_a_past(int queryHeads, int keyHeads, bool isRows)
    {
        float[] q = Operand("q", isRows, queryHeads, Queries, Extent), k = Operand("k", isRows, keyHeads, Keys, Extent);
        float[] v = Operand("v", isRows, keyHeads, Keys, ValueExtent);
        float[] pastK = Operand("pk", false, keyHeads, Past, Extent), pastV = Operand("pv", false, keyHeads, Past, ValueExtent);
        var attributes = new GraphAttributes { { "is_causal", 1 }, { "scale", 0.3f }, { "softcap", 2f } };
        if (isRows)
        {
            attributes.Add("q_num_heads", queryHeads);
            attributes.Add("kv_num_heads", keyHeads);
        }

        Emit("Attention", attributes, 3, "q", "k", "v", null, "pk", "pv");
        Dictionary<string, float[]> actual = Run();
        var reference = new Reference(queryHeads, keyHeads)
        {
            Query = ToHeads(q, isRows, queryHeads, Queries, Extent),
            Key = Joined(pastK, ToHeads(k, isRows, keyHeads, Keys, Extent), keyHeads, Extent),
            Value = Joined(pastV, ToHeads(v, isRows, keyHeads, Keys, ValueExtent), keyHeads, ValueExtent),
            Keys = Past + Keys,
            Scale = 0.3,
            Softcap = 2,
            IsVisible = (_, _, i, j) => j <= i + Past,
        };
        AssertClose(reference.Compute(), ToHeads(actual["y0"], isRows, queryHeads, Queries, ValueExtent));
        Assert.Equal(reference.Key, actual["y1"]);
        Assert.Equal(reference.Value, actual["y2"]);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Padded_keys_are_hidden(bool isCausal)
    {
        float[] q = Operand("q", false, 2, Queries, Extent), k = Operand("k", false, 2, Keys, Extent);
        float[] v = Operand("v", false, 2, Keys, ValueExtent);
        long[] lengths = [3, 5];
        bool[] mask = [.. Enumerable.Range(0, Batch * Queries * (Keys - 1)).Select(i => i % 4 == 0 || i % 3 == 1)];
        Input("mask", DataType.Boolean, [Batch, 1, Queries, Keys - 1], Array.ConvertAll(mask, b => (byte)(b ? 1 : 0)));
        Input("lengths", DataType.Int64, [Batch], lengths);
        Emit("Attention", new GraphAttributes { { "is_causal", isCausal ? 1 : 0 } }, 1, "q", "k", "v", "mask", null, null, "lengths");
        var reference = new Reference(2, 2)
        {
            Query = q,
            Key = k,
            Value = v,
            Keys = Keys,
            IsVisible = (b, _, i, j) => j < Keys - 1 && mask[(((b * Queries) + i) * (Keys - 1)) + j]
                && j < (isCausal ? lengths[b] - Queries + i + 1 : lengths[b]),
        };
        AssertClose(reference.Compute(), Run()["y0"]);
    }

    [Fact]
    public void A_triangle_is_a_constant_of_the_plan_for_each_number_of_queries()
    {
        GraphShape rows = new(GraphDimension.Named("batch"), GraphDimension.Named("tokens"), 16);
        foreach (string name in (string[])["q", "k", "v"])
            _graph.AddInput(name, DataType.Float32, rows);
        Emit("Attention", new GraphAttributes { { "q_num_heads", 2 }, { "kv_num_heads", 2 }, { "is_causal", 1 } }, 1, "q", "k", "v");
        using CpuEngine engine = CpuEngine.Create(new() { Threads = 1 });
        using CompiledModel model = engine.Compile(OnnxModel.Load(SampleModels.Bytes(_graph)));
        foreach (int tokens in (int[])[5, 300])   // below and above what shape inference follows by itself
        {
            Dictionary<string, Shape> shapes = model.Inputs.ToDictionary(i => i.Name, _ => (Shape)(new[] { 1, tokens, 16 }));
            Assert.DoesNotContain(model.Explain(shapes).Nodes, n => n.IsSlow || n.OpType is "Range" or "Less" or "Where");
            using InferenceRequest request = model.CreateRequest(shapes);
            foreach (ModelPort port in model.Inputs)
                request.Input(port.Name).AsSpan<float>().Fill(1);
            for (int t = 0; t < tokens; t++)
                request.Input("v").AsSpan<float>().Slice(t * 16, 16).Fill(t);
            request.Run();

            // All visible keys weigh the same, so row t is the mean of 0 … t.
            for (int t = 0; t < tokens; t++)
                Assert.Equal(t / 2f, request.Output().AsSpan<float>()[t * 16], 1e-3f);
        }
    }

    [Fact]
    public void Masks_and_past_of_MultiHeadAttention()
    {
        float[] q = Operand("q", true, 2, Queries, Extent), k = Operand("k", true, 2, Keys, Extent), v = Operand("v", true, 2, Keys, Extent);
        float[] pastK = Operand("pk", false, 2, Past, Extent), pastV = Operand("pv", false, 2, Past, Extent);
        int[] mask = [1, 1, 0, 1, 1, 1, 1, 1, 0, 1, 0, 0, 1, 1, 1, 1, 1, 1];
        Input("mask", DataType.Int32, [Batch, Past + Keys], mask);
        Emit("com.microsoft.MultiHeadAttention", new GraphAttributes { { "num_heads", 2 }, { "unidirectional", 1 }, { "mask_filter_value", -1e9f } }, 3,
            "q", "k", "v", null, "mask", null, "pk", "pv");
        Dictionary<string, float[]> actual = Run();
        var reference = new Reference(2, 2)
        {
            Query = ToHeads(q, true, 2, Queries, Extent),
            Key = Joined(pastK, ToHeads(k, true, 2, Keys, Extent), 2, Extent),
            Value = Joined(pastV, ToHeads(v, true, 2, Keys, Extent), 2, Extent),
            Keys = Past + Keys,
            IsVisible = (b, _, i, j) => j <= i + Past && mask[(b * (Past + Keys)) + j] != 0,
        };
        AssertClose(reference.Compute(), ToHeads(actual["y0"], true, 2, Queries, Extent));
        Assert.Equal(reference.Key, actual["y1"]);
        Assert.Equal(reference.Value, actual["y2"]);
    }

    [Fact]
    public void Attention_of_com_microsoft_keeps_keys_and_values_in_one_tensor()
    {
        const int Width = 2 * Extent;
        float[] x = Operand("x", true, 2, Queries, Extent), past = Values(2 * Batch * 2 * Past * Extent);
        Input("past", DataType.Float32, [2, Batch, 2, Past, Extent], past);

        // Queries, keys and values are the source times 1, 2 and 3.
        float[] weights = new float[Width * 3 * Width];
        for (int i = 0; i < Width; i++)
            for (int part = 0; part < 3; part++)
                weights[(i * 3 * Width) + (part * Width) + i] = part + 1;
        _graph.AddConstant("w", TensorData.Create<float>(weights, [Width, 3 * Width]));
        Emit("com.microsoft.Attention", new GraphAttributes { { "num_heads", 2 }, { "unidirectional", 1 } }, 2, "x", "w", null, null, "past");
        Dictionary<string, float[]> actual = Run();
        float[] heads = ToHeads(x, true, 2, Queries, Extent);
        var reference = new Reference(2, 2)
        {
            Query = heads,
            Key = Joined(past[..(past.Length / 2)], Array.ConvertAll(heads, f => 2 * f), 2, Extent),
            Value = Joined(past[(past.Length / 2)..], Array.ConvertAll(heads, f => 3 * f), 2, Extent),
            Keys = Past + Queries,
            IsVisible = (_, _, i, j) => j <= i + Past,
        };
        AssertClose(reference.Compute(), ToHeads(actual["y0"], true, 2, Queries, Extent));
        AssertClose([.. reference.Key, .. reference.Value], actual["y1"]);
    }

    [Fact]
    public void A_softmax_in_double_precision_is_refused()
    {
        Operand("q", false, 1, 2, 2);
        Emit("Attention", new GraphAttributes { { "softmax_precision", 11 } }, 1, "q", "q", "q");
        Assert.Contains("softmax_precision", Assert.Throws<UnsupportedModelException>(Run).Message, StringComparison.Ordinal);
    }

    // An input of random numbers: rows [batch, tokens, heads·extent] or heads [batch, heads, tokens, extent].
    private float[] Operand(string name, bool isRows, int heads, int tokens, int extent)
    {
        float[] values = Values(Batch * heads * tokens * extent);
        Input(name, DataType.Float32, isRows ? [Batch, tokens, heads * extent] : [Batch, heads, tokens, extent], values);
        return values;
    }

    private float[] Values(int count) => [.. Enumerable.Range(0, count).Select(_ => (float)((_random.NextDouble() * 4) - 2))];

    private void Input(string name, DataType type, int[] shape, Array values)
    {
        _graph.AddInput(name, type, GraphShape.Of(shape));
        _inputs[name] = values;
    }

    private void Emit(string opType, GraphAttributes attributes, int outputs, params string?[] inputs)
    {
        GraphValue[] results = [.. Enumerable.Range(0, outputs).Select(i => _graph.AddValue("y" + i, DataType.Float32))];
        int point = opType.LastIndexOf('.');
        _graph.AddNode(opType[(point + 1)..], [.. inputs.Select(i => i is null ? null : _graph.TryGetValue(i, out GraphValue? v) ? v : null)], results,
            attributes, domain: opType[..Math.Max(point, 0)]);
        foreach (GraphValue result in results)
            _graph.AddOutput(result);
    }

    private Dictionary<string, float[]> Run()
    {
        using CpuEngine engine = CpuEngine.Create(new() { Threads = 2 });
        using CompiledModel model = engine.Compile(OnnxModel.Load(SampleModels.Bytes(_graph)));
        using InferenceRequest request = model.CreateRequest();
        foreach ((string name, Array values) in _inputs)
        {
            switch (values)
            {
                case float[] reals:
                    reals.CopyTo(request.Input(name).AsSpan<float>());
                    break;
                case long[] integers:
                    integers.CopyTo(request.Input(name).AsSpan<long>());
                    break;
                case int[] integers:
                    integers.CopyTo(request.Input(name).AsSpan<int>());
                    break;
                default:
                    ((byte[])values).CopyTo(request.Input(name).AsSpan<byte>());
                    break;
            }
        }

        request.Run();
        return model.Outputs.ToDictionary(o => o.Name, o => request.Output(o.Name).AsSpan<float>().ToArray());
    }

    private static float[] ToHeads(float[] values, bool isRows, int heads, int tokens, int extent)
    {
        if (!isRows)
            return values;
        float[] result = new float[values.Length];
        for (int i = 0; i < values.Length; i++)
        {
            int e = i % extent, h = i / extent % heads, t = i / extent / heads % tokens, b = i / extent / heads / tokens;
            result[(((((b * heads) + h) * tokens) + t) * extent) + e] = values[i];
        }

        return result;
    }

    // Tokens of the past before those of this call.
    private static float[] Joined(float[] past, float[] present, int heads, int extent)
    {
        int before = past.Length / (Batch * heads), behind = present.Length / (Batch * heads);
        Assert.Equal(0, before % extent);
        return [.. Enumerable.Range(0, Batch * heads)
            .SelectMany(i => past.Skip(i * before).Take(before).Concat(present.Skip(i * behind).Take(behind)))];
    }

    private static void AssertClose(float[] expected, float[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
            Assert.True(expected[i].Equals(actual[i]) || Math.Abs(expected[i] - actual[i]) < 1e-4, $"{i}: {expected[i]} and {actual[i]}");
    }

    // Attention of heads, query by query.
    private sealed class Reference(int queryHeads, int keyHeads)
    {
        public required float[] Query { get; init; }

        public required float[] Key { get; init; }

        public required float[] Value { get; init; }

        public required int Keys { get; init; }

        public required Func<int, int, int, int, bool> IsVisible { get; init; }

        public double? Scale { get; init; }

        public double Softcap { get; init; }

        public float[] Compute()
        {
            int extent = Key.Length / (Batch * keyHeads * Keys), valueExtent = Value.Length / (Batch * keyHeads * Keys);
            int queries = Query.Length / (Batch * queryHeads * extent);
            float[] result = new float[Batch * queryHeads * queries * valueExtent];
            for (int row = 0; row < Batch * queryHeads * queries; row++)
            {
                int i = row % queries, head = row / queries % queryHeads, b = row / queries / queryHeads;
                int first = ((b * keyHeads) + (head / (queryHeads / keyHeads))) * Keys;
                double[] weights = new double[Keys];
                for (int j = 0; j < Keys; j++)
                {
                    double score = 0;
                    for (int e = 0; e < extent; e++)
                        score += (double)Query[(row * extent) + e] * Key[((first + j) * extent) + e];
                    score *= Scale ?? 1 / Math.Sqrt(extent);
                    if (!IsVisible(b, head, i, j))
                        score = double.NegativeInfinity;
                    if (Softcap != 0)
                        score = Softcap * Math.Tanh(score / Softcap);
                    weights[j] = Math.Exp(score);
                }

                for (int e = 0; e < valueExtent; e++)
                    for (int j = 0; j < Keys; j++)
                        result[(row * valueExtent) + e] += (float)(weights[j] / weights.Sum() * Value[((first + j) * valueExtent) + e]);
            }

            return result;
        }
    }
}
