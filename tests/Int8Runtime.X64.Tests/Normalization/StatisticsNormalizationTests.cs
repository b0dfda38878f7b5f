// Batch and group normalization, and statistics that are stored or given, against the reference.
using FsCheck;
using FsCheck.Fluent;
using Int8Runtime.TestKit;

namespace Int8Runtime.X64.Tests;

public sealed class StatisticsNormalizationTests
{
    [Fact]
    public void Batch_normalization_is_close_to_the_reference() => Check(
        (problem, shape) => new BatchNormalizationDescriptor
        {
            Source = problem.Source, Destination = problem.Destination, Epsilon = 1e-3f, Statistics = problem.Statistics,
            Mean = problem.Parameters([shape[1]]), Variance = problem.Parameters([shape[1]]),
            Scale = problem.Scale([shape[1]]), Shift = problem.Shift([shape[1]]),
        });

    [Fact]
    public void Group_normalization_is_close_to_the_reference() => Check((problem, shape) =>
    {
        int groups = Enumerable.Range(1, shape[1]).Where(g => shape[1] % g == 0).Skip(shape[2] % 3).FirstOrDefault(1);
        return new GroupNormalizationDescriptor
        {
            Groups = groups, Source = problem.Source, Destination = problem.Destination, Epsilon = 1e-3f, Statistics = problem.Statistics,
            Mean = problem.Parameters([shape[0], groups]), Variance = problem.Parameters([shape[0], groups]),
            Scale = problem.Scale([shape[1]]), Shift = problem.Shift([shape[1]]),
        };
    });

    [Fact]
    public void Layer_normalization_with_statistics_and_operands_is_close_to_the_reference() => Check((problem, shape) =>
        new LayerNormalizationDescriptor
        {
            Axis = 2, Source = problem.Source, Destination = problem.Destination, Epsilon = 1e-3f, Statistics = problem.Statistics,
            Mean = problem.Parameters([shape[0], shape[1]]), Variance = problem.Parameters([shape[0], shape[1]]),
            Scale = problem.Scale([shape[2], shape[3]]), Shift = problem.Shift([shape[2], shape[3]]),
        });

    // Sums of a million numbers, one behind the other, would show their rounding.
    [Theory]
    [InlineData("nchw")]
    [InlineData("nhwc")]
    public void Statistics_of_large_sets_are_not_rounded_away(string tag)
    {
        const int Channels = 2, SetSize = 64 * 128 * 128;
        var tensor = new MemoryDescriptor([64, Channels, 128, 128], DataType.Float32, FormatTag.Parse(tag));
        var statistics = new MemoryDescriptor([Channels], DataType.Float32);
        using TensorMemory memory = new(tensor), destination = new(tensor), mean = new(statistics), variance = new(statistics);
        TensorFill.Random(memory, seed: 3);
        Span<float> values = memory.AsSpan<float>();
        for (int i = 0; i < values.Length; i++)
            values[i] += 3;
        double[] sums = new double[Channels], squares = new double[Channels];
        for (int i = 0; i < values.Length; i++)
        {
            int channel = tag == "nhwc" ? i % Channels : i / (128 * 128) % Channels;
            sums[channel] += values[i];
            squares[channel] += (double)values[i] * values[i];
        }

        foreach (Isa isa in VectorEngines.Tiers)
        {
            using Engine engine = VectorEngines.Create(isa, threads: 1);
            using ExecutionStream stream = engine.CreateStream();
            using Primitive primitive = engine.Create(new BatchNormalizationDescriptor
            {
                Source = tensor, Destination = tensor, Statistics = NormalizationStatistics.Stored, Mean = statistics,
                Variance = statistics,
            });
            primitive.Execute(stream, new NormalizationArguments(memory, destination, null, null, mean, variance));
            for (int c = 0; c < Channels; c++)
            {
                double expected = sums[c] / SetSize, spread = (squares[c] / SetSize) - (expected * expected);
                Assert.InRange(Math.Abs(mean.AsSpan<float>()[c] - expected) / Math.Sqrt(spread), 0, 1e-5);
                Assert.InRange(Math.Abs(variance.AsSpan<float>()[c] - spread) / spread, 0, 2e-5);
            }
        }
    }

    [Fact]
    public void Executing_allocates_nothing()
    {
        var tensor = new MemoryDescriptor([2, 24, 5, 5], DataType.Float32, FormatTag.Nhwc);
        var statistics = new MemoryDescriptor([2, 4], DataType.Float32);
        using Engine engine = VectorEngines.Create(VectorEngines.Tiers.Last(), threads: 2);
        using ExecutionStream stream = engine.CreateStream();
        Primitive primitive = engine.Create(new GroupNormalizationDescriptor
        {
            Groups = 4, Source = tensor, Destination = tensor, Statistics = NormalizationStatistics.Stored, Mean = statistics,
            Variance = statistics,
        });
        using TensorMemory memory = new(tensor), mean = new(statistics), variance = new(statistics);
        Assert.Equal(0, Allocations.Fewest(() => primitive.Execute(stream, new NormalizationArguments(memory, memory, null, null, mean, variance))));
    }

    [Theory]
    [InlineData(NormalizationStatistics.Given, false)]
    [InlineData(NormalizationStatistics.Computed, true)]
    public void Statistics_without_tensors_and_tensors_without_use_are_refused(NormalizationStatistics statistics, bool hasTensors)
    {
        var tensor = new MemoryDescriptor([2, 6, 5, 5], DataType.Float32);
        MemoryDescriptor? parameters = hasTensors ? new([6], DataType.Float32) : null;
        var descriptor = new BatchNormalizationDescriptor
        {
            Source = tensor, Destination = tensor, Statistics = statistics, Mean = parameters, Variance = parameters,
        };
        Assert.Throws<ArgumentException>(() => descriptor.Validate(PrimitiveAttributes.Default));
    }

    private static void Check(Func<Parts, Shape, NormalizationDescriptor> build)
    {
        Gen<Problem> problems =
            from shape in Layouts.Images
            from sourceType in Layouts.AnyType.Where(type => type != DataType.Int32)
            from type in Layouts.AnyType.Where(type => type != DataType.Int32)
            from source in Layouts.Tensor(shape, sourceType)
            from destination in Gen.OneOf(
                Gen.Constant(source.WithDataType(type)),
                Layouts.Tensor(shape, type))
            from statistics in Gen.Elements(Enum.GetValues<NormalizationStatistics>())
            from parameter in Gen.Elements(DataType.Float32, DataType.Float32, DataType.BFloat16, DataType.Float16)
            from scale in Gen.Elements(true, false)
            from shift in Gen.Elements(true, false)
            let descriptor = build(new Parts(source, destination, statistics, parameter, scale, shift), shape)
            from attributes in NormalizationProblems.Attributes(source, destination)
            from postOps in Arbitraries.PostOps(destination)
            from options in Arbitraries.Options(NormalizationProblems.Accepted(destination.DataType))
            select new Problem(descriptor, attributes with { PostOps = postOps }, options);
        VectorEngines.CheckOnAllTiers(problems, 70);
    }

    private sealed record Parts(
        MemoryDescriptor Source, MemoryDescriptor Destination, NormalizationStatistics Statistics, DataType Parameter,
        bool HasScale, bool HasShift)
    {
        public MemoryDescriptor? Parameters(Shape shape) =>
            Statistics == NormalizationStatistics.Computed ? null : new MemoryDescriptor(shape, DataType.Float32);

        public MemoryDescriptor? Scale(Shape shape) => HasScale ? new MemoryDescriptor(shape, Parameter) : null;

        public MemoryDescriptor? Shift(Shape shape) => HasShift ? new MemoryDescriptor(shape, Parameter) : null;
    }
}
