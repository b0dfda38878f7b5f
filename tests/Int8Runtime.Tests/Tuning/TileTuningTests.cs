// Measured tiles: they are kept, used, and change no result.
using Int8Runtime.Graph;
using Int8Runtime.TestKit;
using Int8Runtime.Tests.Graph.Compilation;
using Int8Runtime.Tuning;

namespace Int8Runtime.Tests.Tuning;

public sealed class TileTuningTests : IDisposable
{
    private readonly string _file = Path.Combine(Path.GetTempPath(), $"tiles-{Guid.NewGuid():N}", "tiles.txt");

    public void Dispose()
    {
        if (Directory.Exists(Path.GetDirectoryName(_file)))
            Directory.Delete(Path.GetDirectoryName(_file)!, recursive: true);
    }

    [Fact]
    public void Measured_tiles_survive_a_file_and_decide_the_next_plans()
    {
        ModelGraph graph = Network();
        var tuning = new TileTuning();
        float[] before;
        using (CpuEngine engine = CpuEngine.Create(new CpuEngineOptions { Threads = 1, Tuning = tuning }))
        {
            using CompiledModel model = engine.Compile(graph);
            using InferenceRequest request = Prepare(model);
            request.Run();
            before = Runner.Outputs(request);
            int reported = 0;
            IReadOnlyList<TileMeasurement> measured = request.Tune(new Synchronous(p => reported = p.Done));
            Assert.NotEmpty(measured);
            Assert.Equal(measured.Count, reported);
            Assert.Equal(measured.Count, tuning.Count);
            Assert.All(measured, m => Assert.True(m.FastestMilliseconds > 0 && m.FastestMilliseconds <= m.ModelMilliseconds));
            tuning.Save(_file);
        }

        TileTuning loaded = TileTuning.Load(_file);
        Assert.Equal(tuning.Count, loaded.Count);
        using CpuEngine next = CpuEngine.Create(new CpuEngineOptions { Threads = 1, Tuning = loaded });
        using CompiledModel again = next.Compile(graph);
        using InferenceRequest second = Prepare(again);
        second.Run();
        Assert.Equal(before, Runner.Outputs(second));
    }

    [Fact]
    public void Every_candidate_gives_the_same_bits_on_every_tier()
    {
        var descriptor = new ConvolutionDescriptor
        {
            Source = new MemoryDescriptor([1, 20, 5, 13], DataType.UInt8, FormatTag.Nhwc),
            Weights = MemoryDescriptor.Any([75, 20, 3, 3], DataType.Int8),
            Bias = new MemoryDescriptor([75], DataType.Float32),
            Destination = new MemoryDescriptor([1, 75, 5, 13], DataType.UInt8, FormatTag.Nhwc),
            PaddingBefore = [1, 1],
            PaddingAfter = [1, 1],
        };
        foreach ((string tier, Isa isa) in Tiers.Generated)
        {
            var tuning = new TileTuning();
            using CpuEngine engine = CpuEngine.Create(new CpuEngineOptions { MaxIsa = isa, Emulate = true, Threads = 1, Tuning = tuning });
            using Primitive first = engine.Create(descriptor);
            IReadOnlyList<KernelTile> tiles = first.Tiles;
            Assert.True(tiles.Count > 1, tier);
            byte[] expected = Run(engine, first);
            foreach (KernelTile tile in tiles)
            {
                tuning.Set(engine, first.Report.Problem, tile);
                engine.Trim();
                using Primitive tuned = engine.Create(descriptor);
                Assert.Contains($"tile {tile}", tuned.Details, StringComparison.Ordinal);
                Assert.Equal(expected, Run(engine, tuned));
            }

            tuning.Set(engine, first.Report.Problem, new KernelTile(500, 500));   // fits nothing: the cost model decides
            engine.Trim();
            Assert.Contains($"tile {tiles[0]}", engine.Create(descriptor).Details, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Files_of_other_machines_are_empty_and_damaged_ones_are_refused_with_the_line()
    {
        Assert.Equal(0, TileTuning.Load(_file).Count);
        Directory.CreateDirectory(Path.GetDirectoryName(_file)!);
        File.WriteAllLines(_file, ["int8runtime-tiles 1 0.0.0.0 Another CPU", "avx2 1 6x4 --conv mb1"]);
        Assert.Equal(0, TileTuning.Load(_file).Count);
        File.WriteAllText(_file, "something else");
        Assert.Contains("line 1", Assert.Throws<FormatException>(() => TileTuning.Load(_file)).Message, StringComparison.Ordinal);
        new TileTuning().Save(_file);
        File.AppendAllText(_file, "avx2 1 6x4 --conv mb1\navx2 one 6x4 --conv mb1\n");
        Assert.Contains("line 3", Assert.Throws<FormatException>(() => TileTuning.Load(_file)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Measuring_needs_an_engine_that_keeps_tiles_and_can_be_cancelled()
    {
        using CpuEngine plain = CpuEngine.Create(new CpuEngineOptions { Threads = 1 });
        using CompiledModel model = plain.Compile(Network());
        using InferenceRequest request = model.CreateRequest();
        Assert.Throws<InvalidOperationException>(() => request.Tune());

        using CpuEngine engine = CpuEngine.Create(new CpuEngineOptions { Threads = 1, Tuning = new TileTuning() });
        using CompiledModel other = engine.Compile(Network());
        using InferenceRequest cancelled = other.CreateRequest();
        Assert.Throws<OperationCanceledException>(() => cancelled.Tune(cancellation: new CancellationToken(canceled: true)));
    }

    private static ModelGraph Network()
    {
        var sketch = new ModelSketch();
        GraphValue x = sketch.Op("Relu", sketch.Conv(sketch.Input(1, 8, 12, 12), 8, 48));
        return sketch.Output(sketch.Conv(x, 48, 40, kernel: 1));
    }

    private static InferenceRequest Prepare(CompiledModel model)
    {
        InferenceRequest request = model.CreateRequest();
        Span<float> input = request.Input().AsSpan<float>();
        for (int i = 0; i < input.Length; i++)
            input[i] = MathF.Sin(i);
        return request;
    }

    private static byte[] Run(Engine engine, Primitive primitive)
    {
        var convolution = (ConvolutionDescriptor)primitive.Descriptor;
        var random = new Random(3);
        using ExecutionStream stream = engine.CreateStream();
        var plain = new MemoryDescriptor(convolution.Weights.Dimensions, DataType.Int8);
        using TensorMemory given = TensorMemory.From<sbyte>(plain,
            [.. Enumerable.Range(0, checked((int)plain.ElementCount)).Select(_ => (sbyte)random.Next(-128, 128))]);
        using TensorMemory weights = WeightsPacking.Pack(engine, given, primitive.Weights);
        using TensorMemory source = TensorMemory.From<byte>(convolution.Source,
            [.. Enumerable.Range(0, checked((int)convolution.Source.ElementCount)).Select(_ => (byte)random.Next(256))]);
        using var bias = new TensorMemory(convolution.Bias!);
        bias.AsSpan<float>().Fill(1.5f);
        using var destination = new TensorMemory(convolution.Destination);
        primitive.Execute(stream, new ConvolutionArguments(source, weights, bias, destination));
        return destination.AsSpan<byte>().ToArray();
    }

    private sealed class Synchronous(Action<(int Done, int Total)> report) : IProgress<(int Done, int Total)>
    {
        public void Report((int Done, int Total) value) => report(value);
    }
}
