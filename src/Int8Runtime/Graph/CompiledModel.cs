// A model compiled for an engine.
using Int8Runtime.Caching;
using Int8Runtime.Graph.Fusion;
using Int8Runtime.Graph.Lowering;
using Int8Runtime.Graph.Passes;
using Int8Runtime.Graph.Planning;
using Int8Runtime.Jit;
using Int8Runtime.Graph.Shapes;

namespace Int8Runtime.Graph;

/// <summary>An input or output of a compiled model.</summary>
/// <param name="Name">The name.</param>
/// <param name="ElementType">The element type.</param>
/// <param name="Shape">The shape as the model states it; dimensions may be named or unknown.</param>
public sealed record ModelPort(string Name, DataType ElementType, GraphShape? Shape);

/// <summary>
/// A model compiled for an engine. It is planned for each set of input shapes on first use; plans share packed weights and
/// kernels. Thread-safe: create one <see cref="InferenceRequest"/> for each thread that runs it.
/// </summary>
public sealed class CompiledModel : IDisposable
{
    // Bytes of a constant that follows from the shapes of a plan; larger ones are computed in each run.
    private const long LargestPlannedConstant = 1 << 26;

    private readonly ModelGraph _graph;
    private readonly CompileOptions _options;
    private readonly WeightsStore _weights;
    private readonly PlanCache _plans;
    private volatile bool _disposed;
    private readonly PassLog _graphLog = new();
    private readonly Task<byte[]>? _fingerprint;

    internal CompiledModel(Engine engine, ModelGraph graph, CompileOptions options)
    {
        Engine = engine;
        _options = options;
        if (options.DisabledPasses.FirstOrDefault(name => !PassNames.Contains(name)) is { } unknown)
            throw new ArgumentException($"There is no pass '{unknown}' to leave out; the passes are {string.Join(", ", PassNames)}.");
        if (engine is CpuEngine { ModelCache: { } cache })
            _fingerprint = Task.Run(() => GraphFingerprint.Of(graph, cache.Key)); // beside the passes, which work on a copy
        else
            GeneratorWarmUp.Start();
        _graph = graph.Clone();
        SupportCheck.Run(_graph);
        foreach (string name in options.Observe)
            Observe(name);
        foreach (IGraphPass pass in GraphPasses.All)
        {
            if (!options.DisabledPasses.Contains(pass.Name))
                pass.Run(_graph, _graphLog);
        }

        Inputs = [.. _graph.Inputs.Select(Port)];
        Outputs = [.. _graph.Outputs.Select(Port)];
        _weights = new WeightsStore(engine);
        _plans = new PlanCache(options.ShapeCacheCapacity, Plan);
        if (_graph.Inputs.All(i => i.Shape is { IsStatic: true }))
            _plans.Get(ShapesOf(null, null));
        _fingerprint?.Wait(); // from here on the caller may change the graph
    }

    /// <summary>The names of all passes, in the order in which they run.</summary>
    public static IReadOnlyList<string> PassNames { get; } =
        [.. GraphPasses.All.Select(p => p.Name), .. OperationPasses.All.Select(p => p.Name)];

    /// <summary>The engine that runs the model.</summary>
    public Engine Engine { get; }

    /// <summary>The name of the model.</summary>
    public string Name => _graph.Name;

    /// <summary>The inputs in the order of the model.</summary>
    public IReadOnlyList<ModelPort> Inputs { get; }

    /// <summary>The outputs in the order of the model, observed values last.</summary>
    public IReadOnlyList<ModelPort> Outputs { get; }

    /// <summary>Bytes of packed weights that all requests share.</summary>
    public long WeightsBytes => _weights.SizeInBytes;

    /// <summary>Creates a request for the model's own shapes.</summary>
    /// <param name="batch">
    /// The extent of the first dimension of every input. Null keeps the extent of the model, or takes 1 where that is a name
    /// or unknown.
    /// </param>
    /// <exception cref="ModelFormatException">
    /// The shapes do not fit the model, or a dimension other than the first is not known.
    /// </exception>
    /// <exception cref="ModelCompilationException">A node cannot be computed for these shapes.</exception>
    /// <exception cref="InsufficientMemoryException">The activations need more than the memory of the machine or its container.</exception>
    /// <exception cref="ObjectDisposedException">The model is disposed.</exception>
    public InferenceRequest CreateRequest(int? batch = null) => new(this, PlanOf(null, batch));

    /// <summary>Creates a request for concrete shapes, by input name; inputs that are left out have the model's shape.</summary>
    /// <inheritdoc cref="CreateRequest(int?)" path="/exception"/>
    public InferenceRequest CreateRequest(IReadOnlyDictionary<string, Shape> shapes)
    {
        ArgumentNullException.ThrowIfNull(shapes);
        return new InferenceRequest(this, PlanOf(shapes, null));
    }

    /// <summary>
    /// Says how each node runs for the given shapes: precision, kernel, layouts, fusions, and why nothing better was chosen.
    /// </summary>
    /// <param name="shapes">Shapes by input name; null for those of <see cref="CreateRequest(int?)"/>.</param>
    public ModelExplanation Explain(IReadOnlyDictionary<string, Shape>? shapes = null)
    {
        CompiledPlan plan = PlanOf(shapes, null);
        return ModelExplanation.Of(Name, plan, [.. _graphLog.Events, .. plan.Events], WeightsBytes);
    }

    /// <summary>Forgets plans; requests that exist go on, and weights are freed when none uses them any more.</summary>
    public void Dispose()
    {
        _disposed = true;
        _plans.Clear();
    }

    private CompiledPlan PlanOf(IReadOnlyDictionary<string, Shape>? shapes, int? batch)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return _plans.Get(ShapesOf(shapes, batch));
    }

    private static ModelPort Port(GraphValue value) => new(value.Name, value.ElementType, value.Shape);

    private void Observe(string name)
    {
        if (!_graph.TryGetValue(name, out GraphValue? value))
            throw new ArgumentException($"The model '{Name}' has no value '{name}' to observe.");
        if (!value.IsGraphOutput)
            _graph.AddOutput(value);
    }

    private SortedDictionary<string, Shape> ShapesOf(IReadOnlyDictionary<string, Shape>? given, int? batch)
    {
        if (batch is { } extent)
            ArgumentOutOfRangeException.ThrowIfNegativeOrZero(extent, nameof(batch));
        var shapes = new SortedDictionary<string, Shape>(StringComparer.Ordinal);
        int used = 0;
        foreach (GraphValue input in _graph.Inputs)
        {
            if (given is not null && given.TryGetValue(input.Name, out Shape shape))
            {
                shapes[input.Name] = shape;
                used++;
            }
            else
            {
                shapes[input.Name] = DefaultShape(input, batch);
            }
        }

        if (used < given?.Count)
            throw new ModelFormatException($"The model '{Name}' has no input '{given.Keys.First(name => !shapes.ContainsKey(name))}'; "
                + $"its inputs are {string.Join(", ", shapes.Keys)}.");
        return shapes;
    }

    private static Shape DefaultShape(GraphValue input, int? batch)
    {
        if (input.Shape is not { } shape)
            throw new ModelFormatException($"The model does not state the rank of its input '{input.Name}': give its shape.");
        var extents = new int[shape.Rank];
        for (int d = 0; d < extents.Length; d++)
        {
            extents[d] = d == 0 ? batch ?? shape[0].Extent ?? 1 : shape[d].Extent
                ?? throw new ModelFormatException($"Input '{input.Name}' has the shape {shape}: give its extents.");
        }

        return extents;
    }

    private static void InferShapes(ModelGraph graph, SortedDictionary<string, Shape> shapes)
    {
        try
        {
            ShapeInference.Infer(graph, shapes, allowDynamic: true).Apply(graph);
            ConstantFolding.Run(graph, LargestPlannedConstant);   // masks and positions too large for the inference to follow
        }
        catch (UnsupportedModelException exception)
        {
            throw new ModelCompilationException(graph.Name, [new NodeFailure("", "", exception.Message)]);
        }
    }

    private CompiledPlan Plan(SortedDictionary<string, Shape> shapes)
    {
        ModelGraph graph = _graph.Clone();
        foreach (GraphValue input in graph.Inputs)
        {
            // A fixed batch is only the one the model was exported with.
            if (input.Shape is { Rank: > 0 } shape && shapes[input.Name].Rank == shape.Rank)
                input.Shape = new GraphShape([shapes[input.Name][0], .. shape.Skip(1)]);
        }

        InferShapes(graph, shapes);
        GraphCleanup.Run(graph);
        DynamicTail? tail = DynamicTail.Of(graph);
        OperationGraph operations = GraphLowering.Lower(graph, tail);
        operations.CacheBytes = CpuFeatures.Host.Caches.L2;
        var log = new PassLog();
        foreach (IOperationPass pass in OperationPasses.All)
        {
            if (!_options.DisabledPasses.Contains(pass.Name))
                pass.Run(operations, log);
        }

        return new CompiledPlan(PlanBuilder.Build(Name, Engine, operations, _weights, CacheEntry(shapes)), tail, log.Events);
    }

    private PlanCacheEntry? CacheEntry(SortedDictionary<string, Shape> shapes)
    {
        if (Engine is not CpuEngine { ModelCache: { } cache } engine)
            return null;
        Task<byte[]> key = _fingerprint!.ContinueWith(
            f => PlanKey.Of(f.GetAwaiter().GetResult(), engine, _options, shapes, PlanKey.Builds), TaskScheduler.Default);
        return new PlanCacheEntry(cache, key, engine.Log, Name);
    }
}
