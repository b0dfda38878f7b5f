// Decides which values of a graph are quantized, which of them share a scale, and which nodes run on int8.
using Int8Runtime.Graph;

namespace Int8Runtime.Quantization;

/// <summary>
/// The values that get quantizers. Starting from the activations that meet constant weights, the plan walks towards the
/// inputs of the graph: what leads to such an activation is quantized, what follows the last weights (the classifier's
/// output, its softmax) stays f32. Values before and after a moving operator, and all operands of a concatenation, form one
/// group with one scale.
/// </summary>
internal sealed class QuantizationPlan
{
    private readonly IReadOnlyDictionary<string, string> _exclusions;
    private readonly Dictionary<GraphValue, GraphValue> _parents = [];
    private readonly Dictionary<GraphNode, string> _reasons = [];
    private readonly Lazy<DetectionHeads> _heads;

    private QuantizationPlan(ModelGraph graph, IReadOnlyDictionary<string, string> exclusions)
    {
        Graph = graph;
        _exclusions = exclusions;
        _heads = new Lazy<DetectionHeads>(() => DetectionHeads.Find(graph));
    }

    /// <summary>The graph that was planned.</summary>
    public ModelGraph Graph { get; }

    /// <summary>Every value that gets a quantizer.</summary>
    public IReadOnlyCollection<GraphValue> Values => _parents.Keys;

    /// <summary>Plans a graph.</summary>
    /// <param name="graph">The f32 graph.</param>
    /// <param name="exclusions">Reasons of the nodes that are not to be quantized, by name.</param>
    /// <param name="quantizeOutputs">Whether the results of the last weighted nodes get quantizers too.</param>
    public static QuantizationPlan Create(ModelGraph graph, IReadOnlyDictionary<string, string> exclusions, bool quantizeOutputs = false)
    {
        var plan = new QuantizationPlan(graph, exclusions);
        foreach (GraphNode node in graph.Nodes)
        {
            (OperatorRole role, string reason) = OperatorPolicy.RoleOf(node, exclusions);
            if (role == OperatorRole.Float)
                plan._reasons[node] = reason;
            else if (role == OperatorRole.Weighted)
                plan.Mark(node.Input(0));
        }

        if (quantizeOutputs)
        {
            foreach (GraphNode node in LayerPositions.Last(graph).Where(plan.IsQuantized))
                plan.Mark(plan.ResultOf(node));
        }

        return plan;
    }

    /// <summary>True if the value gets a quantizer.</summary>
    public bool Contains(GraphValue value) => _parents.ContainsKey(value);

    /// <summary>The representative of the values that share the scale of <paramref name="value"/>.</summary>
    public GraphValue GroupOf(GraphValue value)
    {
        while (_parents[value] != value)
            value = _parents[value];
        return value;
    }

    /// <summary>
    /// Values whose range has to be measured: a moving operator's result holds nothing (but zeros) that its operands do not,
    /// unless one of them is constant.
    /// </summary>
    public IEnumerable<GraphValue> MeasuredValues() =>
        Values.Where(v => v.Producer is null || RoleOf(v.Producer) != OperatorRole.Moving || ConstantActivations(v.Producer).Any());

    /// <summary>The constant operands of a concatenation, which are quantized like its other operands.</summary>
    public static IEnumerable<GraphUse> ConstantActivations(GraphNode node) => node.Is("Concat")
        ? node.Inputs.Select((value, index) => (value, index)).Where(i => i.value is { IsConstant: true })
            .Select(i => new GraphUse(node, i.index))
        : [];

    /// <summary>True if the node reads quantized operands.</summary>
    public bool IsQuantized(GraphNode node) => RoleOf(node) switch
    {
        OperatorRole.Float => false,
        OperatorRole.Weighted => true,
        OperatorRole.Activation => OperatorPolicy.ActivationInputs(node).All(Contains) || FollowsQuantized(node),
        _ => HasQuantizedResult(node) && OperatorPolicy.ActivationInputs(node).All(Contains),
    };

    /// <summary>Why a node stays f32.</summary>
    public string ReasonFor(GraphNode node) =>
        _reasons.GetValueOrDefault(node) ?? _heads.Value.ReasonFor(node) ?? "its result does not lead to further weights";

    private OperatorRole RoleOf(GraphNode node) => OperatorPolicy.RoleOf(node, _exclusions).Role;

    // Behind the activation that is fused into the node.
    private GraphValue ResultOf(GraphNode node) =>
        node.Output.SoleConsumer is { } next && RoleOf(next) == OperatorRole.Activation ? next.Output : node.Output;

    // Its own result, or that of the activation which is fused into it.
    private bool HasQuantizedResult(GraphNode node) => Contains(node.Output)
        || (node.Output.SoleConsumer is { } next && RoleOf(next) == OperatorRole.Activation && IsFused(next) && Contains(next.Output));

    // An activation that is fused into a node which runs on int8.
    private bool FollowsQuantized(GraphNode node) =>
        IsFused(node) && node.Input(0).Producer is { } producer && IsQuantized(producer);

    // A function of a value that nobody else reads, computed by the node before it, whether that runs on int8 or f32.
    private bool IsFused(GraphNode activation)
    {
        GraphValue source = activation.Input(0);
        return source.SoleConsumer == activation && source.Producer is { } producer
            && RoleOf(producer) is OperatorRole.Weighted or OperatorRole.Computing or OperatorRole.Float;
    }

    private void Mark(GraphValue value)
    {
        if (value.IsConstant || !_parents.TryAdd(value, value) || value.Producer is not { } producer)
            return;
        switch (RoleOf(producer))
        {
            case OperatorRole.Computing:
                MarkOperands(producer);
                break;
            case OperatorRole.Activation when !IsFused(producer):
                MarkOperands(producer);
                break;
            case OperatorRole.Activation when RoleOf(producer.Input(0).Producer!) == OperatorRole.Computing:
                MarkOperands(producer.Input(0).Producer!);
                break;
            case OperatorRole.Moving:
                MarkOperands(producer);
                foreach (GraphValue operand in OperatorPolicy.ActivationInputs(producer))
                    _parents[GroupOf(operand)] = GroupOf(value);
                break;
        }
    }

    private void MarkOperands(GraphNode node)
    {
        foreach (GraphValue operand in OperatorPolicy.ActivationInputs(node))
            Mark(operand);
    }
}
