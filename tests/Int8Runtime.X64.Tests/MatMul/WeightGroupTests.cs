// 8-bit weights of a floating-point source with a scale and a zero point for each group along K and each column.
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
        using var engine = new TestEngine(isa, [new BrgemmMatMul(Cache, CpuFeatures.Host)], threads: 1 + (problem.Options.Seed % 2));
        PrimitiveCheck.AgainstReference(engine, problem.Descriptor, problem.Attributes, problem.Options);
    }
}
