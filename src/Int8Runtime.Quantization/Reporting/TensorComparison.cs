// Runs both models on the same samples and compares the tensors that they have in common, matched by name.
using Int8Runtime.Graph;

namespace Int8Runtime.Quantization.Reporting;

/// <summary>What a comparison of both models gives.</summary>
/// <param name="Tensors">Similarity by the tensor's name in the f32 model.</param>
/// <param name="Output">Similarity of the first output.</param>
/// <param name="Activations">Histograms of the quantized activations.</param>
internal sealed record ComparisonResult(
    IReadOnlyDictionary<string, Similarity> Tensors, Similarity Output, IReadOnlyList<ActivationReport> Activations);

/// <summary>Compares an f32 model with its quantized form.</summary>
internal sealed class TensorComparison
{
    private readonly CpuEngine _engine;
    private readonly ModelGraph _reference;
    private readonly ModelGraph _quantized;

    public TensorComparison(CpuEngine engine, ModelGraph reference, ModelGraph quantized)
    {
        _engine = engine;
        _reference = reference;
        _quantized = quantized;
    }

    /// <summary>
    /// The tensor of the int8 model that stands for a value of the f32 model: after quantization where it is quantized; null where
    /// there is none of this name.
    /// </summary>
    public string? CounterpartOf(string name)
    {
        if (!_quantized.TryGetValue(name, out GraphValue? value) || value.Producer is null || IsQuantizer(value.Producer))
            return null;
        GraphValue? quantized = value.Uses.FirstOrDefault(u => u.Node.Is("QuantizeLinear") && u.InputIndex == 0).Node?.Output;
        GraphNode? dequantizer = quantized?.Uses.FirstOrDefault(u => u.Node.Is("DequantizeLinear") && u.InputIndex == 0).Node;
        return dequantizer is null || dequantizer.Output.IsGraphOutput ? value.Name : dequantizer.Output.Name;
    }

    /// <summary>Compares on all samples of a set.</summary>
    public ComparisonResult Run(
        IDataset samples, IReadOnlyCollection<string> tensors, IEnumerable<QuantizedActivation> activations,
        IProgress<SampleProgress>? progress, CancellationToken cancellation)
    {
        SampleFeed feed = SampleFeed.Of(_reference, samples);
        string output = _reference.Outputs[0].Name;
        var pairs = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (string name in tensors)
            if (_reference.TryGetValue(name, out GraphValue? value) && value.Producer is not null && CounterpartOf(name) is { } counterpart)
                pairs[name] = counterpart;
        QuantizedActivation[] measured = [.. activations.Where(a =>
            _reference.TryGetValue(a.Name, out GraphValue? v) && (v.Producer is not null || v.IsGraphInput))];
        bool IsOutput(ModelGraph graph, string name) => graph.Outputs.Any(o => o.Name == name);
        using CompiledModel exact = _engine.Compile(_reference, new CompileOptions
        {
            Observe = [.. pairs.Keys.Concat(measured.Select(a => a.Name)).Distinct()
                .Where(n => !feed.Shapes.ContainsKey(n) && !IsOutput(_reference, n))],
        });
        using CompiledModel judged = _engine.Compile(_quantized,
            new CompileOptions { Observe = [.. pairs.Values.Distinct().Where(n => !IsOutput(_quantized, n))] });
        IReadOnlyList<Worker> workers = SampleRunner.Run(
            _engine, exact, feed, samples,
            () => new Worker(
                judged.CreateRequest(feed.Shapes),
                pairs.ToDictionary(p => p.Key, _ => new SimilarityMeter(), StringComparer.Ordinal), new SimilarityMeter(),
                [.. measured.Select(a => new ActivationMeter(a))]),
            (worker, _, request) =>
            {
                InferenceRequest other = worker.Judged;
                feed.Copy(request, other);
                other.Run();
                foreach ((string name, SimilarityMeter meter) in worker.Tensors)
                    meter.Add(RealValues.Of(request.Output(name)), RealValues.Of(other.Output(pairs[name])));
                worker.Output.Add(RealValues.Of(request.Output(output)), RealValues.Of(other.Output(output)));
                for (int i = 0; i < measured.Length; i++)
                {
                    TensorMemory value = feed.Shapes.ContainsKey(measured[i].Name)
                        ? request.Input(measured[i].Name) : request.Output(measured[i].Name);
                    worker.Activations[i].Add(value.AsSpan<float>(), value.Descriptor.Dimensions is [var batch, ..] ? batch : 1);
                }
            },
            progress, cancellation);
        Worker whole = workers[0];
        foreach (Worker other in workers.Skip(1))
        {
            foreach ((string name, SimilarityMeter meter) in other.Tensors)
                whole.Tensors[name].Merge(meter);
            whole.Output.Merge(other.Output);
            for (int i = 0; i < measured.Length; i++)
                whole.Activations[i].Merge(other.Activations[i]);
        }

        foreach (Worker worker in workers)
            worker.Judged.Dispose();
        return new ComparisonResult(
            whole.Tensors.ToDictionary(t => t.Key, t => t.Value.Result, StringComparer.Ordinal), whole.Output.Result,
            [.. whole.Activations.Select(a => a.Result)]);
    }

    private static bool IsQuantizer(GraphNode node) => node.Is("QuantizeLinear") || node.Is("DequantizeLinear");

    private sealed record Worker(InferenceRequest Judged, Dictionary<string, SimilarityMeter> Tensors, SimilarityMeter Output,
        ActivationMeter[] Activations);
}
