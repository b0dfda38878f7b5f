// Matrix products whose extents become known at execution.
using Int8Runtime.Jit;
using Int8Runtime.Reference;
using Int8Runtime.TestKit;

namespace Int8Runtime.X64.Tests.MatMul;

public sealed class RuntimeMatMulTests
{
    [Fact]
    public void Each_execution_takes_the_extents_and_strides_of_its_tensors()
    {
        using var engine = new TestEngine(CpuFeatures.Host.Isa, [new BrgemmMatMul(KernelCache.Shared, CpuFeatures.Host)], threads: 2);
        using var reference = new ReferenceEngine();
        using ExecutionStream stream = engine.CreateStream(), referenceStream = reference.CreateStream();
        var attributes = new PrimitiveAttributes { SourceZeroPoint = 7, PostOps = [PostOp.Relu()] };
        var product = new RuntimeMatMul(engine, DataType.UInt8, DataType.Int8, DataType.Int32, attributes);
        foreach ((int m, int k, int n, bool transposed) in ((int, int, int, bool)[])[(1, 5, 3, false), (17, 64, 33, true),
            (1, 5, 3, false), (4, 19, 70, false)])
        {
            var shapes = new MatMulDescriptor
            {
                Source = new([m, k], DataType.UInt8),
                Weights = transposed
                    ? new MemoryDescriptor([n, k], DataType.Int8).Permute([1, 0]) : new MemoryDescriptor([k, n], DataType.Int8),
                Destination = new([m, n], DataType.Int32),
            };
            using TensorMemory source = new(shapes.Source), weights = new(shapes.Weights), actual = new(shapes.Destination),
                expected = new(shapes.Destination);
            TensorFill.Random(source, m);
            TensorFill.Random(weights, n);
            product.Execute(stream, new MatMulArguments(source, weights, null, actual));
            reference.Create(shapes, attributes).Execute(referenceStream, new MatMulArguments(source, weights, null, expected));
            Assert.Equal(expected.AsSpan<int>().ToArray(), actual.AsSpan<int>().ToArray());
            Assert.Same(product.PlanFor(shapes), product.PlanFor(shapes));
        }
    }

    [Fact]
    public void Tensors_of_other_types_are_refused()
    {
        using var engine = new TestEngine(CpuFeatures.Host.Isa, [new BrgemmMatMul(KernelCache.Shared, CpuFeatures.Host)]);
        using ExecutionStream stream = engine.CreateStream();
        var product = new RuntimeMatMul(engine, DataType.UInt8, DataType.Int8, DataType.Int32);
        using TensorMemory source = new(new([2, 3], DataType.Float32)), weights = new(new([3, 4], DataType.Int8)),
            destination = new(new([2, 4], DataType.Int32));
        Assert.Contains(
            "u8:s8:s32", Assert.Throws<ArgumentException>(() =>
                product.Execute(stream, new MatMulArguments(source, weights, null, destination))).Message,
            StringComparison.Ordinal);
    }
}
