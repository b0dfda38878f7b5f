// Start-up on several cores: a process compiles a small model while it still reads its first one.
using Int8Runtime.Caching;
using Int8Runtime.Diagnostics;

namespace Int8Runtime.Graph.Planning;

/// <summary>
/// Compiles a small network once in a process, on another core. Most of the time of a process's first compilation goes into .NET,
/// which binds each method when it is first called, and compiles some; reading a model need not wait for that.
/// </summary>
internal static class CompilerWarmUp
{
    private const int Channels = 16, Extent = 8;

    private static int _started;

    /// <summary>Starts it, the first time; returns at once.</summary>
    /// <param name="engine">
    /// The engine that will compile; the network takes the same way through its cache on disk. Without one nothing starts: kernels of two
    /// networks at once would be generated more slowly than those of one.
    /// </param>
    public static void Start(CpuEngine engine)
    {
        if (Environment.ProcessorCount > 1 && engine.ModelCache is not null && engine.Emulated == Isa.None
            && Interlocked.Exchange(ref _started, 1) == 0)
            _ = Task.Factory.StartNew(() => Compile(engine), CancellationToken.None,
                TaskCreationOptions.LongRunning, TaskScheduler.Default); // on a thread of its own: the pool's have work to do
    }

    /// <summary>Compiles the network as an engine would.</summary>
    internal static void Compile(CpuEngine origin)
    {
        using CpuEngine engine = CpuEngine.Create(new CpuEngineOptions
        {
            MaxIsa = origin.Isa, Threads = origin.Threads, NumericMode = origin.NumericMode, ThreadPool = origin.Pool, Verbose = VerboseEvents.None,
            ModelCache = origin.ModelCache is { } cache ? ModelCache.Open(cache.Folder, cache.CapacityBytes) : null,
        });
        using CompiledModel model = engine.Compile(Network());
        using InferenceRequest request = model.CreateRequest();
    }

    /// <summary>A residual block with a classifier behind it, in f32 and quantized.</summary>
    internal static ModelGraph Network()
    {
        var graph = new ModelGraph("warm-up");
        GraphValue input = graph.AddInput("input", DataType.Float32, GraphShape.Of([1, Channels, Extent, Extent]));
        var bias = graph.AddConstant("bias", TensorData.Create<float>(new float[Channels], [Channels]));
        var scale = graph.AddConstant("scale", TensorData.Scalar(0.1f));
        var zeroPoint = graph.AddConstant("zero point", TensorData.Scalar((byte)128));
        var weightsScale = graph.AddConstant("weights scale", TensorData.Create<float>([.. Enumerable.Repeat(0.1f, Channels)], [Channels]));
        graph.AddOutput(Block(isQuantized: false));
        graph.AddOutput(Block(isQuantized: true));
        return graph;

        GraphValue Block(bool isQuantized)
        {
            GraphValue x = Stored(input);
            GraphValue convolved = graph.AddOperation("Conv", "conv", [x, Weights([Channels, Channels, 3, 3]), bias],
                new GraphAttributes { { "pads", new long[] { 1, 1, 1, 1 } } });
            GraphValue sum = graph.AddOperation("Add", "add", [Stored(graph.AddOperation("Relu", "relu", [convolved])), x]);
            GraphValue pooled = graph.AddOperation("MaxPool", "pool", [Stored(graph.AddOperation("Relu", "relu", [sum]))],
                new GraphAttributes { { "kernel_shape", new long[] { 2, 2 } }, { "strides", new long[] { 2, 2 } } });
            GraphValue mean = Stored(graph.AddOperation("GlobalAveragePool", "mean", [pooled]));
            GraphValue flat = graph.AddOperation("Flatten", "flat", [mean]);
            return graph.AddOperation("Gemm", "scores", [flat, Weights([Channels, Channels]), bias], new GraphAttributes { { "transB", 1 } });

            GraphValue Stored(GraphValue value) => !isQuantized ? value : graph.AddOperation("DequantizeLinear", "real",
                [graph.AddOperation("QuantizeLinear", "integers", [value, scale, zeroPoint]), scale, zeroPoint]);

            GraphValue Weights(Shape shape) => !isQuantized
                ? graph.AddConstant("weights", TensorData.Create<float>(new float[shape.ElementCount], shape))
                : graph.AddOperation("DequantizeLinear", "real weights",
                    [graph.AddConstant("weights", TensorData.Create<sbyte>(new sbyte[shape.ElementCount], shape)), weightsScale],
                    new GraphAttributes { { "axis", 0 } });
        }
    }
}
