// Channels behind functions that no factor passes: which of them may be divided by a factor, and by which.
using System.Collections.Frozen;
using Int8Runtime.Graph;
using Int8Runtime.Quantization.Pruning;

namespace Int8Runtime.Quantization;

/// <summary>
/// Behind a swish or a product of two activations a channel is divided by an explicit multiplication, which kernels compute in registers
/// together with the function, and the weights that read it are multiplied by the factor. Sums tie the channels of their operands;
/// concatenations, poolings and resizings carry them on. Channels that anything else reads keep the factor 1.
/// </summary>
internal sealed class ChannelScaling
{
    // f(k·x) = k·f(x) for k > 0, channel by channel.
    private static readonly FrozenSet<string> Homogeneous = new[]
    {
        "Relu", "LeakyRelu", "MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "Resize", "Dropout", "Identity",
    }.ToFrozenSet();

    private static readonly FrozenSet<string> Functions = new[]
    {
        "Sigmoid", "HardSigmoid", "HardSwish", "Tanh", "Gelu", "Mish", "Elu", "Selu", "Celu", "Softplus", "Softsign",
    }.ToFrozenSet();

    private readonly ChannelIdentities _identities = new();
    private readonly Dictionary<GraphValue, int[]> _channels = [];
    private readonly Dictionary<GraphValue, int> _ranks = [];
    private readonly Dictionary<GraphValue, GraphValue> _scales = [];   // values that share the scale of a quantizer
    private readonly List<GraphValue> _sources = [], _sums = [];
    private readonly List<(WeightedInput Weights, int[] Ids)> _readers = [];

    private ChannelScaling()
    {
    }

    /// <summary>The values whose channels have to be measured.</summary>
    public IEnumerable<GraphValue> Values => Free(_sources).Concat(Free(_sums));

    /// <summary>Finds the channels of a graph whose constants are folded.</summary>
    public static ChannelScaling Find(ModelGraph graph)
    {
        var scaling = new ChannelScaling();
        foreach (GraphNode node in graph.Nodes)
            scaling.Visit(node);
        foreach (GraphValue output in graph.Outputs)
            scaling.Pin(output);
        return scaling;
    }

    /// <summary>Multiplies and divides.</summary>
    /// <param name="graph">The graph that was searched.</param>
    /// <param name="magnitudes">The largest magnitude in each channel of <see cref="Values"/>.</param>
    /// <param name="smallestSpread">Values are scaled whose largest channel exceeds the median one by this factor at least.</param>
    /// <returns>The number of values that were scaled.</returns>
    public int Apply(ModelGraph graph, IReadOnlyDictionary<GraphValue, float[]> magnitudes, float smallestSpread)
    {
        Dictionary<int, float> factors = Factors(magnitudes, smallestSpread);
        if (factors.Count == 0)
            return 0;
        float[] Of(int[] ids) => [.. ids.Select(i => factors.GetValueOrDefault(_identities.GroupOf(i), 1))];
        int scaled = 0;
        foreach (GraphValue source in Free(_sources).ToArray())
        {
            float[] divisors = Of(_channels[source]);
            if (Array.TrueForAll(divisors, f => f == 1))
                continue;
            Divide(graph, source, divisors, _ranks[source]);
            scaled++;
        }

        foreach ((WeightedInput weights, int[] ids) in _readers)
            if (Of(ids) is var multipliers && !Array.TrueForAll(multipliers, f => f == 1))
                weights.Multiply(graph, multipliers);
        return scaled;
    }

    // A factor for each group of channels; groups without one keep what they have.
    private Dictionary<int, float> Factors(IReadOnlyDictionary<GraphValue, float[]> magnitudes, float smallestSpread)
    {
        var channels = new Dictionary<int, float>();
        var largest = new Dictionary<GraphValue, float>();
        var scaleOf = new Dictionary<int, GraphValue>();
        foreach ((GraphValue value, float[] measured) in magnitudes.Where(m => _channels.ContainsKey(m.Key)))
        {
            GraphValue scale = ScaleOf(value);
            largest[scale] = Math.Max(largest.GetValueOrDefault(scale), measured.Max());
            for (int c = 0; c < measured.Length; c++)
            {
                int group = _identities.GroupOf(_channels[value][c]);
                channels[group] = Math.Max(channels.GetValueOrDefault(group), measured[c]);
                scaleOf[group] = scale;
            }
        }

        Dictionary<int, (float Weight, bool Dense)> weights = Weights();
        var factors = new Dictionary<int, float>();
        foreach (IGrouping<GraphValue, KeyValuePair<int, float>> together in channels.GroupBy(c => scaleOf[c.Key]))
        {
            float[] sorted = [.. together.Select(c => c.Value).Order()];
            float whole = largest[together.Key];
            if (!(whole > 0) || whole < smallestSpread * sorted[sorted.Length / 2])
                continue;
            foreach ((int group, float magnitude) in together.Where(c => _identities.PinOf(c.Key) is null && weights.ContainsKey(c.Key)))
                factors[group] = ChannelFactors.Of(magnitude / whole, weights[group].Weight, !weights[group].Dense);
        }

        return factors;
    }

    // The largest weight that reads a group, as a share of the largest weight of its layer, and whether a sum over channels reads it.
    private Dictionary<int, (float Weight, bool Dense)> Weights()
    {
        var weights = new Dictionary<int, (float Weight, bool Dense)>();
        foreach ((WeightedInput reader, int[] ids) in _readers)
        {
            float[] magnitudes = reader.Magnitudes();
            float largest = magnitudes.Max();
            for (int c = 0; c < ids.Length; c++)
            {
                int group = _identities.GroupOf(ids[c]);
                (float weight, bool dense) = weights.GetValueOrDefault(group);
                weights[group] = (Math.Max(weight, magnitudes[c] / largest), dense || !reader.IsDepthwise);
            }
        }

        return weights;
    }

    private static void Divide(ModelGraph graph, GraphValue value, float[] divisors, int rank)
    {
        var extents = new int[rank];
        extents.AsSpan().Fill(1);
        extents[1] = divisors.Length;
        GraphUse[] uses = [.. value.Uses];
        GraphValue reciprocals = graph.AddConstant(
            value.Name + "_channel_factors", TensorData.Create<float>(Array.ConvertAll(divisors, d => 1 / d), extents));
        GraphValue divided = graph.AddOperation("Mul", value.Name + "_aligned", [value, reciprocals]);
        foreach (GraphUse use in uses)
            use.Node.SetInput(use.InputIndex, divided);
    }

    private IEnumerable<GraphValue> Free(IEnumerable<GraphValue> values) =>
        values.Where(v => Array.Exists(_channels[v], id => _identities.PinOf(id) is null));

    private void Visit(GraphNode node)
    {
        GraphValue[] activations = [.. node.Inputs.OfType<GraphValue>().Where(i => !i.IsConstant)];
        int[]?[] operands = [.. activations.Select(a => _channels.GetValueOrDefault(a))];
        bool known = node.Domain.Length == 0 && node.Outputs.Count == 1 && operands.Length > 0
            && Array.TrueForAll(operands, o => o is not null);
        bool alike = known && Array.TrueForAll(operands, o => o!.Length == operands[0]!.Length);
        if (node.Is("Conv") && OperatorPolicy.IsWeighted(node))
        {
            // What weights produce is divided there; see ChannelPair.
            if (known)
                _readers.Add((new WeightedInput(node), operands[0]!));
            TensorData weights = node.ConstantInput(1)!;
            int[] produced = _identities.Create(weights.Shape[0]);
            _identities.Pin(produced, "weights produce it");
            (_channels[node.Output], _ranks[node.Output]) = (produced, weights.Rank);
        }
        else if (known && activations.Length == 1 && activations[0] == node.OptionalInput(0) && Homogeneous.Contains(node.OpType))
        {
            Carry(node, operands[0]!);
        }
        else if (alike && node.Is("Add") && activations.Length == 2)
        {
            for (int c = 0; c < operands[0]!.Length; c++)
                _identities.Unite(operands[0]![c], operands[1]![c]);
            Carry(node, operands[0]!);
            _sums.Add(node.Output);
        }
        else if (known && node.Is("Concat") && node.Attributes.GetInt32("axis") == 1 && activations.Length == node.Inputs.Count)
        {
            Carry(node, [.. operands.SelectMany(o => o!)]);
        }
        else
        {
            foreach (GraphValue activation in activations)
                Pin(activation);
            if (!alike || !((Functions.Contains(node.OpType) && activations.Length == 1) || (node.Is("Mul") && activations.Length == 2)))
                return;
            (_channels[node.Output], _ranks[node.Output]) = (_identities.Create(operands[0]!.Length), _ranks[activations[0]]);
            _sources.Add(node.Output);
        }
    }

    private void Carry(GraphNode node, int[] ids)
    {
        _channels[node.Output] = ids;
        foreach (GraphValue operand in node.Inputs.OfType<GraphValue>().Where(_channels.ContainsKey))
        {
            _ranks[node.Output] = _ranks[operand];
            if (ScaleOf(operand) is var scale && scale != ScaleOf(node.Output))
                _scales[scale] = ScaleOf(node.Output);
        }
    }

    private GraphValue ScaleOf(GraphValue value)
    {
        while (_scales.TryGetValue(value, out GraphValue? next))
            value = next;
        return value;
    }

    private void Pin(GraphValue value)
    {
        if (_channels.TryGetValue(value, out int[]? ids))
            _identities.Pin(ids, "something else than weights reads it");
    }
}
