// Problem lines: what is printed reads back as the same problem.
using FsCheck;
using FsCheck.Fluent;
using Int8Runtime.TestKit;

namespace Int8Runtime.Bench.Tests;

public class ProblemLineTests
{
    private static readonly DataType[] Types =
        [DataType.Float32, DataType.BFloat16, DataType.Float16, DataType.Int32, DataType.Int8, DataType.UInt8];

    private static Gen<DataType> AnyType { get; } = Gen.Elements(Types);

    [Fact]
    public void Convolutions_and_deconvolutions_read_back() => Properties.Check(
        Gen.OneOf(Arbitraries.IntegerConvolution, Arbitraries.FloatConvolution, Arbitraries.IntegerDeconvolution,
            Arbitraries.FloatDeconvolution),
        problem => RoundTrip(problem.Descriptor, problem.Attributes), 400);

    [Fact]
    public void The_catalogue_reads_back_exactly()
    {
        foreach (CatalogueProblem problem in Catalogue.Small)
        {
            ProblemLine line = RoundTrip(problem.Descriptor, problem.Attributes);
            Assert.True(line.IsExact, line.ToString());
        }
    }

    [Fact]
    public void Tensors_in_any_layout_read_back() => Properties.Check(
        from shape in Gen.Choose(1, 6).SelectMany(rank => Arbitraries.ShapeOf(rank, 5))
        from source in Layout(shape)
        from destination in Layout(shape)
        from algorithm in Gen.Elements(Enum.GetValues<EltwiseAlgorithm>())
        from alpha in Gen.Elements(0f, 0.1f, -3e-12f, 1e20f, float.PositiveInfinity)
        from attributes in Quantization(destination)
        select (new EltwiseDescriptor { Algorithm = algorithm, Alpha = alpha, Beta = -alpha, Source = source,
            Destination = destination }, attributes),
        problem => RoundTrip(problem.Item1, problem.attributes), 300);

    [Fact]
    public void Matrix_products_read_back() => Properties.Check(
        from batch in Arbitraries.ShapeOf(2, 3)
        from m in Gen.Choose(1, 9) from k in Gen.Choose(1, 9).Select(k => 4 * k) from n in Gen.Choose(1, 9)
        from source in Layout([batch[0], batch[1], m, k])
        from weights in Gen.OneOf(
            Layout([1, batch[1], k, n]),
            from type in Gen.Elements([.. Types, DataType.Int4, DataType.UInt4]) select MemoryDescriptor.Any([1, batch[1], k, n], type))
        from destination in Layout([batch[0], batch[1], m, n])
        from bias in Gen.Elements<MemoryDescriptor?>(
            null, new([n], DataType.Float32), new([1, 1, m, 1], DataType.Int32), new([1, 1, 1, 1], DataType.BFloat16))
        from attributes in Quantization(destination)
        from weightsScale in WeightsScale(k, n)
        from weightsZero in Gen.Elements<ZeroPoint?>(null, ZeroPoint.Runtime, ZeroPoint.PerTensor(-3))
        from mode in Gen.Elements(Enum.GetValues<NumericMode>())
        from math in Gen.Elements(Enum.GetValues<FloatMath>())
        from scratch in Gen.Elements(Enum.GetValues<ScratchpadMode>())
        select (
            new MatMulDescriptor { Source = source, Weights = weights, Bias = bias, Destination = destination },
            attributes with
            {
                WeightsScale = weightsScale, WeightsZeroPoint = weightsZero, NumericMode = mode, FloatMath = math, Scratchpad = scratch,
                SourceScale = m % 3 == 0
                    ? QuantizationScale.PerGroup(Scales(k / 4 * m * (m == 6 ? batch[0] * batch[1] : 1)), 4) : attributes.SourceScale,
            }),
        problem => RoundTrip(problem.Item1, problem.Item2), 300);

    [Fact]
    public void Poolings_resamplings_and_statistics_read_back() => Properties.Check(
        from shape in Arbitraries.ShapeOf(4, 6)
        from source in Layout(shape)
        from kind in Gen.Choose(0, 5)
        from kernel in Gen.Choose(1, 3).ArrayOf(2) from stride in Gen.Choose(1, 3).ArrayOf(2) from pad in Gen.Choose(0, 2).ArrayOf(2)
        from destinationType in AnyType
        let pooled = Shape.Create([shape[0], shape[1], shape[2], Math.Max(1, shape[3] - 1)])
        from pooledLayout in Layout(pooled)
        from destination in Layout(shape)
        from statistics in Gen.Elements(Enum.GetValues<NormalizationStatistics>())
        from parameters in Gen.Elements(true, false)
        let channels = new MemoryDescriptor([shape[1]], DataType.Float32)
        let mean = statistics == NormalizationStatistics.Computed ? null : channels
        let scale = parameters ? channels.WithDataType(DataType.BFloat16) : null
        let reduced = new MemoryDescriptor([shape[0], 1, 1, shape[3]], destinationType)
        from attributes in Quantization(kind switch { 0 => pooledLayout, 5 => reduced, _ => destination })
        select ((PrimitiveDescriptor)(kind switch
        {
            0 => new PoolingDescriptor
            {
                Algorithm = PoolingAlgorithm.AverageExcludePadding, Source = source, Destination = pooledLayout, Kernel = kernel,
                Strides = stride,
                PaddingBefore = pad, PaddingAfter = pad,
            },
            1 => new ResamplingDescriptor { Algorithm = ResamplingAlgorithm.Nearest, Source = source, Destination = destination },
            2 => new LrnDescriptor { LocalSize = 3, Alpha = -0.5f, Beta = 1e-6f, K = 2, Source = source, Destination = destination },
            3 => new BatchNormalizationDescriptor
            {
                Source = source, Destination = destination, Statistics = statistics, Mean = mean, Variance = mean, Scale = scale,
                Epsilon = 1e-3f,
            },
            4 => new LayerNormalizationDescriptor { Source = source, Destination = destination, Axis = 2, Epsilon = 0 },
            _ => new ReductionDescriptor
            {
                Algorithm = ReductionAlgorithm.NormPowerMax, P = 3, Epsilon = 0.25f, Source = source, Destination = reduced,
            },
        }), attributes),
        problem => RoundTrip(problem.Item1, problem.attributes), 400);

    [Fact]
    public void Primitives_with_several_sources_read_back() => Properties.Check(
        from shape in Arbitraries.ShapeOf(3, 5)
        from a in Layout(shape) from b in Layout(shape) from c in Layout(shape)
        from kind in Gen.Choose(0, 6)
        from axis in Gen.Choose(0, 2)
        from condition in Gen.Elements(DataType.Int8, DataType.UInt8)
        let joined = shape.With(axis, 2 * shape[axis])
        from whole in Layout(joined)
        from attributes in Quantization(c)
        from joinedAttributes in Quantization(whole)
        select ((PrimitiveDescriptor)(kind switch
        {
            0 => new BinaryDescriptor { Algorithm = BinaryAlgorithm.GreaterOrEqual, Source = a, Source1 = b, Destination = c },
            1 => new SelectDescriptor { Source = a, Source1 = b, Condition = new(shape.With(axis, 1), condition), Destination = c },
            2 => new PReluDescriptor { Source = a, Slopes = b, Destination = c },
            3 => new ConcatDescriptor { Axis = axis, Sources = [a, b], Destination = whole, Scales = [1, 0.3f], ZeroPoints = [-4, 0] },
            4 => new SumDescriptor { Sources = [a, b], Destination = c, Scales = [-2, 1e-7f] },
            5 => new ReorderDescriptor { Source = a, Destination = b, ChannelAxis = axis },
            _ => new ReorderDescriptor
            {
                Source = a, Destination = b.WithDataType(DataType.Int8),
                SignedSourceCompensation = new(shape.With(axis, 1), DataType.Int32),
                ZeroPointCompensation = new([shape[0], 1, 1], DataType.Int32),
            },
        }), kind == 3 ? joinedAttributes with { PostOps = [], SourceScale = null, SourceZeroPoint = null }
            : kind == 4 ? attributes with { PostOps = [], SourceScale = null, SourceZeroPoint = null }
            : kind == 5 ? attributes with { PostOps = [], SourceScale = QuantizationScale.PerChannel(Scales(shape[axis])) }
            : kind == 6 ? attributes with { PostOps = [], DestinationZeroPoint = null } : attributes),
        problem => RoundTrip(problem.Item1, problem.Item2), 400);

    [Fact]
    public void What_the_notation_cannot_say_is_said_plainly()
    {
        var image = new MemoryDescriptor([1, 4, 6, 6], DataType.UInt8, FormatTag.Nhwc);
        ProblemLine offset = ProblemLine.Of(new EltwiseDescriptor
        {
            Algorithm = EltwiseAlgorithm.Relu, Source = image.Slice([0, 1, 0, 0], [1, 2, 6, 6]),
            Destination = image.Slice([0, 0, 0, 0], [1, 2, 6, 6]),
        });
        Assert.True(offset.IsAccepted && !offset.IsExact);
        Assert.EndsWith("# i8bench has its own offset of the tensor 1x2x6x6", offset.ToString(), StringComparison.Ordinal);

        ProblemLine scales = ProblemLine.Of(
            new ReorderDescriptor { Source = image, Destination = image },
            new PrimitiveAttributes { SourceScale = QuantizationScale.PerChannel([0.1f, 0.2f, 0.3f, 0.4f]) });
        Assert.EndsWith("--attr-scales=src:per_dim_1 1x4x6x6 # i8bench has its own src scales", scales.ToString(),
            StringComparison.Ordinal);

        ProblemLine type = ProblemLine.Of(
            new ReorderDescriptor { Source = new([2], DataType.Int64), Destination = new([2], DataType.Float32) });
        Assert.False(type.IsAccepted);
        Assert.EndsWith("# no problem of i8bench: the type s64", type.ToString(), StringComparison.Ordinal);

        ProblemLine empty = ProblemLine.Of(
            new ReorderDescriptor { Source = new([2, 0], DataType.Int8), Destination = new([2, 0], DataType.Float32) });
        Assert.Equal(["a tensor of shape 2x0"], empty.Obstacles);
    }

    [Fact]
    public void A_dispatch_report_ends_in_a_line_that_runs()
    {
        using CpuEngine engine = CpuEngine.Create();
        DispatchReport report = engine.Explain(Catalogue.Small[0].Descriptor, Catalogue.Small[0].Attributes);
        string last = report.ToString().Split(Environment.NewLine)[^1].Trim();
        Assert.StartsWith("i8bench --conv ", last, StringComparison.Ordinal);
        using var output = new StringWriter();
        Assert.Equal(0, new BenchSession(output).Run([.. ProblemText.Words(new StringReader(last)).Skip(1)]));
        Assert.StartsWith("0:PASSED", output.ToString(), StringComparison.Ordinal);
    }

    private static float[] Scales(int count) => [.. Enumerable.Range(0, count).Select(ProblemValues.Scale)];

    // Any order of dimensions, dense, blocked or with gaps.
    private static Gen<MemoryDescriptor> Layout(Shape shape) =>
        from type in AnyType
        from keys in Gen.Choose(0, 1000).ArrayOf(shape.Rank)
        from gap in Gen.Elements(0, 0, 3)
        from block in Gen.Elements(0, 0, 4)
        let order = Enumerable.Range(0, shape.Rank).OrderBy(d => keys[d]).ToArray()
        select block > 0 ? Blocked(shape, type, order, block) : Strided(shape, type, order, gap);

    private static MemoryDescriptor Blocked(Shape shape, DataType type, int[] order, int block)
    {
        string letters = string.Concat(order.Select(d => (char)((d == order[0] ? 'A' : 'a') + d)));
        return new MemoryDescriptor(shape, type, FormatTag.Parse($"{letters}{block}{(char)('a' + order[0])}"));
    }

    private static MemoryDescriptor Strided(Shape shape, DataType type, int[] order, int gap)
    {
        var strides = new long[shape.Rank];
        long stride = 1;
        foreach (int d in order.Reverse())
        {
            strides[d] = stride;
            stride = (stride * shape[d]) + gap;
        }

        return MemoryDescriptor.Strided(shape, type, strides);
    }

    private static Gen<QuantizationScale?> WeightsScale(int sum, int columns) => Gen.Elements<QuantizationScale?>(
        null, QuantizationScale.Runtime, QuantizationScale.RuntimePerChannel, QuantizationScale.PerTensor(0.3f),
        QuantizationScale.PerChannel(Scales(columns)), QuantizationScale.PerGroup(Scales(sum / 4 * columns), 4));

    private static Gen<PrimitiveAttributes> Quantization(MemoryDescriptor destination) =>
        from source in Gen.Elements<QuantizationScale?>(null, QuantizationScale.Runtime, QuantizationScale.PerTensor(1e-9f))
        from zero in Gen.Elements<ZeroPoint?>(null, ZeroPoint.Runtime, ZeroPoint.PerTensor(0), ZeroPoint.PerTensor(7))
        from result in Gen.Elements<QuantizationScale?>(null, QuantizationScale.Runtime, QuantizationScale.PerTensor(1e9f))
        from resultZero in Gen.Elements<ZeroPoint?>(null, ZeroPoint.Runtime, ZeroPoint.PerTensor(9))
        from binary in Gen.Elements(true, false)
        from postOps in destination.Rank >= 2 ? Arbitraries.PostOps(destination, binary) : Gen.Constant(PostOpChain.Empty)
        from further in Gen.Elements<PostOp>(
            PostOp.Sum(2, 0, destination.DataType), PostOp.Eltwise(EltwiseAlgorithm.Pow, 0, -0.5f),
            PostOp.PRelu(new(Shape.Filled(destination.Rank, 1), DataType.Float32)))
        select new PrimitiveAttributes
        {
            SourceScale = source, SourceZeroPoint = zero, DestinationScale = result, DestinationZeroPoint = resultZero,
            PostOps = postOps.Append(further),
        };

    // The line reads back as the problem; where it says less, the problem that it gives prints as the same line.
    private static ProblemLine RoundTrip(PrimitiveDescriptor descriptor, PrimitiveAttributes attributes)
    {
        ProblemLine line = ProblemLine.Of(descriptor, attributes);
        Assert.True(line.IsAccepted, line.ToString());
        BenchProblem read = Read(line);
        Assert.Equal(line.Command, ProblemLine.Of(read.Descriptor, read.Attributes).Command);
        if (line.IsExact)
        {
            Assert.Equal(Canonical(descriptor), Canonical(read.Descriptor));
            Assert.Equal(attributes, read.Attributes);
        }

        return line;
    }

    private static BenchProblem Read(ProblemLine line)
    {
        string[] words = [.. ProblemText.Words(new StringReader(line.ToString()))];
        Assert.Equal("i8bench", words[0]);
        Driver driver = Driver.Find(words[1][2..])!;
        var knobs = new Knobs();
        foreach (string word in words[2..^1])
        {
            int equals = word.IndexOf('=', StringComparison.Ordinal);
            Assert.True(knobs.TrySet(word[2..equals], word[(equals + 1)..]), word);
        }

        return driver.Build!(Assert.Single(knobs.Combinations()), words[^1]);
    }

    // Two ways to write one problem: unset extents, a bias without batch dimensions, padding that no window reads.
    private static PrimitiveDescriptor Canonical(PrimitiveDescriptor descriptor) => descriptor switch
    {
        ConvolutionDescriptorBase c => c with
        {
            Strides = [.. Axes(c.SpatialRank).Select(c.Stride)], Dilations = [.. Axes(c.SpatialRank).Select(c.Dilation)],
            PaddingBefore = [.. Axes(c.SpatialRank).Select(c.Before)], PaddingAfter = [],
        },
        PoolingDescriptor p => p with
        {
            Strides = [.. Axes(p.SpatialRank).Select(p.Stride)], Dilations = [.. Axes(p.SpatialRank).Select(p.Dilation)],
            PaddingBefore = [.. Axes(p.SpatialRank).Select(p.Before)], PaddingAfter = [],
        },
        MatMulDescriptor { Bias: { Rank: 1 } bias } m => m with
        {
            Bias = new MemoryDescriptor([.. Shape.Filled(m.Source.Rank - 1, 1), bias.Dimensions[0]], bias.DataType),
        },
        ConcatDescriptor c => c with
        {
            Scales = [.. Axes(c.Sources.Length).Select(c.Scale)], ZeroPoints = [.. Axes(c.Sources.Length).Select(c.ZeroPoint)],
        },
        SumDescriptor s => s with { Scales = [.. Axes(s.Sources.Length).Select(s.Scale)] },
        _ => descriptor,
    };

    private static IEnumerable<int> Axes(int count) => Enumerable.Range(0, count);
}
