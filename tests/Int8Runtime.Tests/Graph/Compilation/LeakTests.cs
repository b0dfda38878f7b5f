// Memory of models: given back when they are disposed, kept alive while they run.
using System.Diagnostics;
using System.Runtime.CompilerServices;
using Int8Runtime.Graph;

namespace Int8Runtime.Tests.Graph.Compilation;

/// <summary>Tests that measure the process run alone.</summary>
[CollectionDefinition(nameof(ProcessMemory), DisableParallelization = true)]
public sealed class ProcessMemory;

[Collection(nameof(ProcessMemory))]
public sealed class LeakTests
{
    private const int Megabyte = 1 << 20;

    [Fact]
    public void A_hundred_cycles_leave_the_working_set_where_it_was()
    {
        const int Rounds = 6, Cycles = 100;
        ModelGraph graph = WideNetwork();
        long least = long.MaxValue;
        long before = WorkingSet();
        // Engine, code, thread pool and the heaps take some rounds to reach their size. A cycle packs 4 MB of weights and takes an
        // arena of some MB: what leaked a hundredth of that would grow in every round.
        for (int round = 0; round < Rounds && least > 4 * Megabyte; round++)
        {
            Cycle(graph, Cycles);
            long after = WorkingSet();
            least = Math.Min(least, after - before);
            before = after;
        }

        Assert.True(least <= 4 * Megabyte, $"the working set grew by {least / Megabyte} MB or more in each of {Rounds} rounds");
    }

    [Fact]
    public void Weights_are_released_with_the_model_and_its_requests()
    {
        (WeakReference model, WeakReference request) = CompileAndDispose();
        for (int i = 0; i < 5 && (model.IsAlive || request.IsAlive); i++)
            Collect();
        Assert.False(model.IsAlive, "something holds the compiled model");
        Assert.False(request.IsAlive, "something holds the request");
    }

    [Fact]
    public async Task A_running_request_is_kept_alive()
    {
        using CpuEngine engine = CpuEngine.Create(new() { Threads = 1 });
        using CompiledModel model = engine.Compile(WideNetwork());
        for (int i = 0; i < 10; i++)
        {
            Task run = StartAndForget(model);
            Collect();
            await run;
        }

        // Nothing but the run refers to the request.
        [MethodImpl(MethodImplOptions.NoInlining)]
        static Task StartAndForget(CompiledModel model)
        {
            InferenceRequest request = model.CreateRequest();
            Runner.Fill(request, 1);
            return request.RunAsync();
        }
    }

    private static void Cycle(ModelGraph graph, int count)
    {
        for (int i = 0; i < count; i++)
        {
            using CpuEngine engine = CpuEngine.Create(new() { Threads = 1 });
            using CompiledModel model = engine.Compile(graph);
            using InferenceRequest request = model.CreateRequest();
            request.Run();
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static (WeakReference Model, WeakReference Request) CompileAndDispose()
    {
        using CpuEngine engine = CpuEngine.Create(new() { Threads = 1 });
        using CompiledModel model = engine.Compile(WideNetwork());
        Assert.True(model.WeightsBytes >= 4 * Megabyte);
        using InferenceRequest request = model.CreateRequest();
        request.Run();
        return (new WeakReference(model), new WeakReference(request));
    }

    private static long WorkingSet()
    {
        Collect();
        using Process process = Process.GetCurrentProcess();
        return process.WorkingSet64;
    }

    private static void Collect()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
    }

    // 4 MB of weights.
    private static ModelGraph WideNetwork()
    {
        var sketch = new ModelSketch();
        GraphValue x = sketch.Op("Relu", sketch.Op("Gemm", sketch.Input(16, 1024), sketch.Random(1024, 1024), sketch.Random(1024)));
        return sketch.Output(x);
    }
}
