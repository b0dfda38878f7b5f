// Start-up on several cores: the code generators are compiled by .NET while the first model's graph is rewritten.
using Int8Runtime.Diagnostics;

namespace Int8Runtime.Graph.Planning;

/// <summary>
/// Generates a small kernel once in a process, on another core. Most of the time of a process's first compilation goes into
/// .NET's compilation of the way from a problem to its kernel, which the serial work on the graph need not wait for.
/// </summary>
internal static class GeneratorWarmUp
{
    private static int _started;

    /// <summary>Starts it, the first time; returns at once.</summary>
    public static void Start()
    {
        if (Environment.ProcessorCount > 1 && Interlocked.Exchange(ref _started, 1) == 0)
            _ = Task.Run(Generate);
    }

    private static void Generate()
    {
        using CpuEngine engine = CpuEngine.Create(new CpuEngineOptions { Threads = 1, Verbose = VerboseEvents.None });
        var convolution = new ConvolutionDescriptor
        {
            Source = new MemoryDescriptor([1, 16, 8, 8], DataType.Float32, FormatTag.Nhwc),
            Weights = MemoryDescriptor.Any([16, 16, 1, 1], DataType.Float32),
            Bias = new MemoryDescriptor([16], DataType.Float32),
            Destination = new MemoryDescriptor([1, 16, 8, 8], DataType.Float32, FormatTag.Nhwc),
        };
        _ = engine.Create(convolution, new PrimitiveAttributes { PostOps = [PostOp.Relu()] });
    }
}
