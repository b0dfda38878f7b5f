// Kernels of every kind of layer that networks spend their time in. Problems are in benchdnn's notation.
using BenchmarkDotNet.Attributes;

namespace Int8Runtime.Benchmarks.Suites;

/// <summary>Products of one thread with bias and ReLU.</summary>
public abstract class ProductBenchmark : IDisposable
{
    private CpuEngine? _engine;
    private KernelProblem? _problem;
    private KernelRun? _run;

    /// <summary>Types of source, weights and destination.</summary>
    [Params("u8:s8:u8", "f32")]
    public string Types { get; set; } = "u8:s8:u8";

    [GlobalCleanup]
    public void Dispose()
    {
        _run?.Dispose();
        _problem?.Dispose();
        _engine?.Dispose();
        GC.SuppressFinalize(this);
    }

    private protected void Prepare(PrimitiveKind kind, string problem)
    {
        _engine = CpuEngine.Create(new CpuEngineOptions { Threads = 1 });
        _problem = new KernelProblem(ProblemText.Parse(kind, problem), OperandTypes.Parse(Types));
        _run = new KernelRun(_engine, _problem);
    }

    private protected void Run() => _run!.Execute();
}

/// <summary>Dense convolutions: first layers, 1×1, 3×3, strides, narrow outputs.</summary>
public class ConvolutionBenchmarks : ProductBenchmark
{
    [Params(
        "mb1ic3ih224oc64oh112kh7sh2ph3", "mb1ic3ih224oc32oh112kh3sh2ph1", "mb1ic64ih56oc64oh56kh3ph1", "mb1ic64ih56oc256oh56kh1ph0",
        "mb1ic256ih14oc1024oh14kh1ph0", "mb1ic512ih7oc512oh7kh3ph1", "mb1ic40oc12ih32oh32kh3ph1")]
    public string Problem { get; set; } = "";

    [GlobalSetup]
    public void Setup() => Prepare(PrimitiveKind.Convolution, Problem);

    [Benchmark]
    public void Convolution() => Run();
}

/// <summary>Depthwise convolutions.</summary>
public class DepthwiseBenchmarks : ProductBenchmark
{
    [Params("g32mb1ic32ih112oc32oh112kh3ph1", "g128mb1ic128ih56oc128oh28kh3sh2ph1", "g512mb1ic512ih14oc512oh14kh3ph1",
        "g240mb1ic240ih28oc240oh28kh5ph2")]
    public string Problem { get; set; } = "";

    [GlobalSetup]
    public void Setup() => Prepare(PrimitiveKind.Convolution, Problem);

    [Benchmark]
    public void Depthwise() => Run();
}

/// <summary>Matrix products: square, transformer layers, one row.</summary>
public class MatMulBenchmarks : ProductBenchmark
{
    [Params("128x768:768x768", "128x768:768x3072", "512x512:512x512", "1x2048:2048x1000")]
    public string Problem { get; set; } = "";

    [GlobalSetup]
    public void Setup() => Prepare(PrimitiveKind.MatMul, Problem);

    [Benchmark]
    public void MatMul() => Run();
}
