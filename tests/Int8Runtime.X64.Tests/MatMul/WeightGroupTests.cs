// 8-bit weights of a floating-point source with a scale and a zero point for each group along K and each column, and 8-bit sources
// with those of each row and group.
using FsCheck;
using FsCheck.Fluent;
using Int8Runtime.Jit;
using Int8Runtime.TestKit;

namespace Int8Runtime.X64.Tests.MatMul;

public sealed class WeightGroupTests
{
    private static readonly KernelCache Cache = new();

    [Fact]
    public void Groups_of_scales_and_zero_points_stay_within_the_bound_of_a_sum_on_every_tier()
    {
        Gen<Problem> problems =
            from source in Gen.Elements(DataType.Float32, DataType.Float32, DataType.BFloat16, DataType.Float16)
            from weights in Arbitraries.Int8Type
            from destination in Gen.Elements(DataType.Float32, source)
            from m in Gen.Choose(1, 9)
            from n in Gen.OneOf(Gen.Choose(1, 40), Gen.Elements(64, 65))
            from size in Gen.Elements(1, 2, 3, 8, 16, 32)
            from groups in Gen.Choose(1, 5)
            from packed in Gen.Elements(true, false)
            from scales in Gen.Choose(1, 16).ArrayOf(groups * n)
            from zeroPoints in Gen.Choose(weights == DataType.UInt8 ? 0 : -128, weights == DataType.UInt8 ? 255 : 127).ArrayOf(groups * n)
            from hasScales in Gen.Elements(true, true, false)
            from hasZeroPoints in Gen.Elements(true, true, false)
            from postOps in Gen.Elements<PostOpChain>([], [PostOp.Relu(0.25f)], [PostOp.Sum(0.5f)])
            from options in Arbitraries.Options(Arbitraries.FloatSum(destination, 64 * size * groups))
            let shape = Shape.Create([size * groups, n])
            select new Problem(
                new MatMulDescriptor
                {
                    Source = new([m, size * groups], source),
                    Weights = packed ? MemoryDescriptor.Any(shape, weights) : new MemoryDescriptor(shape, weights),
                    Bias = n % 2 == 0 ? new MemoryDescriptor([n], DataType.Float32) : null,
                    Destination = new([m, n], destination),
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
            from weights in Arbitraries.Int8Type
            from destination in Gen.Elements(DataType.Float32, DataType.BFloat16, DataType.UInt8)
            from batch in Gen.Choose(1, 2)
            from m in Gen.Choose(1, 9)
            from n in Gen.OneOf(Gen.Choose(1, 40), Gen.Elements(64, 65))
            from size in Gen.Elements(1, 2, 3, 8, 16, 32)
            from groups in Gen.Choose(1, 5)
            from transposed in Gen.Elements(true, false)
            from sourceScales in Gen.Choose(1, 16).ArrayOf(groups * m)
            from sourceZeros in Gen.Choose(-40_000, 40_000).ArrayOf(Math.Max(groups * m, size * groups))
            from scales in Gen.Choose(1, 16).ArrayOf(groups * n)
            from zeroPoints in Gen.Choose(-128, 255).ArrayOf(groups * n)
            from kind in Gen.Choose(1, 15)
            from zeroKind in Gen.Choose(0, 3)
            from postOps in Gen.Elements<PostOpChain>([], [PostOp.Relu(0.25f)], [PostOp.Sum(0.5f)])
            from options in Arbitraries.Options(Arbitraries.FloatSum(destination, 64L * size * groups) with { Ulps = 1 })
            let sum = size * groups
            select new Problem(
                new MatMulDescriptor
                {
                    Source = new([batch, m, sum], source, FormatTag.Parse(transposed ? "acb" : "abc")),
                    Weights = MemoryDescriptor.Any([1, sum, n], weights),
                    Bias = n % 2 == 0 ? new MemoryDescriptor([n], DataType.Float32) : null,
                    Destination = new([batch, m, n], destination),
                },
                new PrimitiveAttributes
                {
                    // Small scales keep sums of integers in the range of the bound.
                    SourceScale = (kind & 1) != 0
                        ? QuantizationScale.PerGroup([.. sourceScales.Take(groups * m).Select(scale => scale / 4096f)], size)
                        : QuantizationScale.PerTensor(1 / 4096f),
                    SourceZeroPoint = zeroKind switch
                    {
                        0 => ZeroPoint.PerGroup([.. sourceZeros.Take(groups * m).Select(zero => zero / 200)], size),
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
    public void Groups_that_do_not_fit_are_refused()
    {
        var descriptor = new MatMulDescriptor
        {
            Source = new([2, 12], DataType.Float32), Weights = new([12, 3], DataType.Int8), Destination = new([2, 3], DataType.Float32),
        };
        using var engine = new TestEngine(CpuFeatures.Host.Isa, [new BrgemmMatMul(Cache, CpuFeatures.Host)]);
        foreach ((int count, int size) in ((int, int)[])[(9, 5), (8, 4)])
        {
            var attributes = new PrimitiveAttributes { WeightsScale = QuantizationScale.PerGroup([.. Enumerable.Repeat(1f, count)], size) };
            Assert.Throws<ArgumentException>(() => engine.Create(descriptor, attributes));
        }
    }

    private static void Check(Isa isa, Problem problem)
    {
        IImplementation product = new BrgemmMatMul(Cache, CpuFeatures.Host);
        using var engine = new TestEngine(isa, [product, new DequantizedMatMul(product, Cache)], threads: 1 + (problem.Options.Seed % 2));
        PrimitiveCheck.AgainstReference(engine, problem.Descriptor, problem.Attributes, problem.Options);
    }
}
