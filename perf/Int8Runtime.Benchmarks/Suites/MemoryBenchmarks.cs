// Kernels that move more than they compute: layout changes, quantization, pooling.
using BenchmarkDotNet.Attributes;

namespace Int8Runtime.Benchmarks.Suites;

/// <summary>A primitive from one tensor to another, on one thread.</summary>
public abstract class UnaryBenchmark : IDisposable
{
    private CpuEngine? _engine;
    private ExecutionStream? _stream;
    private TensorMemory? _source, _destination;
    private Primitive? _primitive;
    private ExecutionArguments _arguments;

    [GlobalCleanup]
    public void Dispose()
    {
        _source?.Dispose();
        _destination?.Dispose();
        _stream?.Dispose();
        _engine?.Dispose();
        GC.SuppressFinalize(this);
    }

    private protected void Prepare(PrimitiveDescriptor descriptor, MemoryDescriptor source, MemoryDescriptor destination,
        PrimitiveAttributes? attributes = null)
    {
        _engine = CpuEngine.Create(new CpuEngineOptions { Threads = 1 });
        _stream = _engine.CreateStream();
        _primitive = _engine.Create(descriptor, attributes);
        (_source, _destination) = (new TensorMemory(source), new TensorMemory(destination));
        TestData.Fill(_source, new Random(1));
        _arguments = default;
        _arguments.Set(ArgumentSlot.Source, _source);
        _arguments.Set(ArgumentSlot.Destination, _destination);
    }

    private protected void Run() => _primitive!.Execute(_stream!, in _arguments);
}

/// <summary>Reorders: layout, quantization, both.</summary>
public class ReorderBenchmarks : UnaryBenchmark
{
    [Params("f32:nchw>f32:nhwc", "f32:nchw>u8:nhwc", "f32:nhwc>u8:nhwc", "u8:nhwc>f32:nchw")]
    public string Case { get; set; } = "";

    [Params("1x3x224x224", "1x256x56x56")]
    public string Dimensions { get; set; } = "";

    [GlobalSetup]
    public void Setup()
    {
        MemoryDescriptor[] sides = [.. Case.Split('>').Select(Side)];
        var descriptor = new ReorderDescriptor { Source = sides[0], Destination = sides[1] };
        bool quantizes = sides[1].DataType == DataType.UInt8;
        PrimitiveAttributes? attributes = sides[0].DataType == sides[1].DataType ? null : quantizes
            ? new PrimitiveAttributes { DestinationScale = QuantizationScale.PerTensor(1f / 128), DestinationZeroPoint = 128 }
            : new PrimitiveAttributes { SourceScale = QuantizationScale.PerTensor(1f / 128), SourceZeroPoint = 128 };
        Prepare(descriptor, sides[0], sides[1], attributes);
    }

    [Benchmark]
    public void Reorder() => Run();

    private MemoryDescriptor Side(string text)
    {
        string[] parts = text.Split(':');
        Shape dimensions = [.. Dimensions.Split('x').Select(d => int.Parse(d, System.Globalization.CultureInfo.InvariantCulture))];
        return new MemoryDescriptor(dimensions, OperandTypes.Parse(parts[0]).Source, FormatTag.Parse(parts[1]));
    }
}

/// <summary>Pooling of ResNet and GoogLeNet.</summary>
public class PoolingBenchmarks : UnaryBenchmark
{
    [Params(PoolingAlgorithm.Max, PoolingAlgorithm.AverageExcludePadding)]
    public PoolingAlgorithm Algorithm { get; set; }

    [Params(DataType.UInt8, DataType.Float32)]
    public DataType Type { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        var source = new MemoryDescriptor([1, 64, 112, 112], Type, FormatTag.Nhwc);
        var destination = new MemoryDescriptor([1, 64, 56, 56], Type, FormatTag.Nhwc);
        var descriptor = new PoolingDescriptor
        {
            Algorithm = Algorithm, Source = source, Destination = destination,
            Kernel = [3, 3], Strides = [2, 2], PaddingBefore = [1, 1], PaddingAfter = [0, 0],
        };
        Prepare(descriptor, source, destination);
    }

    [Benchmark]
    public void Pooling() => Run();
}
