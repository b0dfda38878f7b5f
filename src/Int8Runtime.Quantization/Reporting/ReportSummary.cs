// The report in a few plain sentences.
using static Int8Runtime.Quantization.Reporting.PageElements;

namespace Int8Runtime.Quantization.Reporting;

/// <summary>Says what the figures mean.</summary>
public static class ReportSummary
{
    /// <summary>Below this signal to noise at the output, classifiers begin to lose accuracy that can be measured.</summary>
    private const double NoisyOutput = 15;

    /// <summary>What to do about <see cref="TopKAccuracy.IsGuessing"/>.</summary>
    public const string GuessingRemedy =
        "Check how images are prepared (scale, mean, standard deviation, order of the channels) and the order of the labels.";

    /// <summary>The sentences, most important first.</summary>
    public static IReadOnlyList<string> Sentences(ModelReport report)
    {
        ArgumentNullException.ThrowIfNull(report);
        var sentences = new List<string> { Accuracy(report), Cost(report), Layers(report) };
        if (report.Pruning is { } pruning)
        {
            string parameters = Percent(pruning.Parameters.Reduction), operations = Percent(pruning.Flops.Reduction);
            sentences.Insert(1,
                $"The model was pruned first: {Percent(pruning.Filters.Reduction)} of the filters, {parameters} of the parameters and "
                + $"{operations} of the operations are gone. All f32 figures but the size of the file are those of the pruned model, so "
                + "they do not show what pruning cost.");
        }

        if (report.Candidates is [{ } first, ..])
        {
            sentences.Add(Text($"If accuracy matters more than speed, leave '{first.Name}' in f32 first (--ignore \"{first.Name}\"): that raises the signal to noise of the output by {first.Gain:F1} dB."));
        }

        if (Convergence(report) is { } convergence)
            sentences.Add(convergence);
        return sentences;
    }

    private static string Accuracy(ModelReport report)
    {
        if (report.Accuracy is not { } accuracy)
        {
            string verdict = report.Output.Sqnr >= NoisyOutput ? "close to" : "noticeably different from";
            return Text($"The samples have no labels. The outputs are {verdict} those of the f32 model: {Decibel(report.Output.Sqnr)} signal to noise, cosine {report.Output.Cosine:F4}.");
        }

        double change = (accuracy.Top1.Int8 - accuracy.Top1.Float) * 100, chance = accuracy.Uncertainty * 100;
        if (accuracy.IsGuessing)
            return Text($"Top-1 accuracy says nothing here: the f32 model is right for {accuracy.Top1.Float * 100:F2} % of {accuracy.Samples} images, as guessing would be. {GuessingRemedy}");
        string direction = change < 0 ? "falls" : change > 0 ? "rises" : "stays";
        string amount = change == 0 ? "" : Text($" by {Math.Abs(change):F2} points");
        string judgement = Math.Abs(change) <= chance || change == 0
            ? Text($"no more than chance explains with {accuracy.Samples} images (±{chance:F2})")
            : change < 0 ? Text($"more than chance explains with {accuracy.Samples} images (±{chance:F2})")
            : Text($"on {accuracy.Samples} images");
        return Text($"Top-1 accuracy {direction}{amount}, from {accuracy.Top1.Float * 100:F2} % to {accuracy.Top1.Int8 * 100:F2} %: {judgement}.");
    }

    // Half the samples tell whether the other half was needed.
    private static string? Convergence(ModelReport report)
    {
        if (report.Convergence is not [.., { } half, { } all] || half.Samples == all.Samples)
            return null;
        string verdict = half.Median >= 0.95 ? "enough samples" : "more samples may widen them further";
        return Text($"With {half.Samples} of the {all.Samples} calibration samples the extremes of activations have {Percent(half.Median)} of their width in the median and {Percent(half.Least)} at least: {verdict}.");
    }

    private static string Cost(ModelReport report)
    {
        double speed = report.Milliseconds.Float / report.Milliseconds.Int8;
        string time = speed switch
        {
            >= 1.05 => Text($"a run is {speed:F1} times as fast"),
            > 0.95 => "a run takes as long",
            _ => Text($"a run takes {1 / speed:F1} times as long"),
        };
        string threads = report.Conditions.Threads == 1 ? "one thread" : Text($"{report.Conditions.Threads} threads");
        return Text($"The file is {report.FileBytes.Float / report.FileBytes.Int8:F1} times smaller, and {time} ({Time(report.Milliseconds.Float)} to {Time(report.Milliseconds.Int8)}, {report.Conditions.Isa}, {threads}).");
    }

    private static string Layers(ModelReport report)
    {
        string clipped = report.Conditions.IsHeldOut ? "on samples that calibration has not seen" : "on the calibration samples";
        LayerReport? worst = report.Layers.Where(l => l.Similarity is { } s && double.IsFinite(s.Sqnr))
            .MinBy(l => l.Similarity!.Value.Sqnr);
        string weakest = worst is null
            ? "" : Text($" The noisiest tensor is the result of '{worst.Name}' ({Decibel(worst.Similarity?.Sqnr)}).");
        return Text($"{report.Int8Layers} of {report.ComputingLayers} layers run on int8; {Percent(report.Clipped)} of the activations are clipped {clipped}.{weakest}");
    }
}
