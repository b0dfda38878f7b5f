// Operators that are imported as several others, against their definitions written out in f64.
using Int8Runtime.Graph;

namespace Int8Runtime.Onnx.Tests;

public sealed class ComposedOperatorTests
{
    private readonly ModelGraph _graph = new("composed");
    private readonly Dictionary<string, float[]> _reals = [];
    private readonly Dictionary<string, long[]> _integers = [];
    private readonly Random _random = new(11);

    [Theory]
    [InlineData("ij->ji", "34")]
    [InlineData("ij->i", "34")]
    [InlineData("ij", "34")]
    [InlineData("ba", "34")]
    [InlineData("ijk->", "234")]
    [InlineData("ii->i", "55")]
    [InlineData("ii", "55")]
    [InlineData("iji->j", "353")]
    [InlineData("iiji->ij", "3343")]
    [InlineData("...ii->...i", "2355")]
    [InlineData("i...->...", "345")]
    [InlineData("i,i", "7,7")]
    [InlineData("i,i->i", "7,7")]
    [InlineData("i,j->ij", "3,4")]
    [InlineData("i,j->ji", "3,4")]
    [InlineData(" b i j , b j k -> b i k ", "234,245")]
    [InlineData("bij,bjk->bki", "234,245")]
    [InlineData("bhid,bhjd->bhij", "2354,2364")]
    [InlineData("bhij,bhjd->bihd", "2353,2334")]
    [InlineData("nchw,nlhw->ncl", "2345,2645")]
    [InlineData("abcd,cdef->abef", "2345,4563")]
    [InlineData("abcd,cdef->feab", "2345,4563")]
    [InlineData("bnd,ndh->bnh", "234,345")]
    [InlineData("ij,jk", "34,45")]
    [InlineData("ij,ik->j", "34,35")]
    [InlineData("bxk,ok->box", "234,54")]
    [InlineData("...ij,...jk->...ik", "2334,45")]
    [InlineData("...ij,jk->...ik", "2334,45")]
    [InlineData("a...b,b...->a...", "354,45")]
    [InlineData("bij,jk->bik", "134,45")]
    [InlineData("i,ij,j->", "3,34,4")]
    [InlineData("ab,bc,cd->ad", "23,34,45")]
    [InlineData("bqhd,bkhd,h->bhqk", "2354,2654,5")]
    public void Einstein_sums(string equation, string extents)
    {
        int[][] shapes = [.. extents.Split(',').Select(s => s.Select(c => c - '0').ToArray())];
        for (int i = 0; i < shapes.Length; i++)
            Real("x" + i, shapes[i]);
        Node("Einsum", new GraphAttributes { { "equation", equation } }, [.. shapes.Select((_, i) => "x" + i)]);
        AssertClose(EinsteinSum(equation, shapes), Run());
    }

    [Theory]
    [InlineData("ij,jk->ikl")]
    [InlineData("ij->ij")]
    [InlineData("ij,j1->i")]
    [InlineData("ijk,jk->i")]
    [InlineData("ij,jk->ii")]
    public void Equations_that_do_not_fit_are_refused(string equation)
    {
        Real("x0", [3, 4]);
        Real("x1", [4, 5]);
        Node("Einsum", new GraphAttributes { { "equation", equation } }, "x0", "x1");
        Assert.Contains("Einsum", Assert.Throws<ModelFormatException>(() => Run()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Extents_of_an_Einstein_sum_may_be_free()
    {
        _graph.AddInput("x0", DataType.Float32, new GraphShape(GraphDimension.Named("n"), 3, GraphDimension.Named("t"), 4));
        _graph.AddInput("x1", DataType.Float32, new GraphShape(GraphDimension.Named("n"), 3, 4, 5));
        Node("Einsum", new GraphAttributes { { "equation", "nhtc,nhcd->nthd" } }, "x0", "x1");
        foreach (int extent in (int[])[1, 6])
        {
            int[][] shapes = [[2, 3, extent, 4], [2, 3, 4, 5]];
            for (int i = 0; i < 2; i++)
                _reals["x" + i] = Values(shapes[i].Aggregate(1, (a, b) => a * b));
            AssertClose(EinsteinSum("nhtc,nhcd->nthd", shapes), Run(shapes));
        }
    }

    [Theory]
    [InlineData("", true, false, 0, false)]
    [InlineData("", true, true, 4, true)]
    [InlineData("", false, false, 4, true)]
    [InlineData("", false, true, 0, false)]
    [InlineData("com.microsoft", true, false, 0, true)]
    [InlineData("com.microsoft", true, true, 4, false)]
    [InlineData("com.microsoft", false, false, 0, false)]
    [InlineData("com.microsoft", false, true, 4, true)]
    public void Rotary_embedding(string domain, bool isRows, bool interleaved, int turned, bool hasPositions)
    {
        const int Batch = 2, Heads = 3, Tokens = 5, Extent = 8, Positions = 20, Offset = 7;
        int pairs = (turned == 0 ? Extent : turned) / 2;
        float[] x = Real("x", isRows ? [Batch, Tokens, Heads * Extent] : [Batch, Heads, Tokens, Extent]);
        bool isTable = hasPositions || domain.Length > 0;
        int[] table = isTable ? [Positions, pairs] : [Batch, Tokens, pairs];
        float[] cos = Real("cos", table), sin = Real("sin", table);
        long[] positions = [.. Enumerable.Range(0, Batch * Tokens).Select(i => (long)(i * 7 % Positions))];
        if (domain.Length > 0 && !hasPositions)
            positions = [Offset];
        if (isTable)
        {
            _graph.AddInput("positions", DataType.Int64, GraphShape.Of(hasPositions ? [Batch, Tokens] : [1]));
            _integers["positions"] = positions;
        }

        var attributes = new GraphAttributes { { "interleaved", interleaved ? 1 : 0 }, { "rotary_embedding_dim", turned } };
        if (isRows && (domain.Length == 0 || turned > 0))
            attributes.Add("num_heads", Heads);
        Node("RotaryEmbedding", domain, attributes,
            domain.Length > 0 ? ["x", "positions", "cos", "sin"] : ["x", "cos", "sin", hasPositions ? "positions" : null]);

        double[] expected = Array.ConvertAll(x, f => (double)f);
        for (int i = 0; i < Batch * Heads * Tokens; i++)
        {
            (int b, int t) = isRows ? (i / Heads / Tokens, i / Heads % Tokens) : (i / Tokens / Heads, i % Tokens);
            int line = !isTable ? (b * Tokens) + t : hasPositions ? (int)positions[(b * Tokens) + t] : Offset + t;
            for (int p = 0; p < pairs; p++)
            {
                int first = (i * Extent) + (interleaved ? 2 * p : p), second = first + (interleaved ? 1 : pairs);
                double c = cos[(line * pairs) + p], s = sin[(line * pairs) + p];
                (expected[first], expected[second]) = ((x[first] * c) - (x[second] * s), (x[first] * s) + (x[second] * c));
            }
        }

        AssertClose(expected, Run());
    }

    [Theory]
    [InlineData(6, 5, 3, 9, false)]
    [InlineData(7, 4, 4, 7, true)]
    [InlineData(3, 8, 8, 3, false)]
    [InlineData(5, 5, 5, 5, true)]
    public void Centre_of_a_picture(int rows, int columns, int newRows, int newColumns, bool namesAxes)
    {
        float[] x = Real("x", [1, rows, columns]);
        long[] target = namesAxes ? [newColumns, newRows] : [1, newRows, newColumns];
        _graph.AddConstant("shape", TensorData.Vector(target));
        Node("CenterCropPad", namesAxes ? new GraphAttributes { { "axes", new long[] { -1, 1 } } } : null, "x", "shape");
        double[] expected = new double[newRows * newColumns];
        for (int i = 0; i < newRows; i++)
        {
            for (int j = 0; j < newColumns; j++)
            {
                int y = Moved(i, rows, newRows), z = Moved(j, columns, newColumns);
                if (y >= 0 && y < rows && z >= 0 && z < columns)
                    expected[(i * newColumns) + j] = x[(y * columns) + z];
            }
        }

        AssertClose(expected, Run());

        static int Moved(int index, int from, int to) => to <= from ? index + ((from - to) / 2) : index - ((to - from) / 2);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Reversed_sequences(bool isBatchFirst)
    {
        const int Batch = 3, Time = 5, Row = 4;
        float[] x = Real("x", isBatchFirst ? [Batch, Time, 2, 2] : [Time, Batch, 2, 2]);
        _graph.AddInput("lengths", DataType.Int64, GraphShape.Of([Batch]));
        long[] lengths = _integers["lengths"] = [5, 1, 3];
        Node("ReverseSequence", new GraphAttributes { { "batch_axis", isBatchFirst ? 0 : 1 }, { "time_axis", isBatchFirst ? 1 : 0 } }, "x", "lengths");
        double[] expected = new double[x.Length];
        for (int b = 0; b < Batch; b++)
        {
            for (int t = 0; t < Time; t++)
            {
                long from = t < lengths[b] ? lengths[b] - 1 - t : t;
                for (int e = 0; e < Row; e++)
                    expected[(Place(b, t) * Row) + e] = x[(Place(b, from) * Row) + e];
            }
        }

        AssertClose(expected, Run());

        long Place(long b, long t) => isBatchFirst ? (b * Time) + t : (t * Batch) + b;
    }

    [Theory]
    [InlineData("linear", -2, new long[] { 3, 0 })]
    [InlineData("circular", 2, new long[] { 4, 2 })]
    [InlineData("linear", -2, null)]
    [InlineData("circular", 1, new long[] { 2, 1 })]
    public void Rows_of_a_cache_are_replaced(string mode, int axis, long[]? first)
    {
        const int Batch = 2, Heads = 3, Positions = 5, Extent = 4, Updates = 2;
        bool hasHeads = axis != 1;
        float[] cache = Real("cache", hasHeads ? [Batch, Heads, Positions, Extent] : [Batch, Positions, Extent]);
        float[] update = Real("update", hasHeads ? [Batch, Heads, Updates, Extent] : [Batch, Updates, Extent]);
        if (first is not null)
        {
            _graph.AddInput("first", DataType.Int64, GraphShape.Of([Batch]));
            _integers["first"] = first;
        }

        Node("TensorScatter", "", new GraphAttributes { { "mode", mode }, { "axis", axis } }, ["cache", "update", first is null ? null : "first"]);
        double[] expected = Array.ConvertAll(cache, f => (double)f);
        int heads = hasHeads ? Heads : 1;
        for (int i = 0; i < update.Length; i++)
        {
            int e = i % Extent, t = i / Extent % Updates, owner = i / Extent / Updates;
            long place = ((first?[owner / heads] ?? 0) + t) % Positions;
            expected[(((owner * Positions) + place) * Extent) + e] = update[i];
        }

        AssertClose(expected, Run());
    }

    [Theory]
    [InlineData(new long[] { 7, 6 }, new long[] { 3, 2 }, new long[] { 1, 1 }, new long[] { 1, 1 }, new long[] { 0, 0, 0, 0 })]
    [InlineData(new long[] { 9, 8 }, new long[] { 3, 2 }, new long[] { 2, 3 }, new long[] { 1, 2 }, new long[] { 1, 0, 0, 1 })]
    [InlineData(new long[] { 10, 5 }, new long[] { 2, 3 }, new long[] { 3, 1 }, new long[] { 2, 1 }, new long[] { 2, 1, 1, 1 })]
    public void Blocks_of_columns_are_summed(long[] image, long[] block, long[] strides, long[] dilations, long[] pads)
    {
        const int Batch = 2, Channels = 3;
        int[] places = [.. image.Select(
            (extent, d) => (int)((extent + pads[d] + pads[d + 2] - (dilations[d] * (block[d] - 1)) - 1) / strides[d]) + 1)];
        int taps = (int)(block[0] * block[1]), count = places[0] * places[1];
        float[] x = Real("x", [Batch, Channels * taps, count]);
        _graph.AddConstant("image", TensorData.Vector(image));
        _graph.AddConstant("block", TensorData.Vector(block));
        Node("Col2Im", new GraphAttributes { { "strides", strides }, { "dilations", dilations }, { "pads", pads } }, "x", "image", "block");
        double[] expected = new double[Batch * Channels * image[0] * image[1]];
        for (int i = 0; i < x.Length; i++)
        {
            int place = i % count, tap = i / count % taps, channel = i / count / taps;
            long y = (place / places[1] * strides[0]) + (tap / block[1] * dilations[0]) - pads[0];
            long z = (place % places[1] * strides[1]) + (tap % block[1] * dilations[1]) - pads[1];
            if (y >= 0 && y < image[0] && z >= 0 && z < image[1])
                expected[(((channel * image[0]) + y) * image[1]) + z] += x[i];
        }

        AssertClose(expected, Run());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Maxima_return_to_their_places(bool hasOutputShape)
    {
        float[] x = Real("x", [2, 3, 2, 3]);
        _graph.AddInput("places", DataType.Int64, GraphShape.Of([2, 3, 2, 3]));
        long[] places = _integers["places"] = [.. Enumerable.Range(0, 36).Select(i => (i * 4L) + (i % 4))];   // windows of 2 by 2 in 4 by 6
        if (hasOutputShape)
            _graph.AddConstant("shape", TensorData.Vector(2L, 3, 5, 7));
        (int rows, int columns) = hasOutputShape ? (5, 7) : (4, 6);
        var attributes = new GraphAttributes { { "kernel_shape", new long[] { 2, 2 } }, { "strides", new long[] { 2, 2 } } };
        Node("MaxUnpool", "", attributes, hasOutputShape ? ["x", "places", "shape"] : ["x", "places"]);
        double[] expected = new double[6 * rows * columns];
        for (int i = 0; i < x.Length; i++)
            expected[(places[i] / 24 * rows * columns) + (places[i] % 24 / 6 * columns) + (places[i] % 6)] = x[i];
        AssertClose(expected, Run());
    }

    [Theory]
    [InlineData(2, false)]
    [InlineData(2, true)]
    [InlineData(3, false)]
    [InlineData(3, true)]
    public void Points_of_an_affine_grid(int dimensions, bool aligns)
    {
        long[] extents = ((long[])[3, 4, 1])[..dimensions];
        float[] theta = Real("theta", [2, dimensions, dimensions + 1]);
        _graph.AddConstant("size", TensorData.Vector<long>([2, 7, .. extents]));
        Node("AffineGrid", new GraphAttributes { { "align_corners", aligns ? 1 : 0 } }, "theta", "size");
        int points = (int)extents.Aggregate(1L, (a, b) => a * b);
        double[] expected = new double[2 * points * dimensions];
        for (int i = 0; i < expected.Length; i++)
        {
            int row = i % dimensions, point = i / dimensions % points, image = i / dimensions / points;
            double sum = theta[(((image * dimensions) + row) * (dimensions + 1)) + dimensions];
            for (int d = dimensions - 1, rest = point; d >= 0; d--)
            {
                (rest, int index) = Math.DivRem(rest, (int)extents[d]);
                double coordinate = ((2 * index) + 1 - extents[d]) / (double)(aligns ? Math.Max(extents[d] - 1, 1) : extents[d]);
                sum += theta[(((image * dimensions) + row) * (dimensions + 1)) + dimensions - 1 - d] * coordinate;
            }

            expected[i] = sum;
        }

        AssertClose(expected, Run());
    }

    private double[] EinsteinSum(string equation, int[][] shapes)
    {
        string text = equation.Replace(" ", "", StringComparison.Ordinal);
        int arrow = text.IndexOf("->", StringComparison.Ordinal);
        string[] terms = (arrow < 0 ? text : text[..arrow]).Split(',');

        // An ellipsis becomes digits, the last of them 9.
        for (int i = 0; i < terms.Length; i++)
            terms[i] = terms[i].Replace("...", string.Concat(Enumerable.Range(0, shapes[i].Length - terms[i].Count(char.IsLetter))
                .Select(k => (char)('9' - k)).Reverse()), StringComparison.Ordinal);
        string digits = string.Concat(terms.SelectMany(t => t).Where(char.IsDigit).Distinct().Order());
        string result = arrow >= 0 ? text[(arrow + 2)..].Replace("...", digits, StringComparison.Ordinal)
            : digits + string.Concat(
                terms.SelectMany(t => t).Where(char.IsLetter).GroupBy(c => c).Where(g => g.Count() == 1).Select(g => g.Key).Order());
        var extents = new Dictionary<char, int>();
        for (int i = 0; i < terms.Length; i++)
            for (int d = 0; d < terms[i].Length; d++)
                extents[terms[i][d]] = Math.Max(shapes[i][d], extents.GetValueOrDefault(terms[i][d]));
        string labels = result + string.Concat(extents.Keys.Except(result));
        var sums = new double[result.Aggregate(1, (a, c) => a * extents[c])];
        for (int point = 0; point < labels.Aggregate(1, (a, c) => a * extents[c]); point++)
        {
            var index = new Dictionary<char, int>();
            int rest = point;
            foreach (char label in labels.Reverse())
                (rest, index[label]) = Math.DivRem(rest, extents[label]);
            double product = 1;
            for (int i = 0; i < terms.Length; i++)
                product *= _reals["x" + i][Place(terms[i], shapes[i])];
            sums[Place(result, [.. result.Select(c => extents[c])])] += product;

            int Place(string term, int[] shape)
            {
                int place = 0;
                for (int d = 0; d < shape.Length; d++)
                    place = (place * shape[d]) + (shape[d] == 1 ? 0 : index[term[d]]);
                return place;
            }
        }

        return sums;
    }

    private float[] Real(string name, int[] shape)
    {
        _graph.AddInput(name, DataType.Float32, GraphShape.Of(shape));
        return _reals[name] = Values(shape.Aggregate(1, (a, b) => a * b));
    }

    private float[] Values(int count) => [.. Enumerable.Range(0, count).Select(_ => (float)((_random.NextDouble() * 2) - 1))];

    private void Node(string opType, GraphAttributes? attributes, params string[] inputs) => Node(opType, "", attributes, inputs);

    private void Node(string opType, string domain, GraphAttributes? attributes, string?[] inputs)
    {
        GraphValue output = _graph.AddValue("y", DataType.Float32);
        _graph.AddNode(opType, [.. inputs.Select(i => i is not null && _graph.TryGetValue(i, out GraphValue? v) ? v : null)], [output], attributes,
            domain: domain);
        _graph.AddOutput(output);
    }

    private float[] Run(int[][]? shapes = null)
    {
        using CpuEngine engine = CpuEngine.Create(new() { Threads = 1 });
        using CompiledModel model = engine.Compile(OnnxModel.Load(SampleModels.Bytes(_graph)));
        Dictionary<string, Shape>? given = shapes?.Select((s, i) => (i, s)).ToDictionary(p => "x" + p.i, p => (Shape)p.s);
        using InferenceRequest request = given is null ? model.CreateRequest() : model.CreateRequest(given);
        foreach ((string name, float[] values) in _reals)
            values.CopyTo(request.Input(name).AsSpan<float>());
        foreach ((string name, long[] values) in _integers)
            values.CopyTo(request.Input(name).AsSpan<long>());
        request.Run();
        Assert.DoesNotContain(model.Explain(given).Nodes, n => n.IsSlow);
        return request.Output().AsSpan<float>().ToArray();
    }

    private static void AssertClose(double[] expected, float[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
            Assert.True(Math.Abs(expected[i] - actual[i]) < 1e-5 * Math.Max(1, Math.Abs(expected[i])), $"{i}: {expected[i]} and {actual[i]}");
    }
}
