// Which layers to leave in f32 first: each is reverted alone, and the gain at the model's output is measured.
using Int8Runtime.Graph;

namespace Int8Runtime.Quantization.Reporting;

/// <summary>Ranks the weighted layers of a quantized model by what their exclusion brings.</summary>
internal sealed class ExclusionRanking
{
    /// <summary>Weights further apart than this share are not the same weights: an algorithm has rescaled them.</summary>
    private const double SameWeights = 0.1;

    /// <summary>A smaller gain in dB is no reason to exclude a layer.</summary>
    private const double SmallestGain = 0.05;

    private readonly CpuEngine _engine;
    private readonly ModelGraph _reference;
    private readonly ModelGraph _quantized;

    public ExclusionRanking(CpuEngine engine, ModelGraph reference, ModelGraph quantized)
    {
        _engine = engine;
        _reference = reference;
        _quantized = quantized;
    }

    /// <summary>Measures the candidates; those that bring nothing are left out.</summary>
    public IReadOnlyList<ExclusionCandidate> Run(IReadOnlyList<string> nodes, IDataset samples, Action<int, int>? progress,
        CancellationToken cancellation)
    {
        double Sqnr(ModelGraph graph) =>
            new TensorComparison(_engine, _reference, graph).Run(samples, [], [], null, cancellation).Output.Sqnr;
        double whole = Sqnr(_quantized);
        var result = new List<ExclusionCandidate>();
        for (int i = 0; i < nodes.Count; i++)
        {
            if (Revert(nodes[i]) is { } reverted)
            {
                double gain = Sqnr(reverted) - whole;
                if (gain >= SmallestGain && double.IsFinite(gain))
                    result.Add(new ExclusionCandidate(nodes[i], _quantized.Nodes.First(n => n.Name == nodes[i]).OpType, gain));
            }

            progress?.Invoke(i + 1, nodes.Count);
        }

        return [.. result.OrderByDescending(c => c.Gain).ThenBy(c => c.Name, StringComparer.Ordinal)];
    }

    /// <summary>A copy in which one node reads f32 operands; null where it has no quantized operands.</summary>
    public ModelGraph? Revert(string name)
    {
        ModelGraph graph = _quantized.Clone();
        GraphNode? node = graph.Nodes.FirstOrDefault(n => n.Name == name), original = _reference.Nodes.FirstOrDefault(n => n.Name == name);
        if (node is null || !node.Inputs.Any(i => i?.Producer?.Is("DequantizeLinear") == true))
            return null;
        bool usesOriginal = original is not null && IsSame(original.ConstantInput(1), node.OptionalInput(1)?.Producer);
        for (int i = 0; i < node.Inputs.Count; i++)
        {
            if (node.OptionalInput(i)?.Producer is not { } dequantizer || !dequantizer.Is("DequantizeLinear"))
                continue;
            if (dequantizer.Input(0).Producer is { } quantizer && quantizer.Is("QuantizeLinear"))
                node.SetInput(i, quantizer.Input(0));
            else if (usesOriginal && original!.ConstantInput(i) is { } constant)
                node.SetInput(i, graph.AddConstant(name + "_f32", constant));
            else if (Dequantize(dequantizer) is { } values)
                node.SetInput(i, graph.AddConstant(name + "_f32", values));
        }

        graph.RemoveDeadNodes();
        return graph;
    }

    private static bool IsSame(TensorData? original, GraphNode? dequantizer)
    {
        if (original is not { ElementType: DataType.Float32 } || dequantizer is null || Dequantize(dequantizer) is not { } rounded
            || rounded.Shape != original.Shape)
            return false;
        var meter = new SimilarityMeter();
        meter.Add(original.AsSpan<float>(), rounded.AsSpan<float>());
        return meter.Result.Sqnr > -20 * Math.Log10(SameWeights);
    }

    private static TensorData? Dequantize(GraphNode dequantizer)
    {
        if (dequantizer.ConstantInput(0) is not { } integers || dequantizer.ConstantInput(1) is not { ElementType: DataType.Float32 } scales
            || dequantizer.OptionalInput(2) is not null || integers.ElementType is not (DataType.Int8 or DataType.Int32))
            return null;
        int axis = dequantizer.Attributes.GetInt32("axis", 1), inner = 1;
        for (int d = axis + 1; d < integers.Rank; d++)
            inner *= integers.Shape[d];
        ReadOnlySpan<float> steps = scales.AsSpan<float>();
        TensorData result = TensorData.Allocate(DataType.Float32, integers.Shape, out Span<float> values);
        for (int i = 0; i < values.Length; i++)
        {
            float step = steps[steps.Length == 1 ? 0 : i / inner % steps.Length];
            values[i] = step * (integers.ElementType == DataType.Int8 ? integers.AsSpan<sbyte>()[i] : integers.AsSpan<int>()[i]);
        }

        return result;
    }
}
