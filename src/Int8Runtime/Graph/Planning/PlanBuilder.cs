// Assigns memory to tensors and steps to operations, in the order of execution.
using Int8Runtime.Caching;
using Int8Runtime.Graph.Lowering;

namespace Int8Runtime.Graph.Planning;

/// <summary>The state of planning: which tensor lies where, and the steps so far. Emitters read and write tensors through it.</summary>
internal sealed class PlanBuilder
{
    private readonly Dictionary<Edge, Location> _locations = [];
    private readonly Dictionary<(Edge Edge, bool ChannelsLast), Location> _copies = [];
    private readonly List<PlannedBuffer> _buffers = [];
    private readonly List<PlannedStep> _steps = [];
    private readonly List<StoredTensor> _constants = [];
    private readonly PrimitiveBatch _primitives;
    private readonly PlanCacheEntry? _cache;
    private Operation? _current;

    private PlanBuilder(Engine engine, OperationGraph graph, WeightsStore weights, PlanCacheEntry? cache)
    {
        Engine = engine;
        Weights = weights;
        _cache = cache;
        _primitives = new PrimitiveBatch(engine, weights, cache);
        Layouts = LayoutPlan.Of(graph);
    }

    public Engine Engine { get; }

    public WeightsStore Weights { get; }

    public LayoutPlan Layouts { get; }

    /// <summary>Plans every operation.</summary>
    /// <param name="model">Name of the model.</param>
    /// <param name="engine">The engine.</param>
    /// <param name="graph">The operations.</param>
    /// <param name="weights">Constants of the model's plans.</param>
    /// <param name="cache">The place of this plan in the cache on disk; null without one.</param>
    /// <exception cref="ModelCompilationException">No implementation takes an operation.</exception>
    public static ExecutionPlan Build(string model, Engine engine, OperationGraph graph, WeightsStore weights, PlanCacheEntry? cache = null)
    {
        var builder = new PlanBuilder(engine, graph, weights, cache);
        foreach (Edge input in graph.Inputs)
            builder.Place(input, new Location(new MemoryDescriptor(input.Shape, input.Type), builder.NewBuffer(input, isInput: true)));
        var failures = new List<NodeFailure>();
        foreach (Operation operation in graph.Operations)
        {
            try
            {
                builder.Emit(operation);
            }
            catch (Exception exception) when (exception is UnsupportedPrimitiveException or ArgumentException)
            {
                failures.Add(new NodeFailure(operation.Name, operation.OpType, exception.Message));
                break;   // what follows would only fail for want of this result
            }
        }

        var outputs = new Dictionary<string, Location>(StringComparer.Ordinal);
        if (failures.Count == 0)
        {
            foreach (OutputPort output in graph.Outputs)
                outputs[output.Name] = builder.FinishOutput(output.Edge);
        }

        failures.InsertRange(0, builder._primitives.CreateAll());
        if (failures.Count == 0)
            builder._primitives.JoinChains(graph, builder._steps);
        return failures.Count == 0 ? builder.Finish(graph, outputs) : throw new ModelCompilationException(model, failures);
    }

    /// <summary>Where a tensor lies, in whatever layout.</summary>
    public Location LocationOf(Edge edge)
    {
        return KnownContent(edge) is { } content ? ConstantLocation(content, edge.Shape, Layouts.IsChannelsLast(edge)) : _locations[edge];
    }

    /// <summary>A tensor in the wanted layout; it is copied once if it lies otherwise.</summary>
    public Location Read(Edge edge, bool channelsLast)
    {
        if (KnownContent(edge) is { } content)
            return ConstantLocation(content, edge.Shape, channelsLast);
        Location location = _locations[edge];
        if (StridedView.Matches(location.Descriptor, channelsLast))
            return location;
        if (!_copies.TryGetValue((edge, channelsLast), out Location? copy))
        {
            MemoryDescriptor dense = StridedView.Dense(edge.Shape, edge.Type, channelsLast);
            copy = new Location(dense, NewBuffer(dense.SizeInBytes));
            Reorder(edge.Name + ":reorder", location, copy, PrimitiveAttributes.Default, isLayoutChange: true);
            _copies.Add((edge, channelsLast), copy);
        }

        return copy;
    }

    /// <summary>Memory for the result of an operation: its place in a concatenation, or a buffer of its own.</summary>
    public Location Define(Edge edge)
    {
        if (edge.Slot is { } slot)
        {
            Location whole = DefineConcat(slot.Concat);
            var start = new int[edge.Shape.Rank];
            start[((ConcatSpec)slot.Concat.Spec).Axis] = slot.Start;
            MemoryDescriptor part = whole.Descriptor.Slice(start, edge.Shape);
            if (StridedView.Matches(part, Layouts.IsChannelsLast(edge)))
                return Place(edge, whole with { Descriptor = part });
        }

        MemoryDescriptor dense = StridedView.Dense(edge.Shape, edge.Type, Layouts.IsChannelsLast(edge));
        return Place(edge, new Location(dense, NewBuffer(edge)));
    }

    /// <summary>Memory for the result of a concatenation, which the first operand in place may ask for.</summary>
    public Location DefineConcat(Operation concat) =>
        _locations.TryGetValue(concat.Output, out Location? location) ? location : Define(concat.Output);

    /// <summary>Lets a result use the memory of a tensor that this operation reads last; null where that would destroy live data.</summary>
    public Location? TryDefineInPlace(Edge result, Operand source)
    {
        Edge edge = source.Edge;
        if (edge.Constant is not null || edge.IsOutput || result.Slot is not null || result.Shape != edge.Shape
            || !_locations.TryGetValue(edge, out Location? location))
            return null;
        PlannedBuffer buffer = location.Buffer!;
        MemoryDescriptor descriptor = location.Descriptor;
        bool whole = descriptor.Offset == 0 && descriptor.SizeInBytes == buffer.Bytes && descriptor.IsDense;
        if (result.Producer?.Chain is { } chain && chain.Reads(read => IsIn(read, buffer), except: result.Producer))
            return null; // bands of other threads may not have read it yet
        if (buffer.IsInput || buffer.PendingReads != 1 || !whole || result.Type.SizeInBytes() != edge.Type.SizeInBytes()
            || !StridedView.Matches(descriptor, Layouts.IsChannelsLast(result)))
            return null;
        return Place(result, location with { Descriptor = descriptor.WithDataType(result.Type) });
    }

    private bool IsIn(Edge edge, PlannedBuffer buffer) => _locations.TryGetValue(edge, out Location? location) && location.Buffer == buffer;

    /// <summary>Makes a tensor another view of memory that exists.</summary>
    public Location Place(Edge edge, Location location)
    {
        _locations.Add(edge, location);
        if (location.Buffer is { } buffer)
            buffer.PendingReads += edge.Uses.Count + (edge.IsOutput ? 1 : 0);
        return location;
    }

    /// <summary>Asks for a primitive. All primitives of a plan are created together, on all cores.</summary>
    /// <param name="descriptor">What it computes.</param>
    /// <param name="attributes">Its attributes.</param>
    /// <param name="sums">What decides its numeric mode, if that is to be chosen.</param>
    public PlannedPrimitive Request(PrimitiveDescriptor descriptor, PrimitiveAttributes attributes, PairSums? sums = null) =>
        _primitives.Request(descriptor, attributes, sums, _current);

    /// <summary>Adds a step that executes a primitive.</summary>
    public void Execute(
        PrimitiveDescriptor descriptor, PrimitiveAttributes attributes,
        params ReadOnlySpan<(ArgumentSlot Slot, Location? Location)> arguments) =>
        Execute(Request(descriptor, attributes), arguments);

    /// <summary>Adds a step that executes a primitive.</summary>
    public void Execute(PlannedPrimitive primitive, params ReadOnlySpan<(ArgumentSlot Slot, Location? Location)> arguments)
    {
        var list = new List<(ArgumentSlot, Location)>();
        foreach ((ArgumentSlot slot, Location? location) in arguments)
        {
            if (location is not null)
                list.Add((slot, location));
        }

        AddStep(new PrimitiveStep(_current!.Name, primitive, [.. list]) { Operation = _current });
    }

    /// <summary>Adds a copy between layouts, types or quantizations.</summary>
    public void Reorder(
        string name, Location source, Location destination, PrimitiveAttributes attributes, int channelAxis = 1,
        bool isLayoutChange = false)
    {
        var descriptor = new ReorderDescriptor { Source = source.Descriptor, Destination = destination.Descriptor,
            ChannelAxis = channelAxis };
        PlannedPrimitive primitive = Request(descriptor, attributes);
        AddStep(new PrimitiveStep(name, primitive, [(ArgumentSlot.Source, source), (ArgumentSlot.Destination, destination)])
        {
            Operation = isLayoutChange ? null : _current,
        });
    }

    public void AddStep(PlannedStep step)
    {
        step.Operation ??= step is PrimitiveStep ? null : _current;
        foreach (Location location in step.Locations)
        {
            if (location.Constant is { } constant)
                _constants.Add(constant);
        }

        _steps.Add(step);
    }

    /// <summary>A buffer for data that no tensor of the graph stands for.</summary>
    public PlannedBuffer NewBuffer(long bytes)
    {
        var buffer = new PlannedBuffer(bytes) { PendingReads = 1 };
        _buffers.Add(buffer);
        return buffer;
    }

    /// <summary>A constant tensor in a layout of the plan.</summary>
    public Location ConstantLocation(TensorData content, Shape shape, bool channelsLast)
    {
        MemoryDescriptor target = StridedView.Dense(shape, content.ElementType, channelsLast);
        return new Location(target, null, Weights.Get(content, new MemoryDescriptor(shape, content.ElementType), target));
    }

    private PlannedBuffer NewBuffer(Edge edge, bool isInput = false)
    {
        var buffer = new PlannedBuffer(new MemoryDescriptor(edge.Shape, edge.Type).SizeInBytes) { IsInput = isInput };
        _buffers.Add(buffer);
        return buffer;
    }

    private void Emit(Operation operation)
    {
        if (IsConstant(operation))
            return;   // its readers take the constant
        _current = operation;
        OperationEmitters.Emit(operation, this);
        _current = null;
        foreach (Operand? operand in operation.Operands)
        {
            if (operand is not null && _locations.TryGetValue(operand.Edge, out Location? location) && location.Buffer is { } buffer)
                buffer.PendingReads--;
        }
    }

    // The content of a constant, or of a constant that the model dequantizes.
    private TensorData? KnownContent(Edge edge) => edge.Constant
        ?? (new Operand(edge).Dequantized() is { Edge.Constant: { } integers } dequantized
            ? Weights.ToReal(integers, dequantized.Quantization!) : null);

    // The caller sees dense row-major memory which nothing else overwrites.
    private Location FinishOutput(Edge edge)
    {
        if (KnownContent(edge) is { } content)
        {
            PlannedBuffer buffer = NewBuffer(edge);
            buffer.IsOutput = true;
            var constant = new Location(new MemoryDescriptor(edge.Shape, edge.Type), buffer);
            AddStep(new CopyStep(edge.Name, content, constant));
            return constant;
        }

        Location location = _locations[edge];
        if (location.Buffer!.IsInput || !StridedView.IsRowMajor(location.Descriptor))
        {
            var dense = new MemoryDescriptor(edge.Shape, edge.Type);
            var copy = new Location(dense, NewBuffer(edge));
            Reorder(edge.Name + ":reorder", location, copy, PrimitiveAttributes.Default, isLayoutChange: true);
            location = copy;
        }

        location.Buffer!.IsOutput = true;
        MemoryDescriptor descriptor = location.Descriptor;
        return location with { Descriptor = MemoryDescriptor.Strided(edge.Shape, edge.Type,
            new MemoryDescriptor(edge.Shape, edge.Type).Strides.AsSpan(), descriptor.Offset) };
    }

    /// <summary>Whether the operation dequantizes a constant, which happens when the model is compiled.</summary>
    public static bool IsConstant(Operation operation) => new Operand(operation.Output).Dequantized() is { Edge.Constant: not null };

    private ExecutionPlan Finish(OperationGraph graph, Dictionary<string, Location> outputs)
    {
        for (int i = 0; i < _steps.Count; i++)
            foreach (Location location in _steps[i].Locations)
                location.Buffer?.Touch(i);
        foreach (PlannedBuffer buffer in _buffers)
        {
            if (buffer.IsInput)
                (buffer.FirstStep, buffer.LastStep) = (0, int.MaxValue);
            if (buffer.IsOutput)
                buffer.LastStep = int.MaxValue;
        }

        List<PlannedBuffer> used = _buffers.FindAll(b => b.LastStep >= 0);
        long arenaBytes = MemoryPlanner.Place(used);
        StoredTensor[] constants = [.. _constants.Select(c => c.Resolved).Distinct()];
        bool cached = _cache is not null && _cache.TryProvide(constants);
        System.Threading.Tasks.Parallel.ForEach(constants, constant => _ = constant.Memory);
        if (!cached)
            _cache?.Store(constants);
        var inputs = graph.Inputs.ToDictionary(i => i.Name, i => _locations[i], StringComparer.Ordinal);
        return new ExecutionPlan(graph, _steps, inputs, outputs, used, arenaBytes);
    }
}
