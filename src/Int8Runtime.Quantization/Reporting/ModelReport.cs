// Everything that the report about a quantized model says; page and JSON are two views of it.
namespace Int8Runtime.Quantization.Reporting;

/// <summary>A figure of the f32 model and of the int8 model.</summary>
public readonly record struct Pair(double Float, double Int8);

/// <summary>Accuracy of both models on the same labelled samples.</summary>
/// <param name="Top1">Top-1 accuracy, 0 to 1.</param>
/// <param name="Top5">Top-5 accuracy, 0 to 1.</param>
/// <param name="Samples">Number of samples.</param>
/// <param name="Disagreements">Samples for which exactly one of the models is right.</param>
public sealed record AccuracyReport(Pair Top1, Pair Top5, int Samples, int Disagreements)
{
    /// <summary>Whether the f32 model itself is no better than guessing, so that nothing can be said about quantization.</summary>
    public bool IsGuessing { get; init; }

    /// <summary>
    /// Half the width of the 95 % interval of the difference, as share: 1.96·√(disagreements) / samples (McNemar's variance).
    /// </summary>
    public double Uncertainty => 1.96 * Math.Sqrt(Disagreements) / Samples;
}

/// <summary>How far a tensor of the int8 model is from that of the f32 model.</summary>
/// <param name="Sqnr">Signal to quantization noise, 10·log10(Σx² / Σ(x−y)²) dB; infinite where they are equal.</param>
/// <param name="Cosine">Cosine of the angle between them.</param>
public readonly record struct Similarity(double Sqnr, double Cosine);

/// <summary>One layer of the int8 model: a kernel with all nodes that it computes.</summary>
/// <param name="Name">Its node.</param>
/// <param name="OpType">Operator.</param>
/// <param name="Fused">Further nodes that the kernel computes.</param>
/// <param name="Precision">Types, for example <c>u8·s8→u8</c>.</param>
/// <param name="IsInt8">Whether it computes on 8-bit integers.</param>
/// <param name="Kernel">The implementation.</param>
/// <param name="Similarity">Its result against the f32 model's; null where the f32 model has no such tensor.</param>
/// <param name="Milliseconds">Time of the same nodes in both models.</param>
/// <param name="Notes">Why nothing better was chosen.</param>
public sealed record LayerReport(
    string Name, string OpType, IReadOnlyList<string> Fused, string Precision, bool IsInt8, string Kernel, Similarity? Similarity,
    Pair Milliseconds, IReadOnlyList<string> Notes)
{
    /// <summary>Whether it only changes between types, as the quantizer of the model's input does; such steps are not counted as layers.</summary>
    public bool IsConversion { get; init; }
}

/// <summary>The values of one quantized activation and the range that was chosen for them.</summary>
/// <param name="Name">The tensor.</param>
/// <param name="Type">u8 or s8.</param>
/// <param name="Scale">Size of one step.</param>
/// <param name="ZeroPoint">The integer for 0.</param>
/// <param name="Range">What the integers can express.</param>
/// <param name="Clipped">Share of values more than half a step outside the range, 0 to 1.</param>
/// <param name="Values">Number of values seen.</param>
/// <param name="Start">Left edge of the histogram.</param>
/// <param name="Width">Width of one bin.</param>
/// <param name="Counts">Values in each bin; the outer bins hold what lies beyond.</param>
public sealed record ActivationReport(
    string Name, string Type, float Scale, int ZeroPoint, ValueRange Range, double Clipped, long Values, double Start, double Width,
    IReadOnlyList<long> Counts);

/// <summary>What leaving one layer in f32 would bring.</summary>
/// <param name="Name">The node, as <c>--ignore</c> takes it.</param>
/// <param name="OpType">Operator.</param>
/// <param name="Gain">Rise of the SQNR at the model's output, in dB.</param>
public sealed record ExclusionCandidate(string Name, string OpType, double Gain);

/// <summary>What the figures were measured on.</summary>
/// <param name="Data">The data set.</param>
/// <param name="CalibrationSamples">Samples that chose the ranges.</param>
/// <param name="ComparedSamples">Samples on which tensors were compared.</param>
/// <param name="IsHeldOut">Whether the latter were not used for calibration.</param>
/// <param name="Isa">Instruction sets.</param>
/// <param name="Threads">Number of threads.</param>
public sealed record ReportConditions(string Data, int CalibrationSamples, int ComparedSamples, bool IsHeldOut, string Isa, int Threads);

/// <summary>The whole report.</summary>
public sealed record ModelReport
{
    /// <summary>Name of the model.</summary>
    public required string Model { get; init; }

    /// <summary>What was measured on what.</summary>
    public required ReportConditions Conditions { get; init; }

    /// <summary>
    /// What was removed before the model was quantized; null if nothing was. Figures of the f32 model, except its file, are those of the
    /// pruned one.
    /// </summary>
    public Pruning.PruningReport? Pruning { get; init; }

    /// <summary>Bytes of the files.</summary>
    public required Pair FileBytes { get; init; }

    /// <summary>Bytes of activations and packed weights at run time.</summary>
    public required Pair MemoryBytes { get; init; }

    /// <summary>Median time of a run in milliseconds.</summary>
    public required Pair Milliseconds { get; init; }

    /// <summary>Accuracy; null where the samples have no labels.</summary>
    public AccuracyReport? Accuracy { get; init; }

    /// <summary>The model's first output against that of the f32 model.</summary>
    public required Similarity Output { get; init; }

    /// <summary>The layers in the order of execution.</summary>
    public required IReadOnlyList<LayerReport> Layers { get; init; }

    /// <summary>The quantized activations.</summary>
    public required IReadOnlyList<ActivationReport> Activations { get; init; }

    /// <summary>Layers whose exclusion helps most, best first.</summary>
    public required IReadOnlyList<ExclusionCandidate> Candidates { get; init; }

    /// <summary>Nodes that stay f32, with the reason.</summary>
    public required IReadOnlyList<NodePrecision> FloatNodes { get; init; }

    /// <summary>How fast the ranges of activations settled during calibration.</summary>
    public IReadOnlyList<RangeConvergence> Convergence { get; init; } = [];

    /// <summary>Layers that compute on 8-bit integers.</summary>
    public int Int8Layers => Layers.Count(l => l.IsInt8);

    /// <summary>Layers without steps that only change between types.</summary>
    public int ComputingLayers => Layers.Count(l => !l.IsConversion);

    /// <summary>Share of all values that are clipped.</summary>
    public double Clipped
    {
        get
        {
            double values = Activations.Sum(a => (double)a.Values);
            return values == 0 ? 0 : Activations.Sum(a => a.Clipped * a.Values) / values;
        }
    }
}
