// Measures an int8 model against the f32 model it was made from.
using Int8Runtime.Graph;
using Int8Runtime.Graph.Passes;

namespace Int8Runtime.Quantization.Reporting;

/// <summary>Options of <see cref="ModelReporter"/>.</summary>
public sealed record ReportOptions
{
    /// <summary>Samples on which tensors are compared; of those that calibration left out, where there are enough.</summary>
    public int ComparedSamples { get; init; } = 32;

    /// <summary>Labelled samples on which accuracy is measured.</summary>
    public int AccuracySamples { get; init; } = 1000;

    /// <summary>Layers that are tried as exclusions: those whose results are worst.</summary>
    public int Candidates { get; init; } = 16;

    /// <summary>Samples for each exclusion.</summary>
    public int CandidateSamples { get; init; } = 6;
}

/// <summary>Explains the result of a quantization in figures.</summary>
public sealed class ModelReporter
{
    private readonly CpuEngine _engine;

    /// <summary>Creates a reporter that runs the models on an engine.</summary>
    public ModelReporter(CpuEngine engine) => _engine = engine;

    /// <summary>Measures both models.</summary>
    /// <param name="name">What the report calls the model.</param>
    /// <param name="model">The f32 model.</param>
    /// <param name="result">What the quantizer made of it.</param>
    /// <param name="data">The data set that calibration took its samples from.</param>
    /// <param name="fileBytes">Bytes of both files.</param>
    /// <param name="options">Numbers of samples; null for the defaults.</param>
    /// <param name="progress">Told how much of the work is done.</param>
    /// <param name="cancellation">Ends the work between two samples.</param>
    /// <exception cref="QuantizationException">The samples do not fit the models.</exception>
    public ModelReport Create(
        string name, ModelGraph model, QuantizationResult result, IDataset data, Pair fileBytes, ReportOptions? options = null,
        IProgress<SampleProgress>? progress = null, CancellationToken cancellation = default)
    {
        options ??= new ReportOptions();
        ModelGraph reference = result.Reference ?? GraphSimplification.Simplify(model);
        SampleFeed feed = SampleFeed.Of(reference, data);
        IDataset? heldOut = data.Remainder(Math.Max(1, result.Report.Samples));
        bool isHeldOut = heldOut?.Count >= Math.Min(8, options.ComparedSamples);
        IDataset unseen = isHeldOut ? heldOut! : data;
        IDataset compared = unseen.Subset(options.ComparedSamples);
        IReadOnlyDictionary<string, Shape> shapes = feed.Shapes;

        using CompiledModel exact = _engine.Compile(reference), int8 = _engine.Compile(result.Graph);
        ModelExplanation plan = int8.Explain(shapes), floatPlan = exact.Explain(shapes);
        (ModelTime floatTime, ModelTime int8Time) = Time(exact, int8, feed, cancellation);

        var comparison = new TensorComparison(_engine, reference, result.Graph);
        NodeExplanation[] nodes = [.. plan.Nodes.Where(n => n.Implementation != "view")];
        Dictionary<string, string?> tensors = nodes.DistinctBy(n => n.Name)
            .ToDictionary(n => n.Name, n => TensorOf(n, result.Graph, reference), StringComparer.Ordinal);
        ComparisonResult similar = comparison.Run(
            compared, [.. tensors.Values.OfType<string>().Distinct()], result.Report.Activations, progress, cancellation);
        Similarity? SimilarityOf(NodeExplanation node) =>
            tensors[node.Name] is { } tensor && similar.Tensors.TryGetValue(tensor, out Similarity s) ? s : null;

        string[] weighted =
        [
            .. nodes.Where(n => n.IsInt8 && n.OpType is "Conv" or "Gemm" or "MatMul")
                .OrderBy(n => SimilarityOf(n)?.Sqnr ?? double.PositiveInfinity).Take(options.Candidates).Select(n => n.Name),
        ];
        IReadOnlyList<ExclusionCandidate> candidates = new ExclusionRanking(_engine, reference, result.Graph).Run(
            weighted, compared.Subset(options.CandidateSamples),
            (done, total) => progress?.Report(new SampleProgress(done, total)), cancellation);

        return new ModelReport
        {
            Model = name,
            Conditions = new ReportConditions(data.Name, result.Report.Samples, compared.Count, isHeldOut, _engine.Tier, _engine.Threads),
            FileBytes = fileBytes,
            MemoryBytes = new Pair(floatPlan.ArenaBytes + floatPlan.WeightsBytes, plan.ArenaBytes + plan.WeightsBytes),
            Milliseconds = new Pair(floatTime.Milliseconds, int8Time.Milliseconds),
            Accuracy = MeasureAccuracy(reference, result.Graph, unseen, options, progress, cancellation),
            Output = similar.Output,
            Layers =
            [
                .. nodes.Select(n => new LayerReport(
                    n.Name, n.OpType, [.. n.FusedNodes.Where(f => !IsQuantizer(f, result.Graph))], n.Precision, n.IsInt8,
                    n.Implementation, SimilarityOf(n),
                    new Pair(FloatTimeOf(n, floatPlan, floatTime), int8Time.Steps.GetValueOrDefault(n.Name)), [.. n.Notes.Distinct()])
                {
                    IsConversion = n.IsConversion,
                }),
            ],
            Activations = [.. similar.Activations.OrderByDescending(a => a.Clipped)],
            Candidates = candidates,
            Convergence = result.Report.Convergence,
            FloatNodes = [.. result.Report.Nodes.Where(n => !n.IsQuantized)],
        };
    }

    private static (ModelTime Float, ModelTime Int8) Time(
        CompiledModel exact, CompiledModel int8, SampleFeed feed, CancellationToken cancellation)
    {
        using InferenceRequest first = exact.CreateRequest(feed.Shapes), second = int8.CreateRequest(feed.Shapes);
        feed.Load(0, first);
        feed.Copy(first, second);
        return LayerTiming.Measure(first, second, cancellation);
    }

    private AccuracyReport? MeasureAccuracy(
        ModelGraph reference, ModelGraph quantized, IDataset samples, ReportOptions options, IProgress<SampleProgress>? progress,
        CancellationToken cancellation)
    {
        if (options.AccuracySamples < 1 || samples.Label(0) is null
            || reference.Outputs[0].ElementType is not (DataType.Float32 or DataType.Undefined))
            return null;
        IDataset labelled = samples.Subset(options.AccuracySamples);
        for (int i = 0; i < labelled.Count; i++)
            if (labelled.Label(i) is null)
                return null;
        int[] before = new int[labelled.Count], after = new int[labelled.Count];
        TopKAccuracy exact = ClassificationEvaluator.Evaluate(_engine, reference, labelled, predictions: before,
            progress: progress, cancellation: cancellation);
        TopKAccuracy int8 = ClassificationEvaluator.Evaluate(_engine, quantized, labelled, predictions: after, progress: progress,
            cancellation: cancellation);
        int disagreements = Enumerable.Range(0, labelled.Count)
            .Count(i => before[i] == labelled.Label(i) != (after[i] == labelled.Label(i)));
        return new AccuracyReport(new Pair(exact.Top1, int8.Top1), new Pair(exact.Top5, int8.Top5), labelled.Count, disagreements)
        {
            IsGuessing = exact.IsGuessing,
        };
    }

    // The last value that a layer computes and that the f32 model has as well.
    private static string? TensorOf(NodeExplanation layer, ModelGraph quantized, ModelGraph reference)
    {
        var members = new HashSet<string>(layer.FusedNodes.Append(layer.Name), StringComparer.Ordinal);
        return quantized.Nodes.LastOrDefault(n => members.Contains(n.Name) && !IsQuantizer(n)
            && reference.TryGetValue(n.Output.Name, out GraphValue? twin) && twin.Producer is not null)
            ?.Output.Name;
    }

    // The f32 model may split the same nodes over its kernels in another way.
    private static double FloatTimeOf(NodeExplanation layer, ModelExplanation plan, ModelTime time)
    {
        var members = new HashSet<string>(layer.FusedNodes.Append(layer.Name), StringComparer.Ordinal);
        return plan.Nodes.Where(n => members.Contains(n.Name)).Sum(n => time.Steps.GetValueOrDefault(n.Name));
    }

    private static bool IsQuantizer(string node, ModelGraph graph) =>
        graph.Nodes.FirstOrDefault(n => n.Name == node) is { } found && IsQuantizer(found);

    private static bool IsQuantizer(GraphNode node) => node.Is("QuantizeLinear") || node.Is("DequantizeLinear");
}
