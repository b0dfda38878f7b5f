// Owned and wrapped memory.
namespace Int8Runtime.Core.Tests.Memory;

public sealed unsafe class TensorMemoryTests
{
    private static readonly MemoryDescriptor Vector = new([5], DataType.Float32);

    [Fact]
    public void Values_fill_the_memory_or_are_refused()
    {
        var descriptor = new MemoryDescriptor([2, 2], DataType.Float32, FormatTag.Ab);
        using TensorMemory memory = TensorMemory.From<float>(descriptor, [1, 2, 3, 4]);
        Assert.Equal([1, 2, 3, 4], memory.AsSpan<float>().ToArray());
        foreach (float[] values in (float[][])[[], [1, 2, 3], [1, 2, 3, 4, 5]])
            Assert.Contains("has 4 elements", Assert.Throws<ArgumentException>(() => TensorMemory.From<float>(descriptor, values)).Message,
                StringComparison.Ordinal);
    }

    [Fact]
    public void Owned_memory_is_aligned_and_zero()
    {
        using var memory = new TensorMemory(Vector);
        Assert.Equal(0, (nint)memory.Data % 64);
        Assert.Equal(new float[5], memory.AsSpan<float>());
    }

    [Fact]
    public void Memory_of_the_caller_is_used_without_a_copy()
    {
        float* values = stackalloc float[5];
        using var memory = new TensorMemory(Vector, values);
        Assert.True(memory.Data == values);
        memory.AsSpan<float>()[3] = 7;
        Assert.Equal(7, values[3]);

        using var engine = new ReferenceEngine();
        using ExecutionStream stream = engine.CreateStream();
        values[0] = -2;
        engine.Create(new EltwiseDescriptor { Algorithm = EltwiseAlgorithm.Abs, Source = Vector, Destination = Vector })
            .Execute(stream, new UnaryArguments(memory, memory));
        Assert.Equal(2, values[0]);
    }

    [Fact]
    public void Spans_are_typed_by_element_size()
    {
        using var memory = new TensorMemory(Vector);
        Assert.Equal(5, memory.AsSpan<int>().Length);
        Assert.Throws<InvalidOperationException>(() => memory.AsSpan<byte>().Length);
    }

    [Fact]
    public void Disposed_memory_cannot_be_used()
    {
        var memory = new TensorMemory(Vector);
        TensorMemory view = memory.View(new MemoryDescriptor([2], DataType.Float32), 4);
        memory.Dispose();
        memory.Dispose();
        Assert.Throws<ObjectDisposedException>(() => (nint)memory.Data);
        Assert.Throws<ObjectDisposedException>(() => (nint)view.Data);
    }

    [Fact]
    public void Views_share_memory_and_stay_inside()
    {
        using TensorMemory memory = TensorMemory.From<float>(Vector, [0, 1, 2, 3, 4]);
        using TensorMemory view = memory.View(new MemoryDescriptor([2], DataType.Float32), 12);
        Assert.Equal([3f, 4f], view.AsSpan<float>());
        Assert.Throws<ArgumentOutOfRangeException>(() => memory.View(new MemoryDescriptor([3], DataType.Float32), 12));
        Assert.Throws<ArgumentOutOfRangeException>(() => memory.View(new MemoryDescriptor([2], DataType.Float32), long.MaxValue - 3));
    }

    [Fact]
    public void Views_of_views_end_with_the_memory()
    {
        var memory = new TensorMemory(Vector);
        TensorMemory inner = memory.View(new MemoryDescriptor([4], DataType.Float32)).View(new MemoryDescriptor([2], DataType.Float32));
        memory.Dispose();
        Assert.Throws<ObjectDisposedException>(() => (nint)inner.Data);
    }
}
