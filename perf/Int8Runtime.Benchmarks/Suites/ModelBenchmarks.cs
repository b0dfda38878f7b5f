// Whole models: those of the folder that INT8RT_BENCH_MODELS names, one thread.
using BenchmarkDotNet.Attributes;
using Int8Runtime.Graph;
using Int8Runtime.Onnx;

namespace Int8Runtime.Benchmarks.Suites;

/// <summary>Inference of a model.</summary>
public class ModelBenchmarks : IDisposable
{
    /// <summary>The environment variable with a model file or a folder of them.</summary>
    public const string Variable = "INT8RT_BENCH_MODELS";

    private CpuEngine? _engine;
    private CompiledModel? _model;
    private InferenceRequest? _request;

    public static IEnumerable<string> Models => Environment.GetEnvironmentVariable(Variable) switch
    {
        { Length: > 0 } path when Directory.Exists(path) => Directory.GetFiles(path, "*.onnx").Order(StringComparer.Ordinal),
        { Length: > 0 } path => [path],
        _ => [],
    };

    [ParamsSource(nameof(Models))]
    public string Model { get; set; } = "";

    [GlobalSetup]
    public void Setup()
    {
        _engine = CpuEngine.Create(new CpuEngineOptions { Threads = 1 });
        _model = _engine.Compile(OnnxModel.Load(Model));
        _request = _model.CreateRequest(batch: null);
        var random = new Random(1);
        foreach (ModelPort input in _model.Inputs)
            TestData.Fill(_request.Input(input.Name), random);
    }

    [GlobalCleanup]
    public void Dispose()
    {
        _request?.Dispose();
        _model?.Dispose();
        _engine?.Dispose();
        GC.SuppressFinalize(this);
    }

    [Benchmark]
    public void Inference() => _request!.Run();
}
