// Operands of comparisons, and the comparison of results.
namespace Int8Runtime.Benchmarks.Tests;

public sealed class KernelProblemTests
{
    [Theory]
    [InlineData(PrimitiveKind.Convolution, "g2mb1ic4ih6oc6kh3ph1")]
    [InlineData(PrimitiveKind.InnerProduct, "mb2ic8ih2oc5")]
    [InlineData(PrimitiveKind.MatMul, "3x8:8x5")]
    public void Results_use_the_range_of_bytes(PrimitiveKind kind, string text)
    {
        using ReferenceEngine engine = new();
        using var problem = new KernelProblem(ProblemText.Parse(kind, text), OperandTypes.UInt8);
        using var run = new KernelRun(engine, problem);
        run.Execute();
        byte[] result = problem.Destination.AsSpan<byte>().ToArray();
        Assert.Contains(result, v => v is > 0 and < 255);
        Assert.True(result.Count(v => v == 255) < result.Length / 2);
        Assert.Equal(problem.Bias.AsSpan<float>()[1], problem.UnscaledBias.AsSpan<float>()[1] * problem.Scales![1], 5);
    }

    [Fact]
    public void Groups_are_a_dimension_of_their_own()
    {
        using var problem = new KernelProblem(ProblemText.ParseConvolution("g2mb1ic4ih6oc6kh3"), OperandTypes.Float32);
        Assert.Equal<Shape>([2, 3, 2, 3, 3], problem.GroupedWeights);
        Assert.Null(problem.Scales);
    }

    [Fact]
    public void Differences_are_steps_of_bytes_and_relative_for_numbers()
    {
        using var bytes = TensorMemory.From<byte>(new MemoryDescriptor([2], DataType.UInt8), [7, 250]);
        using var others = TensorMemory.From<byte>(new MemoryDescriptor([2], DataType.UInt8), [10, 250]);
        Assert.Equal(3, TestData.Difference(bytes, others));
        Assert.Equal(0.25, TestData.RelativeDifference([1, 3], [2, 4]));
        Assert.True(double.IsNaN(TestData.RelativeDifference([float.NaN, 3], [2, 4])));
        using var longer = new TensorMemory(new MemoryDescriptor([3], DataType.UInt8));
        Assert.Equal(double.PositiveInfinity, TestData.Difference(bytes, longer));
    }
}
