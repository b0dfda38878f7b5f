// One execution context of a compiled model.
using System.Diagnostics;
using Int8Runtime.Graph.Planning;
using Int8Runtime.Tuning;

namespace Int8Runtime.Graph;

/// <summary>The time that a step of a request took, summed over runs.</summary>
/// <param name="Name">The node or reorder.</param>
/// <param name="Implementation">The kernel.</param>
/// <param name="Total">Time of all profiled runs.</param>
public readonly record struct StepTime(string Name, string Implementation, TimeSpan Total);

/// <summary>
/// Runs a compiled model: owns the memory of inputs, outputs and activations, and the prepared arguments of every step. A
/// run allocates nothing, unless a node runs on the portable evaluator. Not thread-safe: one request for each thread, which
/// refuses a run while another one lasts.
/// </summary>
public sealed class InferenceRequest : IDisposable
{
    private const int ArenaLine = MemoryPlanner.Alignment;

    private readonly CompiledPlan _plan;
    private readonly TensorMemory _arena;
    private readonly ExecutionStream _stream;
    private readonly BoundStep[] _steps;
    private readonly Dictionary<string, TensorMemory> _inputs;
    private readonly Dictionary<string, TensorMemory> _outputs;
    private readonly BoundTail? _tail;
    private long[]? _ticks;
    private ExclusiveUse _use;

    internal InferenceRequest(CompiledModel model, CompiledPlan plan)
    {
        Model = model;
        _plan = plan;
        CheckMemory(model.Name, plan.Plan.ArenaBytes);
        // In two dimensions: an extent has 32 bits, and activations may need more.
        int lines = checked((int)(Math.Max(plan.Plan.ArenaBytes + ArenaLine - 1, ArenaLine) / ArenaLine));
        _arena = new TensorMemory(new MemoryDescriptor([lines, ArenaLine], DataType.UInt8));
        _stream = model.Engine.CreateStream();
        _stream.ReserveScratch(plan.Plan.ScratchBytes);
        _steps = [.. plan.Plan.Steps.Select(s => s.Bind(_arena))];
        _inputs = plan.Plan.Inputs.ToDictionary(i => i.Key, i => i.Value.Resolve(_arena), StringComparer.Ordinal);
        _outputs = plan.Plan.Outputs.ToDictionary(o => o.Key, o => PortMemory(o.Value), StringComparer.Ordinal);
        _tail = plan.Tail?.Bind(source => source.IsGraphInput ? _inputs[source.Name] : _outputs[source.Name]);
    }

    // Linux promises more memory than there is, and ends the process when it is used.
    private static void CheckMemory(string model, long bytes)
    {
        long available = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        if (bytes > available)
            throw new InsufficientMemoryException(
                $"A request of the model '{model}' needs {bytes} bytes of activations, and {available} are available: take a smaller batch.");
    }

    /// <summary>The model.</summary>
    public CompiledModel Model { get; }

    /// <summary>Bytes of inputs, outputs and activations.</summary>
    public long ArenaBytes => _plan.Plan.ArenaBytes;

    /// <summary>Whether the shape of an output depends on the content of the inputs. The nodes that lead to it run on the portable
    /// evaluator.</summary>
    public bool HasDataDependentShapes => _tail is not null;

    /// <summary>Whether runs measure each step; see <see cref="Profile"/>.</summary>
    public bool IsProfiling
    {
        get => _ticks is not null;
        set => _ticks = value ? _ticks ?? new long[_steps.Length] : null;
    }

    /// <summary>The row-major memory of an input, to be filled before a run; it keeps its content from run to run.</summary>
    /// <param name="name">The name; null where the model has one input.</param>
    /// <exception cref="ArgumentException">The model has no such input.</exception>
    public TensorMemory Input(string? name = null) => Find(_inputs, name, "input");

    /// <summary>The row-major memory of an output, valid from a run to the next one.</summary>
    /// <param name="name">The name; null where the model has one output.</param>
    /// <exception cref="ArgumentException">The model has no such output.</exception>
    /// <exception cref="InvalidOperationException">The shape depends on the content of the inputs, and there was no run.</exception>
    public TensorMemory Output(string? name = null)
    {
        if (_tail is null)
            return Find(_outputs, name, "output");
        name ??= Model.Outputs.Count == 1 ? Model.Outputs[0].Name : null;
        return name is not null && _tail.Delivers(name) ? _tail.Output(name) : Find(_outputs, name, "output");
    }

    /// <summary>Computes the outputs from the inputs.</summary>
    /// <exception cref="ObjectDisposedException">The request was disposed.</exception>
    /// <exception cref="InvalidOperationException">It runs already.</exception>
    public void Run()
    {
        Execute(CancellationToken.None);
    }

    /// <summary>Runs on a thread of the .NET thread pool; a cancellation is noticed between steps.</summary>
    public Task RunAsync(CancellationToken cancellation = default)
    {
        ObjectDisposedException.ThrowIf(_use.IsClosed, this);
        return Task.Run(() => Execute(cancellation), cancellation);
    }

    /// <summary>The time of each step since profiling was switched on; empty without profiling.</summary>
    public IReadOnlyList<StepTime> Profile() => _ticks is not { } ticks
        ? []
        : [.. _plan.Plan.Steps.Select((s, i) =>
            new StepTime(s.Name, s.Implementation, Stopwatch.GetElapsedTime(0, ticks[i])))];

    /// <summary>
    /// Measures, for each product of the model, the tiles that come into question, and keeps the fastest in the tuning of the engine
    /// (<see cref="CpuEngineOptions.Tuning"/>). Models that the engine compiles from then on use them; this one stays as it is. Inputs
    /// should hold usual values; outputs are undefined until the next run. Takes about a second for every ten layers.
    /// </summary>
    /// <param name="progress">Is told how many products are done.</param>
    /// <param name="cancellation">Ends the measuring; what is measured stays.</param>
    /// <returns>One entry for each distinct product.</returns>
    /// <exception cref="InvalidOperationException">The engine has no tuning to keep tiles in.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public IReadOnlyList<TileMeasurement> Tune(IProgress<(int Done, int Total)>? progress = null, CancellationToken cancellation = default)
    {
        if (Model.Engine is not CpuEngine { Tuning: { } tuning })
            throw new InvalidOperationException("The engine was created without CpuEngineOptions.Tuning, which keeps measured tiles.");
        Begin();
        try
        {
            IReadOnlyList<TileMeasurement> measurements = TileTuner.Run(_plan.Plan.Steps, _arena, _stream, tuning, progress, cancellation);
            Model.Engine.Trim();   // plans made before know nothing of it
            return measurements;
        }
        finally
        {
            End();
        }
    }

    /// <summary>Frees the memory, now or as soon as a run that has begun ends.</summary>
    public void Dispose()
    {
        if (_use.Close())
            Free();
    }

    private void Free()
    {
        _tail?.Dispose();
        _stream.Dispose();
        _arena.Dispose();
    }

    private void Begin() => _use.Begin(this, "The request runs already; create one for each thread.");

    private void End()
    {
        if (_use.End())
            Free();
    }

    private void Execute(CancellationToken cancellation)
    {
        Begin();
        try
        {
            ExecuteAwake(cancellation);
        }
        finally
        {
            End();
        }
    }

    private void ExecuteAwake(CancellationToken cancellation)
    {
        if (_stream.Threads > 1 && Model.Engine.Pool is SharedThreadPool pool)
        {
            using SharedThreadPool.Awake awake = pool.KeepAwake();
            ExecuteSteps(cancellation);
        }
        else
        {
            ExecuteSteps(cancellation);
        }
    }

    private void ExecuteSteps(CancellationToken cancellation)
    {
        long[]? ticks = _ticks;
        for (int i = 0; i < _steps.Length; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            long start = ticks is null ? 0 : Stopwatch.GetTimestamp();
            _steps[i].Execute(_stream);
            if (ticks is not null)
                ticks[i] += Stopwatch.GetTimestamp() - start;
        }

        _tail?.Run();
        GC.KeepAlive(this);   // the steps hold addresses in the arena, which the finalizer of the request's memory would free
    }

    private static TensorMemory Find(Dictionary<string, TensorMemory> ports, string? name, string role)
    {
        if (name is null)
            return ports.Count == 1
                ? ports.Values.First()
                : throw new ArgumentException(
                    $"The model has {ports.Count} {role}s; name one of {string.Join(", ", ports.Keys)}.");
        return ports.TryGetValue(name, out TensorMemory? memory)
            ? memory
            : throw new ArgumentException($"The model has no {role} '{name}'; it has {string.Join(", ", ports.Keys)}.");
    }

    // The memory begins at the first element, whatever part of a buffer it is.
    private TensorMemory PortMemory(Location location)
    {
        MemoryDescriptor descriptor = location.Descriptor;
        long offset = location.Buffer!.Offset + (descriptor.Offset * descriptor.DataType.SizeInBytes());
        return _arena.View(new MemoryDescriptor(descriptor.Dimensions, descriptor.DataType), offset);
    }
}
