// Integer weights of a floating-point source with a scale and a zero point for each group along K and each column, and 8-bit sources
// with those of each row and group.
using FsCheck;
using FsCheck.Fluent;
using Int8Runtime.Jit;
using Int8Runtime.TestKit;

namespace Int8Runtime.X64.Tests.MatMul;

public sealed class WeightGroupTests
{
    private static readonly KernelCache Cache = new();

    private static readonly DataType[] WeightTypes = [DataType.Int8, DataType.UInt8, DataType.Int4, DataType.UInt4];

    [Fact]
    public void Groups_of_scales_and_zero_points_stay_within_the_bound_of_a_sum_on_every_tier()
    {
        Gen<Problem> problems =
            from source in Gen.Elements(DataType.Float32, DataType.Float32, DataType.BFloat16, DataType.Float16)
            from weights in Gen.Elements(WeightTypes)
            from destination in Gen.Elements(DataType.Float32, source)
            from m in Gen.OneOf(Gen.Constant(1), Gen.Choose(1, 9), Gen.Choose(10, 40))
            from n in Gen.OneOf(Gen.Choose(1, 40), Gen.Elements(64, 65))
            from size in Gen.Elements(1, 2, 3, 8, 16, 32)
            from groups in Gen.Choose(1, 5)
            from missing in Gen.OneOf(Gen.Constant(0), Gen.Choose(0, size - 1)) // of the last group
            from packed in Gen.Elements(true, false)
            from batch in Gen.Elements(1, 1, 2, 3)
            from own in Gen.Elements(1, batch).Two() // matrices with values of their own
            from scales in Gen.Choose(1, 16).ArrayOf(groups * n * own.Item1)
            from zeroPoints in Gen.Choose(weights.IntegerRange().Min, weights.IntegerRange().Max).ArrayOf(groups * n * own.Item2)
            from hasScales in Gen.Elements(true, true, false)
            from hasZeroPoints in Gen.Elements(true, true, false)
            from postOps in Gen.Elements<PostOpChain>([], [PostOp.Relu(0.25f)], [PostOp.Sum(0.5f)])
            from options in Arbitraries.Options(Arbitraries.FloatSum(destination, 64 * size * groups))
            let shape = Shape.Create([batch, (size * groups) - missing, n])
            select new Problem(
                new MatMulDescriptor
                {
                    Source = new([batch, m, (size * groups) - missing], source),
                    Weights = packed ? MemoryDescriptor.Any(shape, weights) : new MemoryDescriptor(shape, weights),
                    Bias = n % 2 == 0 ? new MemoryDescriptor([n], DataType.Float32) : null,
                    Destination = new([batch, m, n], destination),
                },
                new PrimitiveAttributes
                {
                    // Small scales keep sums of integers in the range of the bound.
                    WeightsScale = hasScales
                        ? QuantizationScale.PerGroup([.. scales.Select(scale => scale / 4096f)], size)
                        : QuantizationScale.PerTensor(1 / 256f),
                    WeightsZeroPoint = hasZeroPoints ? ZeroPoint.PerGroup(zeroPoints, size) : null,
                    PostOps = postOps,
                },
                options);
        foreach ((string _, Isa isa) in Tiers.Generated)
            Properties.Check(problems, problem => Check(isa, problem), 30);
    }

    [Fact]
    public void Groups_of_both_integer_operands_stay_within_the_bound_of_a_sum_on_every_tier()
    {
        Gen<Problem> problems =
            from source in Arbitraries.Int8Type
            from weights in Gen.Elements(WeightTypes)
            from destination in Gen.Elements(DataType.Float32, DataType.BFloat16, DataType.UInt8)
            from batch in Gen.Choose(1, 3)
            from m in Gen.Choose(1, 9)
            from n in Gen.OneOf(Gen.Choose(1, 40), Gen.Elements(64, 65))
            from size in Gen.Elements(1, 2, 3, 8, 16, 32)
            from groups in Gen.Choose(1, 5)
            from transposed in Gen.Elements(true, false)
            from sharesWeights in Gen.Elements(true, false)
            from ofSource in Gen.Elements(1, batch).Two() // matrices with values of their own
            from ofWeights in Gen.Elements(1, sharesWeights ? 1 : batch).Two()
            from sourceScales in Gen.Choose(1, 16).ArrayOf(groups * m * ofSource.Item1)
            from sourceZeros in Gen.Choose(-40_000, 40_000).ArrayOf(Math.Max(groups * m * ofSource.Item2, size * groups))
            from scales in Gen.Choose(1, 16).ArrayOf(groups * n * ofWeights.Item1)
            from zeroPoints in Gen.Choose(-128, 255).ArrayOf(groups * n * ofWeights.Item2)
            from kind in Gen.Choose(1, 15)
            from zeroKind in Gen.Choose(0, 3)
            from postOps in Gen.Elements<PostOpChain>([], [PostOp.Relu(0.25f)], [PostOp.Sum(0.5f)])
            from options in Arbitraries.Options(Arbitraries.FloatSum(destination, 64L * size * groups) with { Ulps = 1 })
            let sum = size * groups
            select new Problem(
                new MatMulDescriptor
                {
                    Source = new([batch, m, sum], source, FormatTag.Parse(transposed ? "acb" : "abc")),
                    Weights = MemoryDescriptor.Any([sharesWeights ? 1 : batch, sum, n], weights),
                    Bias = n % 2 == 0 ? new MemoryDescriptor([n], DataType.Float32) : null,
                    Destination = new([batch, m, n], destination),
                },
                new PrimitiveAttributes
                {
                    // Small scales keep sums of integers in the range of the bound.
                    SourceScale = (kind & 1) != 0
                        ? QuantizationScale.PerGroup([.. sourceScales.Select(scale => scale / 4096f)], size)
                        : QuantizationScale.PerTensor(1 / 4096f),
                    SourceZeroPoint = zeroKind switch
                    {
                        0 => ZeroPoint.PerGroup([.. sourceZeros.Take(groups * m * ofSource.Item2).Select(zero => zero / 200)], size),
                        1 => ZeroPoint.PerChannel([.. sourceZeros.Take(sum).Select(zero => zero / 200)]),
                        2 => ZeroPoint.Runtime,
                        _ => null,
                    },
                    WeightsScale = (kind & 2) != 0 ? QuantizationScale.PerGroup([.. scales.Select(scale => scale / 4096f)], size)
                        : (kind & 4) != 0 ? QuantizationScale.PerTensor(1 / 256f)
                        : QuantizationScale.PerChannel([.. scales.Take(n).Select(scale => scale / 4096f)]),
                    // At least one of them comes in groups.
                    WeightsZeroPoint = (kind & 8) != 0 || (kind & 3) == 0 ? ZeroPoint.PerGroup(zeroPoints, size) : null,
                    PostOps = postOps,
                },
                options);
        foreach ((string _, Isa isa) in Tiers.Generated)
            Properties.Check(problems, problem => Check(isa, problem), 30);
    }

    [Fact]
    public void Products_of_8_by_4_bit_integers_are_exact_on_every_tier()
    {
        Gen<Problem> problems =
            from source in Arbitraries.Int8Type
            from weights in Gen.Elements(DataType.Int4, DataType.UInt4)
            from destination in Gen.Elements(DataType.Int32, DataType.Float32, DataType.UInt8)
            from batch in Gen.Choose(1, 2)
            from m in Gen.Choose(1, 9)
            from n in Gen.OneOf(Gen.Choose(1, 40), Gen.Elements(64, 65))
            from k in Gen.Choose(1, 70)
            from packed in Gen.Elements(true, false)
            from scales in Arbitraries.Scale.ArrayOf(n)
            from sourceZero in Gen.Elements<ZeroPoint?>(null, ZeroPoint.PerTensor(7), ZeroPoint.Runtime)
            from weightsZero in Gen.Elements<ZeroPoint?>(
                null, ZeroPoint.PerTensor(8), ZeroPoint.Runtime, ZeroPoint.PerChannel([.. Enumerable.Range(-n, n)]))
            from mode in Gen.Elements(NumericMode.Exact, NumericMode.ExactPairs)
            from options in Arbitraries.Options()
            select new Problem(
                new MatMulDescriptor
                {
                    Source = new([batch, m, k], source),
                    Weights = packed ? MemoryDescriptor.Any([1, k, n], weights) : new([1, k, n], weights),
                    Destination = new([batch, m, n], destination),
                },
                new PrimitiveAttributes
                {
                    SourceScale = QuantizationScale.PerTensor(0.25f), WeightsScale = QuantizationScale.PerChannel(scales),
                    SourceZeroPoint = sourceZero, WeightsZeroPoint = weightsZero, NumericMode = mode,
                },
                options);
        foreach ((string _, Isa isa) in Tiers.Generated)
            Properties.Check(problems, problem => Check(isa, problem), 25);
    }

    [Fact]
    public void Groups_that_do_not_fit_are_refused()
    {
        var descriptor = new MatMulDescriptor
        {
            Source = new([2, 12], DataType.Float32), Weights = new([12, 3], DataType.Int8), Destination = new([2, 3], DataType.Float32),
        };
        using var engine = new TestEngine(CpuFeatures.Host.Isa, [new BrgemmMatMul(Cache, CpuFeatures.Host)]);
        foreach ((int count, int size) in ((int, int)[])[(6, 5), (8, 4), (18, 4)]) // the last one as for a batch of two
        {
            var attributes = new PrimitiveAttributes { WeightsScale = QuantizationScale.PerGroup([.. Enumerable.Repeat(1f, count)], size) };
            Assert.Throws<ArgumentException>(() => engine.Create(descriptor, attributes));
        }
    }

    /// <summary>Weights of 4 bits are multiplied as the same numbers in bytes are, to the bit, whatever a source element is.</summary>
    [Fact]
    public unsafe void Integers_of_4_bits_give_the_bits_of_the_same_integers_of_8()
    {
        Gen<(MatMulDescriptor Product, PrimitiveAttributes Attributes, int Seed, FillKind Fill)> problems =
            from signed in Gen.Elements(true, false)
            from m in Gen.OneOf(Gen.Choose(1, 6), Gen.Elements(17, 40))
            from n in Gen.OneOf(Gen.Choose(1, 40), Gen.Elements(64, 130))
            from k in Gen.OneOf(Gen.Choose(1, 9), Gen.Choose(10, 130))
            from size in Gen.Elements(0, 1, 3, 16, 32, 1000)
            let groups = size == 0 ? 1 : (k + size - 1) / size
            from scales in Arbitraries.Scale.ArrayOf(groups * n)
            from zeros in Gen.Elements(-8, 0, 7, 15, 130, 255, -128, 30_000).ArrayOf(groups * n)
            from small in Gen.Elements(true, false)
            from hasZeros in Gen.Elements(true, true, false)
            from seed in Gen.Choose(0, 1 << 20)
            from fill in Gen.Elements(FillKind.Typical, FillKind.Extremes, FillKind.SpecialFloats)
            let zeroPoints = small ? Array.ConvertAll(zeros, z => z & 15) : zeros
            select (
                new MatMulDescriptor
                {
                    Source = new([m, k], DataType.Float32),
                    Weights = MemoryDescriptor.Any([k, n], signed ? DataType.Int4 : DataType.UInt4),
                    Destination = new([m, n], DataType.Float32),
                },
                new PrimitiveAttributes
                {
                    WeightsScale = size == 0 ? QuantizationScale.PerChannel(scales) : QuantizationScale.PerGroup(scales, size),
                    WeightsZeroPoint = !hasZeros ? null : size == 0 ? ZeroPoint.PerChannel(zeroPoints) : ZeroPoint.PerGroup(zeroPoints, size),
                },
                seed, fill);
        foreach ((string _, Isa isa) in Tiers.Generated)
        {
            using var engine = new TestEngine(isa, [new BrgemmMatMul(Cache, CpuFeatures.Host)]);
            Properties.Check(problems, problem =>
            {
                MatMulDescriptor narrow = problem.Product;
                DataType type = narrow.Weights.DataType, wide = type == DataType.Int4 ? DataType.Int8 : DataType.UInt8;
                using var source = new TensorMemory(narrow.Source);
                using var weights = new TensorMemory(new MemoryDescriptor(narrow.Weights.Dimensions, type));
                TensorFill.Random(source, problem.Seed, problem.Fill);
                TensorFill.Random(weights, problem.Seed + 1, problem.Fill);
                using TensorMemory ofBytes = Run(engine, narrow with { Weights = narrow.Weights.WithDataType(wide) }, problem.Attributes,
                    source, weights.View(weights.Descriptor.WithDataType(wide)));
                using TensorMemory ofNibbles = Run(engine, narrow, problem.Attributes, source, weights);
                Assert.True(
                    new Span<byte>(ofBytes.Data, (int)narrow.Destination.SizeInBytes).SequenceEqual(
                        new Span<byte>(ofNibbles.Data, (int)narrow.Destination.SizeInBytes)));
            }, 40);
        }

        static TensorMemory Run(
            Engine engine, MatMulDescriptor descriptor, PrimitiveAttributes attributes, TensorMemory source, TensorMemory weights)
        {
            Primitive primitive = engine.Create(descriptor, attributes);
            using TensorMemory packed = WeightsPacking.Pack(engine, weights, primitive.Weights);
            var destination = new TensorMemory(descriptor.Destination);
            using ExecutionStream stream = engine.CreateStream();
            primitive.Execute(stream, new MatMulArguments(source, packed, null, destination));
            return destination;
        }
    }

    /// <summary>Two weights in a byte: half the memory, but for scales and zero points.</summary>
    [Fact]
    public void Packed_weights_of_4_bits_take_half_of_the_bytes()
    {
        using var engine = new TestEngine(CpuFeatures.Host.Isa, [new BrgemmMatMul(Cache, CpuFeatures.Host)]);
        long Bytes(DataType type, int group) => engine.Create(
            new MatMulDescriptor
            {
                Source = new([1, 4096], DataType.Float32), Weights = MemoryDescriptor.Any([4096, 512], type),
                Destination = new([1, 512], DataType.Float32),
            },
            group == 0 ? new() : new()
            {
                WeightsScale = QuantizationScale.PerGroup([.. Enumerable.Repeat(0.5f, 4096 / group * 512)], group),
                WeightsZeroPoint = ZeroPoint.PerGroup([.. Enumerable.Repeat(8, 4096 / group * 512)], group),
            }).Weights.SizeInBytes;
        const double Elements = 4096 * 512;
        Assert.InRange(Bytes(DataType.Int8, 0) / Elements, 1, 1.01);
        Assert.InRange(Bytes(DataType.Int4, 0) / Elements, 0.5, 0.51);
        Assert.InRange(Bytes(DataType.UInt4, 32) / Elements, 0.65, 0.66); // a group has 4 bytes of scale and 1 of zero point
    }

    private static void Check(Isa isa, Problem problem)
    {
        IImplementation product = new BrgemmMatMul(Cache, CpuFeatures.Host);
        using var engine = new TestEngine(isa, [product, new DequantizedMatMul(product, Cache)], threads: 1 + (problem.Options.Seed % 2));
        PrimitiveCheck.AgainstReference(engine, problem.Descriptor, problem.Attributes, problem.Options);
    }
}
