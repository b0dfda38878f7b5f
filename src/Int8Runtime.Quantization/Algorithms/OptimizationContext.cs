// What optimization algorithms work on.
using Int8Runtime.Graph;
using Int8Runtime.Graph.Passes;

namespace Int8Runtime.Quantization;

/// <summary>The model in its present form, the calibration samples, and what earlier steps found out.</summary>
public sealed class OptimizationContext
{
    private readonly List<string> _notes = [];
    private readonly IProgress<SampleProgress>? _progress;
    private int _pass;

    internal OptimizationContext(
        CpuEngine engine, ModelGraph model, IDataset calibration, QuantizationOptions options, MeasurementCache measurements,
        IProgress<SampleProgress>? progress, CancellationToken cancellation)
    {
        Engine = engine;
        Options = options;
        Measurements = measurements;
        Cancellation = cancellation;
        _progress = progress;
        Samples = calibration.Subset(options.SampleCount);
        Exclusions = Quantization.Exclusions.ByUser(model, options.Ignored);
        Graph = GraphSimplification.Simplify(model);
        BiasFolding.Run(Graph, Exclusions);
        Quantization.Exclusions.AddStructural(Exclusions, Graph, options);
        bool isDetector = DetectionHeads.Find(Graph).Any;
        Estimation = options.Estimation ?? (isDetector ? RangeEstimation.Parse("mse") : RangeEstimation.MinMax);
        if (options.Estimation is null && isDetector)
            Note("a detector: ranges are those of the smallest squared error (mse), not the extremes");
    }

    /// <summary>Runs models.</summary>
    public CpuEngine Engine { get; }

    /// <summary>The model; algorithms change it. Constants are folded and normalizations are part of their convolutions.</summary>
    public ModelGraph Graph { get; }

    /// <summary>
    /// The f32 model from which <see cref="Graph"/> was quantized, with the same names of nodes and values; null before
    /// <see cref="MinMaxQuantization"/> has run.
    /// </summary>
    public ModelGraph? Reference { get; internal set; }

    /// <summary>The calibration samples.</summary>
    public IDataset Samples { get; }

    /// <summary>What the user chose.</summary>
    public QuantizationOptions Options { get; }

    /// <summary>Ends the work between two samples.</summary>
    public CancellationToken Cancellation { get; }

    /// <summary>What the steps did, one line each, for the report.</summary>
    public IReadOnlyList<string> Notes => _notes;

    /// <summary>Ranges and precisions; null before <see cref="MinMaxQuantization"/> has run.</summary>
    public QuantizationReport? Report { get; internal set; }

    /// <summary>Reasons of nodes that are not to be quantized, by name.</summary>
    internal Dictionary<string, string> Exclusions { get; }

    /// <summary>What was measured on the samples, kept for further quantizations of the same model.</summary>
    internal MeasurementCache Measurements { get; }

    /// <summary>Which transformations the f32 weights went through: measurements hold for one state.</summary>
    internal string FloatState { get; set; } = "";

    /// <summary>How ranges of activations are chosen.</summary>
    internal RangeEstimation Estimation { get; }

    /// <summary>Adds a line to the report.</summary>
    public void Note(string text) => _notes.Add(text);

    /// <summary>The progress of one pass over the samples.</summary>
    /// <param name="passes">Passes that are still to come with this one, as far as known.</param>
    internal IProgress<SampleProgress>? NextPass(int passes = 1)
    {
        int pass = _pass++;
        return _progress is null ? null : new PassProgress(_progress, pass, pass + passes);
    }

    // The progress of one of several passes over the samples, as part of the whole.
    private sealed class PassProgress(IProgress<SampleProgress> whole, int pass, int passes) : IProgress<SampleProgress>
    {
        public void Report(SampleProgress value) =>
            whole.Report(new SampleProgress((pass * value.Total) + value.Done, passes * value.Total));
    }
}
