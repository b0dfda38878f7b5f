// Reductions against the reference: every algorithm, set of axes, layout, type and tail.
using FsCheck;
using FsCheck.Fluent;
using Int8Runtime.TestKit;

namespace Int8Runtime.X64.Tests;

public sealed class ReductionTests
{
    [Fact]
    public void Every_algorithm_layout_and_type_agrees_with_the_reference()
    {
        Gen<Problem> problems =
            from shape in Layouts.Images
            from axes in Gen.Choose(0, 15)
            let result = Shape.Create([.. shape.Select((extent, d) => (axes & (1 << d)) != 0 ? 1 : extent)])
            from algorithm in Gen.Elements(Enum.GetValues<ReductionAlgorithm>()).Where(a => a != ReductionAlgorithm.Product)
            from sourceType in Layouts.AnyType
            from type in Layouts.AnyType
            from source in Layouts.Tensor(shape, sourceType)
            from destination in Layouts.Tensor(result, type)
            from p in Gen.Elements(1f, 2f, 3f)
            let descriptor = new ReductionDescriptor
            {
                Algorithm = algorithm, Source = source, Destination = destination, P = p, Epsilon = 0.5f,
            }
            where sourceType != DataType.Int32 || descriptor.IsExact
            from attributes in Attributes(source, destination)
            from options in Arbitraries.Options(Accepted(descriptor))
            select new Problem(descriptor, attributes, options);
        VectorEngines.CheckOnAllTiers(problems, 150);
    }

    [Fact]
    public void Products_agree_where_they_are_exact()
    {
        Gen<ReductionDescriptor> problems =
            from shape in Layouts.Images
            from axes in Gen.Choose(0, 15)
            let result = Shape.Create([.. shape.Select((extent, d) => (axes & (1 << d)) != 0 ? 1 : extent)])
            from source in Layouts.Tensor(shape, DataType.Float32)
            from destination in Layouts.Tensor(result, DataType.Float32)
            select new ReductionDescriptor { Algorithm = ReductionAlgorithm.Product, Source = source, Destination = destination };
        var signs = new CheckOptions { Fill = FillKind.Extremes };
        Properties.Check(problems, p => VectorEngines.CheckOnAllTiers(p, PrimitiveAttributes.Default, signs), 40);
    }

    [Theory]
    [InlineData(ReductionAlgorithm.Max)]
    [InlineData(ReductionAlgorithm.Min)]
    public void A_nan_wins_over_every_number(ReductionAlgorithm algorithm)
    {
        foreach (string tag in new[] { "abcd", "acdb" })
        {
            var descriptor = new ReductionDescriptor
            {
                Algorithm = algorithm, Source = new([2, 19, 5, 7], DataType.Float32, FormatTag.Parse(tag)),
                Destination = new([2, 19, 1, 1], DataType.Float32),
            };
            VectorEngines.CheckOnAllTiers(descriptor, PrimitiveAttributes.Default, new CheckOptions { Fill = FillKind.SpecialFloats });
        }
    }

    [Fact]
    public void Sums_of_integers_are_exact_beyond_the_mantissa_of_a_float()
    {
        // 255·70 000 + 1 needs 25 bits; a float sum would lose the last one.
        var source = new MemoryDescriptor([1, 70_001], DataType.UInt8);
        byte[] values = new byte[70_001];
        Array.Fill(values, (byte)255);
        values[^1] = 1;
        foreach (Isa isa in VectorEngines.Tiers)
        {
            using Engine engine = VectorEngines.Create(isa);
            using ExecutionStream stream = engine.CreateStream();
            using TensorMemory memory = TensorMemory.From<byte>(source, values);
            using var result = new TensorMemory(new MemoryDescriptor([1, 1], DataType.Float32));
            var descriptor = new ReductionDescriptor { Algorithm = ReductionAlgorithm.Sum, Source = source,
                Destination = result.Descriptor };
            var attributes = new PrimitiveAttributes { SourceZeroPoint = 255 };
            engine.Create(descriptor, attributes).Execute(stream, new UnaryArguments(memory, result));
            Assert.Equal(-254f, result.AsSpan<float>()[0]);
        }
    }

    [Fact]
    public void A_global_average_allocates_nothing()
    {
        var source = new MemoryDescriptor([2, 64, 7, 7], DataType.UInt8, FormatTag.Nhwc);
        var descriptor = new ReductionDescriptor
        {
            Algorithm = ReductionAlgorithm.Mean, Source = source, Destination = new([2, 64, 1, 1], DataType.UInt8),
        };
        using Engine engine = VectorEngines.Create(VectorEngines.Tiers.Last(), threads: 2);
        using ExecutionStream stream = engine.CreateStream();
        using var memory = new TensorMemory(source);
        using var result = new TensorMemory(descriptor.Destination);
        VectorEngines.CheckAllocatesNothing(engine.Create(descriptor), stream, memory, result);
    }

    [Theory]
    [InlineData(new[] { 2, 3 }, new[] { 2, 3, 1 })]
    [InlineData(new[] { 2, 3 }, new[] { 2, 2 })]
    public void Destinations_that_are_no_reduction_are_refused(int[] source, int[] destination)
    {
        var descriptor = new ReductionDescriptor
        {
            Algorithm = ReductionAlgorithm.Sum, Source = new(source, DataType.Float32), Destination = new(destination, DataType.Float32),
        };
        Assert.Throws<ArgumentException>(() => descriptor.Validate(PrimitiveAttributes.Default));
    }

    private static Gen<PrimitiveAttributes> Attributes(MemoryDescriptor source, MemoryDescriptor destination) =>
        from sourceZeroPoint in source.DataType.IsInt8() ? Arbitraries.ZeroPoint(source.DataType) : Gen.Constant(0)
        from zeroPoint in destination.DataType.IsInt8() ? Arbitraries.ZeroPoint(destination.DataType) : Gen.Constant(0)
        from scaled in Gen.Elements(true, false)
        from postOps in Arbitraries.PostOps(destination)
        select new PrimitiveAttributes
        {
            SourceScale = source.DataType.IsInt8() && scaled ? QuantizationScale.PerTensor(0.05f) : null,
            SourceZeroPoint = sourceZeroPoint,
            DestinationScale = destination.DataType.IsInt8() ? QuantizationScale.PerTensor(0.4f) : null,
            DestinationZeroPoint = zeroPoint,
            PostOps = postOps,
        };

    // Integer sums, extremes and what follows them are exact; sums of real numbers differ by their order, and post-ops (a square,
    // a factor of up to 1000) magnify that.
    private static Tolerance Accepted(ReductionDescriptor descriptor)
    {
        bool exact = descriptor.IsExact || descriptor.Algorithm is ReductionAlgorithm.Max or ReductionAlgorithm.Min;
        DataType type = descriptor.Destination.DataType;
        return exact ? Tolerance.Exact
            : type.IsFloatingPoint() ? new Tolerance(2, 1e-4, 1e-4)
            : new Tolerance(1, 1e-4);
    }
}
