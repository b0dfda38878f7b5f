// Requests: batches, threads, allocations, cancellation, errors.
using Int8Runtime.Graph;
using Int8Runtime.Graph.Planning;
using Int8Runtime.TestKit;

namespace Int8Runtime.Tests.Graph.Compilation;

public sealed class RequestTests
{
    private static ModelGraph SmallNetwork(GraphDimension batch)
    {
        var sketch = new ModelSketch();
        GraphValue x = sketch.Op("Relu", sketch.Conv(sketch.Input(batch, 3, 8, 8), 3, 16));
        x = sketch.Op("Relu", sketch.Op("Add", sketch.Conv(x, 16, 16), x));
        x = sketch.Op("MaxPool", new GraphAttributes { { "kernel_shape", new[] { 2, 2 } }, { "strides", new[] { 2, 2 } } }, x);
        x = sketch.Op("Concat", new GraphAttributes { { "axis", 1 } }, sketch.Conv(x, 16, 8, kernel: 1), sketch.Conv(x, 16, 8));
        return sketch.Output(
            sketch.Op("Gemm", sketch.Op("Flatten", sketch.Op("GlobalAveragePool", x)), sketch.Random(16, 5), sketch.Random(5)));
    }

    [Fact]
    public void Options_that_name_what_the_model_lacks_are_refused()
    {
        using CpuEngine engine = CpuEngine.Create(new() { Threads = 1 });
        Assert.Contains("'nothing'", Assert.Throws<ArgumentException>(
            () => engine.Compile(SmallNetwork(1), new CompileOptions { Observe = ["nothing"] })).Message);
        Assert.Contains("band-fusion", Assert.Throws<ArgumentException>(
            () => engine.Compile(SmallNetwork(1), new CompileOptions { DisabledPasses = ["band-fuson"] })).Message);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Batches_of_any_size_give_the_results_of_single_items(bool named)
    {
        using CpuEngine engine = CpuEngine.Create(new() { Threads = 1 });
        using CompiledModel model = engine.Compile(SmallNetwork(named ? GraphDimension.Named("N") : 1));
        using InferenceRequest one = model.CreateRequest(), four = model.CreateRequest(batch: 4);
        Runner.Fill(four, 5);
        four.Run();
        float[] together = Runner.Outputs(four);
        for (int item = 0; item < 4; item++)
        {
            int length = 3 * 8 * 8;
            four.Input().AsSpan<float>().Slice(item * length, length).CopyTo(one.Input().AsSpan<float>());
            one.Run();
            Assert.Equal(together[(item * 5)..((item + 1) * 5)], Runner.Outputs(one));
        }
    }

    [Fact]
    public void A_request_beyond_the_memory_of_the_machine_is_refused_before_it_is_touched()
    {
        // Inputs of a gibibyte each, one more than there is memory for.
        long available = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        var sketch = new ModelSketch();
        GraphValue sum = sketch.Input(GraphDimension.Named("N"), 1024);
        for (long i = 0; i < available >> 30; i++)
            sum = sketch.Op("Add", sum, sketch.Input(GraphDimension.Named("N"), 1024));
        using CpuEngine engine = CpuEngine.Create(new() { Threads = 1 });
        using CompiledModel model = engine.Compile(sketch.Output(sum));
        Assert.Contains("take a smaller batch",
            Assert.Throws<InsufficientMemoryException>(() => model.CreateRequest(batch: (1 << 18) - 64)).Message, StringComparison.Ordinal);
        model.CreateRequest(batch: 2).Dispose();
    }

    [Fact]
    public void A_disposed_model_makes_no_requests_and_keeps_those_that_exist()
    {
        using CpuEngine engine = CpuEngine.Create(new() { Threads = 1 });
        CompiledModel model = engine.Compile(SmallNetwork(1));
        using InferenceRequest request = model.CreateRequest();
        Runner.Fill(request, 5);
        request.Run();
        float[] before = Runner.Outputs(request);
        model.Dispose();
        Assert.Throws<ObjectDisposedException>(() => model.CreateRequest());
        Assert.Throws<ObjectDisposedException>(() => model.Explain());
        request.Run();
        Assert.Equal(before, Runner.Outputs(request));
    }

    [Fact]
    public void A_plan_that_failed_once_is_made_again()
    {
        int attempts = 0;
        var plans = new PlanCache(2, _ => ++attempts == 1 ? throw new OutOfMemoryException() : null!);
        Assert.Throws<OutOfMemoryException>(() => plans.Get([]));
        Assert.Null(plans.Get([]));
        Assert.Equal(2, attempts);
    }

    [Fact]
    public void Plans_for_several_shapes_share_their_weights()
    {
        using CpuEngine engine = CpuEngine.Create(new() { Threads = 1 });
        using CompiledModel model = engine.Compile(SmallNetwork(1));
        model.CreateRequest().Dispose();
        long bytes = model.WeightsBytes;
        model.CreateRequest(batch: 3).Dispose();
        Assert.Equal(bytes, model.WeightsBytes);
    }

    [Fact]
    public void Requests_on_two_threads_give_equal_results()
    {
        using CpuEngine engine = CpuEngine.Create();
        using CompiledModel model = engine.Compile(SmallNetwork(2));
        float[] expected;
        using (InferenceRequest request = model.CreateRequest())
            expected = Runner.Run(request);
        System.Threading.Tasks.Parallel.For(0, 8, _ =>
        {
            using InferenceRequest request = model.CreateRequest();
            for (int i = 0; i < 20; i++)
                Assert.Equal(expected, Runner.Run(request));
        });
    }

    [Fact]
    public void A_run_allocates_nothing()
    {
        using CpuEngine engine = CpuEngine.Create(new() { Threads = 1 });
        using CompiledModel model = engine.Compile(SmallNetwork(1));
        using InferenceRequest request = model.CreateRequest();
        Assert.DoesNotContain(model.Explain().Nodes, n => n.IsSlow);
        for (int i = 0; i < 50; i++)
            request.Run();
        Assert.Equal(0, Allocations.Fewest(() => request.Run()));
    }

    [Fact]
    public async Task Asynchronous_runs_give_the_same_and_can_be_cancelled()
    {
        using CpuEngine engine = CpuEngine.Create();
        using CompiledModel model = engine.Compile(SmallNetwork(1));
        using InferenceRequest request = model.CreateRequest();
        float[] expected = Runner.Run(request);
        await request.RunAsync();
        Assert.Equal(expected, Runner.Outputs(request));
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => request.RunAsync(cancelled.Token));
    }

    [Fact]
    public async Task A_request_runs_once_at_a_time_and_its_memory_lasts_as_long_as_its_run()
    {
        using var pool = new HeldPool();
        using CpuEngine engine = CpuEngine.Create(new() { Threads = 2, ThreadPool = pool });
        using CompiledModel model = engine.Compile(SmallNetwork(64));
        InferenceRequest request = model.CreateRequest();
        request.Run();
        pool.Hold();
        Task run = request.RunAsync();
        pool.WaitUntilHeld();
        Assert.Contains("one for each thread", Assert.Throws<InvalidOperationException>(request.Run).Message, StringComparison.Ordinal);
        request.Dispose();
        Assert.Throws<ObjectDisposedException>(request.Run);
        request.Input().AsSpan<float>().Clear();   // still there
        pool.Release();
        await run;
        Assert.Throws<ObjectDisposedException>(() => request.Input().AsSpan<float>());
        request.Dispose();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => request.RunAsync());
    }

    [Fact]
    public void Activations_may_need_more_than_two_gigabytes()
    {
        var sketch = new ModelSketch();
        GraphValue x = sketch.Input(GraphDimension.Named("N"), 1 << 20);
        ModelGraph graph = sketch.Output(sketch.Op("Relu", x), sketch.Op("Abs", x));
        using CpuEngine engine = CpuEngine.Create(new() { Threads = 1 });
        using CompiledModel model = engine.Compile(graph);
        using InferenceRequest request = model.CreateRequest(batch: 255);   // pages that nobody touches take no memory
        Assert.InRange(request.ArenaBytes, int.MaxValue + 1L, 3L << 30);
        Assert.Equal(255 << 20, request.Output(graph.Outputs[1].Name).AsSpan<float>().Length);
    }

    [Fact]
    public void A_profile_names_every_step()
    {
        using var engine = new ReferenceEngine();
        using CompiledModel model = engine.Compile(SmallNetwork(1));
        using InferenceRequest request = model.CreateRequest();
        Assert.Empty(request.Profile());
        request.IsProfiling = true;
        request.Run();
        Assert.All(request.Profile(), step => Assert.NotEmpty(step.Implementation));
        Assert.Contains(request.Profile(), step => step.Total > TimeSpan.Zero);
    }

    [Fact]
    public void Unknown_operators_are_listed_together()
    {
        var sketch = new ModelSketch();
        GraphValue x = sketch.Input(1, 2);
        ModelGraph graph = sketch.Output(sketch.Op("Frobnicate", sketch.Op("Discombobulate", x)));
        using var engine = new ReferenceEngine();
        var exception = Assert.Throws<ModelCompilationException>(() => engine.Compile(graph));
        Assert.Equal(["Discombobulate", "Frobnicate"], exception.Failures.Select(f => f.OpType));
        Assert.Contains("Frobnicate", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Wrong_names_and_shapes_are_refused_with_the_right_ones()
    {
        using var engine = new ReferenceEngine();
        using CompiledModel model = engine.Compile(SmallNetwork(1));
        using InferenceRequest request = model.CreateRequest();
        Assert.Contains(model.Inputs[0].Name, Assert.Throws<ArgumentException>(() => request.Input("picture")).Message,
            StringComparison.Ordinal);
        Assert.Throws<ModelFormatException>(() => model.CreateRequest(new Dictionary<string, Shape> { ["picture"] = [1] }));
        Assert.Throws<ModelFormatException>(() =>
            model.CreateRequest(new Dictionary<string, Shape> { [model.Inputs[0].Name] = [1, 4, 8, 8] }));
        Assert.Throws<ArgumentOutOfRangeException>(() => model.CreateRequest(batch: 0));
    }

    [Fact]
    public void Inputs_keep_their_content_from_run_to_run()
    {
        using var engine = new ReferenceEngine();
        using CompiledModel model = engine.Compile(SmallNetwork(1));
        using InferenceRequest request = model.CreateRequest();
        float[] first = Runner.Run(request);
        request.Run();
        Assert.Equal(first, Runner.Outputs(request));
    }

    // Runs everything on the caller, who waits at the next piece of work while the pool is held.
    private sealed unsafe class HeldPool : IThreadPool, IDisposable
    {
        private readonly ManualResetEventSlim _open = new(true), _reached = new(false);

        public int MaximumWorkers => 2;

        public void Hold() => _open.Reset();

        public void WaitUntilHeld() => Assert.True(_reached.Wait(TimeSpan.FromSeconds(30)));

        public void Release() => _open.Set();

        public void Run(int participants, delegate*<void*, int, int, void> body, void* state)
        {
            if (!_open.IsSet)
                _reached.Set();
            _open.Wait();
            body(state, 0, 1);
        }

        public void Dispose()
        {
            _open.Dispose();
            _reached.Dispose();
        }
    }
}
