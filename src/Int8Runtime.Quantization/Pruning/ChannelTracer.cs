// Walks a graph and finds which channels depend on each other.
using System.Collections.Frozen;
using Int8Runtime.Graph;
using Int8Runtime.Graph.Shapes;

namespace Int8Runtime.Quantization.Pruning;

/// <summary>
/// Follows channels from the filters that produce them to the weights that read them. Element-wise operators tie the channels of
/// their operands; depthwise convolutions, normalizations and pools carry them on; concatenations, flattenings and channel paddings
/// rearrange them. What is not understood keeps its operands whole, with a reason.
/// </summary>
internal sealed class ChannelTracer
{
    private static readonly FrozenSet<string> KeepingZero = new[]
    {
        "Relu", "LeakyRelu", "Elu", "Selu", "Celu", "ThresholdedRelu", "Tanh", "Softsign", "Abs", "Neg", "Sqrt", "Sign", "Erf", "Identity",
        "Dropout", "Cast", "HardSwish", "Gelu", "Mish", "Floor", "Ceil", "Round", "Sin", "MaxPool", "AveragePool", "GlobalAveragePool",
        "GlobalMaxPool", "LpPool", "GlobalLpPool",
    }.ToFrozenSet();

    private static readonly FrozenSet<string> LosingZero = new[] { "Sigmoid", "HardSigmoid", "Softplus", "Exp", "Cos" }.ToFrozenSet();

    private readonly ChannelTrace _trace = new();
    private readonly Dictionary<GraphValue, Channels> _channels = [];
    private readonly InferredTensors _shapes;

    private ChannelTracer(InferredTensors shapes) => _shapes = shapes;

    private ChannelIdentities Identities => _trace.Identities;

    /// <summary>Traces a graph whose constants are folded.</summary>
    public static ChannelTrace Trace(ModelGraph graph, InferredTensors shapes, IReadOnlySet<string> ignored)
    {
        var tracer = new ChannelTracer(shapes);
        foreach (GraphValue input in graph.Inputs.Where(i => shapes[i].Shape.Rank >= 2))
        {
            int[] ids = tracer.Identities.Create(shapes[input].Shape[1]);
            tracer.Identities.Pin(ids, "an input of the model");
            tracer._channels[input] = new Channels(ids, MayBeNonZero: false);
        }

        foreach (GraphNode node in graph.Nodes)
        {
            tracer.Visit(node);
            if (ignored.Contains(node.Name) && tracer._trace.Outputs.TryGetValue(node, out int[]? kept))
                tracer.Identities.Pin(kept, "excluded by the user");
        }

        foreach (GraphValue output in graph.Outputs)
            tracer.Pin(output, "an output of the model");
        return tracer._trace;
    }

    private void Visit(GraphNode node)
    {
        if (node.Domain.Length > 0)
        {
            GiveUp(node);
            return;
        }

        switch (node.OpType)
        {
            case "Conv":
                VisitConvolution(node);
                break;
            case "Gemm" or "MatMul":
                VisitProduct(node);
                break;
            case "BatchNormalization" when ChannelsOf(node, 0) is { } source && HasParameters(node, source):
                for (int i = 1; i <= 4; i++)
                    _trace.Constants.Add(new ChannelConstant(node, i, 0, source.Ids, IsZeroed: i <= 2));
                Set(node, source.Ids, mayBeNonZero: false);
                break;
            case "Add" or "Sub" or "Mul" or "Div" or "Max" or "Min" or "Sum" or "Mean" or "PRelu":
                VisitElementwise(node);
                break;
            case "Concat":
                VisitConcatenation(node);
                break;
            case "Pad":
                VisitPadding(node);
                break;
            case "Flatten" or "Reshape":
                VisitFlattening(node);
                break;
            case "Clip" when ChannelsOf(node, 0) is { } source:
                Set(node, source.Ids, source.MayBeNonZero || !ClipsAroundZero(node));
                break;
            case "Resize" or "Slice" or "Squeeze" or "Unsqueeze" or "ReduceMean" or "ReduceMax" or "ReduceSum"
                when ChannelsOf(node, 0) is { } source && KeepsChannels(node, source):
                Set(node, source.Ids, source.MayBeNonZero);
                break;
            case var op when (KeepingZero.Contains(op) || LosingZero.Contains(op)) && ChannelsOf(node, 0) is { } source:
                Set(node, source.Ids, source.MayBeNonZero || LosingZero.Contains(op));
                break;
            default:
                GiveUp(node);
                break;
        }
    }

    private void VisitConvolution(GraphNode node)
    {
        Channels? source = ChannelsOf(node, 0);
        if (node.ConstantInput(1) is not { ElementType: DataType.Float32 } weights || node.OptionalInput(2) is { IsConstant: false })
        {
            GiveUp(node);
            return;
        }

        int groups = node.Attributes.GetInt32("group", 1), filters = weights.Shape[0];
        if (groups > 1 && weights.Shape[1] == 1 && source?.Ids.Length == groups)
        {
            // Filter o reads channel o / multiplier only, and goes with it.
            int[] carried = [.. Enumerable.Range(0, filters).Select(o => source.Ids[o / (filters / groups)])];
            AddWeights(node, carried);
            _trace.Edits.Add((_, stays) => node.Attributes.Add("group", source.Ids.Count(stays)));
            Set(node, carried, mayBeNonZero: false);
            return;
        }

        int[] produced = Identities.CreateFor(node, filters);
        AddWeights(node, produced);
        _trace.Outputs[node] = produced;
        Set(node, produced, mayBeNonZero: false);
        if (groups > 1)
        {
            Identities.Pin(produced, $"a convolution with {groups} groups");
            Pin(node.Input(0), $"read by '{node.Name}', a convolution with {groups} groups");
        }
        else if (source is not null)
        {
            Read(node, source, 1);
        }
    }

    private void AddWeights(GraphNode node, int[] produced)
    {
        _trace.Constants.Add(new ChannelConstant(node, 1, 0, produced, IsZeroed: true));
        if (node.ConstantInput(2) is not null)
            _trace.Constants.Add(new ChannelConstant(node, 2, 0, produced, IsZeroed: true));
    }

    // Weights that sum over channels: a removed channel must have been zero.
    private void Read(GraphNode node, Channels source, int axis)
    {
        if (source.MayBeNonZero)
            Identities.Pin(source.Ids, $"'{node.Name}' reads a function of it that is not zero at zero");
        _trace.Constants.Add(new ChannelConstant(node, 1, axis, source.Ids, IsZeroed: false));
    }

    private void VisitProduct(GraphNode node)
    {
        if (ChannelsOf(node, 0) is { } source)
        {
            int axis = node.OpType == "Gemm" && node.Attributes.GetBoolean("transB") ? 1 : 0;
            bool isPlain = node.ConstantInput(1) is { Rank: 2, ElementType: DataType.Float32 } weights
                && weights.Shape[axis] == source.Ids.Length
                && RankOf(node.Input(0)) == 2 && !node.Attributes.GetBoolean("transA");
            if (isPlain)
                Read(node, source, axis);
            else
                Identities.Pin(source.Ids, ReasonOf(node));
        }

        // Only filters of convolutions are removed: what a product produces stays as it is.
        foreach (GraphValue? operand in node.Inputs.Skip(1))
            if (operand is not null)
                Pin(operand, ReasonOf(node));
        if (RankOf(node.Output) == 2)
        {
            int[] ids = Identities.Create(_shapes[node.Output].Shape[1]);
            Identities.Pin(ids, $"tied to the outputs of '{node.Name}' ({node.OpType}), which are not removed");
            Set(node, ids, mayBeNonZero: false);
        }
    }

    private void VisitElementwise(GraphNode node)
    {
        int rank = RankOf(node.Output);
        GraphValue[] operands = [.. node.Inputs.OfType<GraphValue>()];
        Channels? widest = operands.Select(o => _channels.GetValueOrDefault(o)).OfType<Channels>().MaxBy(c => c.Ids.Length);
        bool understood = widest is not null && rank >= 2
            && operands.All(o => o.IsConstant || (_channels.ContainsKey(o) && RankOf(o) == rank))
            && (node.OpType is not ("Div" or "PRelu") || operands[1].IsConstant) && (node.OpType is not "Div" || !operands[0].IsConstant);
        if (!understood)
        {
            GiveUp(node);
            return;
        }

        bool multiplies = node.OpType == "Mul";
        bool nonZero = multiplies;
        if (operands.Any(o => o.Constant is { } c && c.Rank >= rank - 1 && c.Shape[1 - (rank - c.Rank)] is var extent
            && extent != 1 && extent != widest!.Ids.Length))
        {
            GiveUp(node);
            return;
        }

        var constants = new List<ChannelConstant>();
        for (int i = 0; i < operands.Length; i++)
        {
            bool operandNonZero;
            if (operands[i].Constant is { } constant)
            {
                int axis = 1 - (rank - constant.Rank);
                bool perChannel = axis >= 0 && axis < constant.Rank && constant.Shape[axis] != 1;
                bool zeroed = perChannel && node.OpType is not ("Div" or "PRelu") && constant.ElementType == DataType.Float32;
                if (perChannel)
                    constants.Add(new ChannelConstant(node, i, axis, widest!.Ids, zeroed));
                operandNonZero = !zeroed && node.OpType is not ("Div" or "PRelu");
            }
            else
            {
                Channels channels = _channels[operands[i]];
                bool broadcast = channels.Ids.Length != widest!.Ids.Length;
                if (broadcast)
                    Identities.Pin(channels.Ids, $"spread over all channels by '{node.Name}'");
                for (int c = 0; c < channels.Ids.Length && !broadcast; c++)
                    Identities.Unite(widest.Ids[c], channels.Ids[c]);
                operandNonZero = broadcast || channels.MayBeNonZero;
            }

            nonZero = multiplies ? nonZero && operandNonZero : nonZero || operandNonZero;
        }

        _trace.Constants.AddRange(constants);
        Set(node, widest!.Ids, nonZero);
    }

    private void VisitConcatenation(GraphNode node)
    {
        int rank = RankOf(node.Output), axis = node.Attributes.GetInt32("axis");
        Channels?[] parts = [.. node.Inputs.Select(i => i is null ? null : _channels.GetValueOrDefault(i))];
        if (rank < 2 || parts.Any(p => p is null))
        {
            GiveUp(node);
            return;
        }

        bool nonZero = parts.Any(p => p!.MayBeNonZero);
        if ((axis < 0 ? axis + rank : axis) == 1)
        {
            Set(node, [.. parts.SelectMany(p => p!.Ids)], nonZero);
            return;
        }

        foreach (Channels? part in parts.Skip(1))
            for (int c = 0; c < part!.Ids.Length; c++)
                Identities.Unite(parts[0]!.Ids[c], part.Ids[c]);
        Set(node, parts[0]!.Ids, nonZero);
    }

    // A padding of the channel axis adds channels of zeros, which may go as others do.
    private void VisitPadding(GraphNode node)
    {
        int rank = RankOf(node.Output);
        if (ChannelsOf(node, 0) is not { } source || rank < 2 || node.OptionalInput(3) is not null
            || node.ConstantInput(1) is not { ElementType: DataType.Int64 } pads || pads.ElementCount != 2 * rank)
        {
            GiveUp(node);
            return;
        }

        ReadOnlySpan<long> amounts = pads.AsSpan<long>();
        (long front, long back) = (amounts[1], amounts[rank + 1]);
        bool zeros = node.Attributes.GetString("mode", "constant") == "constant"
            && (node.OptionalInput(2) is null
                || (node.ConstantInput(2) is { ElementType: DataType.Float32 } value && value.AsSpan<float>()[0] == 0));
        if (front == 0 && back == 0)
        {
            bool fills = node.Attributes.GetString("mode", "constant") == "constant" && !zeros;
            Set(node, source.Ids, source.MayBeNonZero || fills);
            return;
        }

        if (front < 0 || back < 0 || !zeros)
        {
            GiveUp(node);
            return;
        }

        int[] before = Identities.Create((int)front), after = Identities.Create((int)back);
        long[] original = amounts.ToArray();
        _trace.Edits.Add((graph, stays) =>
        {
            long[] changed = [.. original];
            changed[1] = before.Count(stays);
            changed[rank + 1] = after.Count(stays);
            node.SetInput(1, graph.AddConstant(node.Input(1).Name + "_pruned", TensorData.Vector<long>(changed)));
        });
        Set(node, [.. before, .. source.Ids, .. after], source.MayBeNonZero);
    }

    private void VisitFlattening(GraphNode node)
    {
        Channels? source = ChannelsOf(node, 0);
        Shape from = _shapes[node.Input(0)].Shape, to = _shapes[node.Output].Shape;
        if (source is null || from.Rank < 2 || to.Rank < 2 || from[0] != to[0] || source.Ids.Length == 0)
        {
            GiveUp(node);
            return;
        }

        bool keeps = to[1] == from[1] && from.Span[2..].ToArray().Where(e => e != 1)
            .SequenceEqual(to.Span[2..].ToArray().Where(e => e != 1));
        bool flattens = to.Rank == 2 && to[1] == from.ElementCount / Math.Max(1, from[0]);
        if (!keeps && !flattens)
        {
            GiveUp(node);
            return;
        }

        if (node.OpType == "Reshape")
        {
            // The number of channels must not stand in the target any more.
            long[] target = keeps ? [0, -1, .. to.Span[2..].ToArray().Select(e => (long)e)] : [0, -1];
            _trace.Edits.Add((graph, _) =>
                node.SetInput(1, graph.AddConstant(node.Input(1).Name + "_pruned", TensorData.Vector<long>(target))));
        }

        int repeats = keeps ? 1 : to[1] / source.Ids.Length;
        Set(node, [.. source.Ids.SelectMany(id => Enumerable.Repeat(id, repeats))], source.MayBeNonZero);
    }

    // Whether an operator with axes leaves axis 1 alone.
    private bool KeepsChannels(GraphNode node, Channels source)
    {
        Shape from = _shapes[node.Input(0)].Shape, to = _shapes[node.Output].Shape;
        if (to.Rank < 2 || to[1] != source.Ids.Length || from[0] != to[0])
            return false;
        if (node.Is("Resize"))
            return KeepsChannelsOf(node, source, from.Rank);
        int axesInput = node.Is("Slice") ? 3 : 1;
        int rank = node.Is("Unsqueeze") ? to.Rank : from.Rank;
        return node.ConstantInput(axesInput) is { ElementType: DataType.Int64 or DataType.Int32 } axes
            && Array.TrueForAll(Integers(axes), a => (a < 0 ? a + rank : a) > 1);
    }

    // Resize to extents: those of the channels must not stand there any more.
    private bool KeepsChannelsOf(GraphNode resize, Channels source, int rank)
    {
        if (resize.OptionalInput(3) is not { } sizes)
            return true;
        long[] axes = resize.Attributes.GetIntegers("axes") ?? [.. Enumerable.Range(0, rank).Select(a => (long)a)];
        int place = Array.FindIndex(axes, a => (a < 0 ? a + rank : a) == 1);
        if (place < 0)
            return true;
        if (sizes.Constant is not { ElementType: DataType.Int64 } extents || extents.ElementCount != axes.Length)
            return false;
        long[] target = extents.AsSpan<long>().ToArray();
        _trace.Edits.Add((graph, stays) =>
        {
            long[] changed = [.. target];
            changed[place] = source.Ids.Count(stays);
            resize.SetInput(3, graph.AddConstant(sizes.Name + "_pruned", TensorData.Vector<long>(changed)));
        });
        return true;
    }

    private static long[] Integers(TensorData data) => data.ElementType == DataType.Int64
        ? data.AsSpan<long>().ToArray()
        : Array.ConvertAll(data.AsSpan<int>().ToArray(), i => (long)i);

    private static bool ClipsAroundZero(GraphNode node) =>
        (node.OptionalInput(1) is null || (node.ConstantInput(1) is { ElementType: DataType.Float32 } low && low.AsSpan<float>()[0] <= 0))
        && (node.OptionalInput(2) is null
            || (node.ConstantInput(2) is { ElementType: DataType.Float32 } high && high.AsSpan<float>()[0] >= 0));

    private static bool HasParameters(GraphNode node, Channels source) => Enumerable.Range(1, 4).All(
        i => node.ConstantInput(i) is { ElementType: DataType.Float32 } parameter && parameter.ElementCount == source.Ids.Length);

    private void GiveUp(GraphNode node)
    {
        foreach (GraphValue operand in node.Inputs.OfType<GraphValue>())
            Pin(operand, ReasonOf(node));
    }

    private static string ReasonOf(GraphNode node) => $"read by '{node.Name}' ({node.OpType}), through which channels are not traced";

    private void Pin(GraphValue value, string reason)
    {
        if (_channels.TryGetValue(value, out Channels? channels))
            Identities.Pin(channels.Ids, reason);
    }

    private int RankOf(GraphValue value) => _shapes[value].Shape.Rank;

    private Channels? ChannelsOf(GraphNode node, int input) =>
        node.OptionalInput(input) is { } value ? _channels.GetValueOrDefault(value) : null;

    private void Set(GraphNode node, int[] ids, bool mayBeNonZero) => _channels[node.Output] = new Channels(ids, mayBeNonZero);
}
