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
    public void Emulated_instruction_sets_are_asked_for_and_named()
    {
        using CpuEngine plain = CpuEngine.Create(new() { Emulate = false, Threads = 1 });
        Assert.Equal(Isa.None, plain.Emulated);
        Assert.DoesNotContain("emulated", plain.Tier);
        using CpuEngine emulating = CpuEngine.Create(new() { Emulate = true, MaxIsa = IsaTiers.Avx2Vnni, Threads = 1 });
        if (!plain.Isa.HasFlag(Isa.Avx2))
            return; // nothing to emulate with
        Assert.Equal(IsaTiers.Avx2Vnni, emulating.Isa);
        Assert.Equal(IsaTiers.Avx2Vnni & ~plain.Isa, emulating.Emulated);
        var product = new MatMulDescriptor
        {
            Source = new([2, 4], DataType.UInt8), Weights = MemoryDescriptor.Any([4, 3], DataType.Int8),
            Destination = new([2, 3], DataType.Int32),
        };
        bool needed = !plain.Isa.HasFlag(Isa.Avx2Vnni);
        Assert.Equal(needed, emulating.Tier.EndsWith("(emulated)", StringComparison.Ordinal));
        Assert.Equal(needed, emulating.Create(product).ImplementationName.EndsWith(":emulated", StringComparison.Ordinal));
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

    [Fact]
    public void Little_work_is_not_shared()
    {
        if (CpuEngine.Limitation is not null)
            return; // the reference runs on one thread
        var pool = new CountingPool();
        using CpuEngine engine = CpuEngine.Create(new() { ThreadPool = pool });
        using ExecutionStream stream = engine.CreateStream();
        Assert.Equal(0, CallsOf(channels: 16, extent: 14));
        Assert.Equal(1, CallsOf(channels: 64, extent: 56));

        int CallsOf(int channels, int extent)
        {
            var tensor = new MemoryDescriptor([1, channels, extent, extent], DataType.UInt8, FormatTag.Nhwc);
            Primitive primitive = engine.Create(new ConvolutionDescriptor
            {
                Source = tensor, Weights = MemoryDescriptor.Any([channels, 1, 3, 3], DataType.Int8), Destination = tensor,
                PaddingBefore = [1, 1], PaddingAfter = [1, 1], Groups = channels,
            });
            using TensorMemory source = new(tensor), weights = new(primitive.Weights), destination = new(tensor);
            int before = pool.Calls;
            primitive.Execute(stream, new ConvolutionArguments(source, weights, null, destination));
            return pool.Calls - before;
        }
    }

    private sealed unsafe class CountingPool : IThreadPool
    {
        public int Calls { get; private set; }

        public int MaximumWorkers => 4;

        public void Run(int participants, delegate*<void*, int, int, void> body, void* state)
        {
            Calls++;
            body(state, 0, 1);
        }
    }
}
