// Matrix products of random shapes, types, strides and broadcasts, with packed weights and with activations on the right.
using FsCheck;
using FsCheck.Fluent;
using Int8Runtime.Jit;
using Int8Runtime.TestKit;

namespace Int8Runtime.X64.Tests.MatMul;

public sealed class BrgemmMatMulTests
{
    private static readonly KernelCache Cache = new();

    private static Gen<int> Extent { get; } = Gen.OneOf(Gen.Elements(1, 1, 2, 3, 7, 16, 17, 33, 64), Gen.Choose(1, 80));

    [Fact]
    public void Integer_products_are_exact_on_every_tier()
    {
        Gen<Problem> problems =
            from source in Arbitraries.Int8Type
            from weights in Arbitraries.Int8Type
            from destination in Arbitraries.DestinationType
            from descriptor in Product(source, weights, destination)
            from attributes in Arbitraries.IntegerProductAttributes(source, descriptor.Destination, descriptor.N)
            from options in Arbitraries.Options()
            select new Problem(descriptor, WithoutOperands(attributes), options);
        foreach ((string tier, Isa isa) in Tiers.Generated)
            Properties.Check(problems, problem => Check(isa, problem), 80);
    }

    [Fact]
    public void Float_products_stay_within_the_bound_of_a_sum()
    {
        Gen<Problem> problems =
            from types in Arbitraries.FloatTypes
            from descriptor in Product(types.Source, types.Weights, types.Destination)
            from options in Arbitraries.Options(Arbitraries.FloatSum(types.Destination, descriptor.K))
            select new Problem(descriptor, PrimitiveAttributes.Default, options);
        foreach ((string tier, Isa isa) in Tiers.Generated)
            Properties.Check(problems, problem => Check(isa, problem), 60);
    }

    [Fact]
    public void Operands_of_post_ops_may_be_scalars_columns_rows_of_a_batch_or_full_tensors()
    {
        foreach ((string tier, Isa isa) in Tiers.Generated)
        {
            foreach (Shape operand in new Shape[] { [1, 1, 1], [1, 1, 37], [3, 1, 37], [3, 5, 37] })
            {
                var descriptor = new MatMulDescriptor
                {
                    Source = new([3, 5, 20], DataType.UInt8),
                    Weights = MemoryDescriptor.Any([1, 20, 37], DataType.Int8),
                    Bias = new([37], DataType.Float32),
                    Destination = new([3, 5, 37], DataType.UInt8),
                };
                var attributes = new PrimitiveAttributes
                {
                    SourceZeroPoint = 7,
                    DestinationScale = QuantizationScale.PerTensor(20),
                    PostOps = [PostOp.Binary(BinaryAlgorithm.Multiply, new(operand, DataType.Float32)), PostOp.Relu()],
                };
                Check(isa, new Problem(descriptor, attributes, new CheckOptions { Seed = 5 }));
            }
        }
    }

    [Fact]
    public void A_source_zero_point_may_be_given_at_execution()
    {
        foreach ((string tier, Isa isa) in Tiers.Generated)
        {
            foreach (DataType type in new[] { DataType.UInt8, DataType.Int8 })
            {
                var descriptor = new MatMulDescriptor
                {
                    Source = new([9, 35], type), Weights = MemoryDescriptor.Any([35, 50], DataType.Int8),
                    Destination = new([9, 50], DataType.Int32),
                };
                Check(isa, new Problem(descriptor, new() { SourceZeroPoint = ZeroPoint.Runtime },
                    new CheckOptions { RuntimeZeroPoint = -11 }));
            }
        }
    }

    private static Gen<MatMulDescriptor> Product(DataType source, DataType weights, DataType destination) =>
        from m in Extent
        from n in Extent
        from k in Extent
        from batch in Gen.Choose(1, 3).ArrayOf(2)
        from rank in Gen.Choose(2, 4)
        from sourceBroadcasts in Gen.Elements(false, false, true)
        from weightsBroadcast in Gen.Elements(false, true)
        from packed in Gen.Elements(true, false)
        from transposes in Gen.Elements(false, true).ArrayOf(2)
        from bias in Gen.Elements(true, false)
        let batches = batch.Take(rank - 2).ToArray()
        select new MatMulDescriptor
        {
            Source = Matrix(Batches(batches, sourceBroadcasts), m, k, source, transposes[0]),
            Weights = packed
                ? MemoryDescriptor.Any([.. Batches(batches, weightsBroadcast), k, n], weights)
                : Matrix(Batches(batches, weightsBroadcast), k, n, weights, transposes[1]),
            Bias = bias ? new MemoryDescriptor([n], DataType.Float32) : null,
            Destination = Matrix(batches, m, n, destination, false),
        };

    private static int[] Batches(int[] batches, bool broadcasts) => broadcasts ? [.. batches.Select(_ => 1)] : batches;

    private static MemoryDescriptor Matrix(int[] batches, int rows, int columns, DataType type, bool transposed)
    {
        if (!transposed)
            return new MemoryDescriptor([.. batches, rows, columns], type);
        int rank = batches.Length + 2;
        int[] order = [.. Enumerable.Range(0, rank - 2), rank - 1, rank - 2];
        return new MemoryDescriptor([.. batches, columns, rows], type).Permute(order);
    }

    // Operands of binary post-ops are drawn for convolutions; matrix products have a test of their own.
    private static PrimitiveAttributes WithoutOperands(PrimitiveAttributes attributes) => attributes with
    {
        PostOps = PostOpChain.Create([.. attributes.PostOps.Where(postOp => postOp is not BinaryPostOp)]),
    };

    private static void Check(Isa isa, Problem problem)
    {
        using var engine = new TestEngine(isa, [new BrgemmMatMul(Cache, CpuFeatures.Host)], threads: 1 + (problem.Options.Seed % 2));
        PrimitiveCheck.AgainstReference(engine, problem.Descriptor, problem.Attributes, problem.Options);
    }
}
