// Creation of the engine: options bound the instruction sets and threads.
namespace Int8Runtime.Tests;

public sealed class CpuEngineTests
{
    [Fact]
    public void Options_bound_instruction_sets_and_threads()
    {
        using CpuEngine bounded = CpuEngine.Create(new() { MaxIsa = IsaTiers.Avx2, Threads = 1 });
        Assert.Equal(Isa.None, bounded.Isa & ~IsaTiers.Avx2);
        Assert.Equal(1, bounded.Threads);
        Assert.Throws<ArgumentOutOfRangeException>(() => CpuEngine.Create(new() { Threads = 0 }));
    }

    [Fact]
    public void Without_instruction_sets_the_reference_is_chosen()
    {
        using CpuEngine portable = CpuEngine.Create(new() { MaxIsa = Isa.None, Threads = 1 });
        var convolution = new ConvolutionDescriptor
        {
            Source = new([1, 3, 5, 5], DataType.UInt8, FormatTag.Nhwc),
            Weights = MemoryDescriptor.Any([4, 3, 3, 3], DataType.Int8),
            Destination = new([1, 4, 3, 3], DataType.UInt8, FormatTag.Nhwc),
        };
        Assert.True(portable.Explain(convolution).IsReference);
    }
}
