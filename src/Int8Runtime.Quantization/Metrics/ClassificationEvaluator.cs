// Accuracy of a classifier over a labelled data set.
using Int8Runtime.Graph;

namespace Int8Runtime.Quantization;

/// <summary>Runs a classifier over labelled samples and counts the hits.</summary>
public static class ClassificationEvaluator
{
    /// <summary>Measures top-1 and top-5 accuracy.</summary>
    /// <param name="engine">Runs the model.</param>
    /// <param name="graph">A model with one image input.</param>
    /// <param name="samples">Samples that all have labels.</param>
    /// <param name="outputName">The output that holds the class scores; null for the first.</param>
    /// <param name="labelOffset">Added to each label, for models with classes in front of the data set's (for example background).</param>
    /// <param name="predictions">If given, receives the best class of each sample; as long as the set.</param>
    /// <param name="progress">Told after each sample.</param>
    /// <param name="cancellation">Ends the evaluation between two samples.</param>
    /// <exception cref="QuantizationException">The samples do not fit the model, or a label is missing or out of range.</exception>
    public static TopKAccuracy Evaluate(
        CpuEngine engine, ModelGraph graph, IDataset samples, string? outputName = null, int labelOffset = 0,
        int[]? predictions = null, IProgress<SampleProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(engine);
        ArgumentNullException.ThrowIfNull(graph);
        ArgumentNullException.ThrowIfNull(samples);
        string inputName = ModelInput.NameOf(graph, samples);
        GraphValue output = outputName is null ? graph.Outputs[0] : graph.Outputs.FirstOrDefault(o => o.Name == outputName)
            ?? throw new QuantizationException(
                $"model '{graph.Name}' has no output '{outputName}'; it has {string.Join(", ", graph.Outputs.Select(o => o.Name))}");
        if (output.ElementType is not (DataType.Float32 or DataType.Undefined))
            throw new QuantizationException($"output '{output.Name}' is {output.ElementType}; class scores are Float32, choose another output");
        using CompiledModel model = engine.Compile(graph);
        IReadOnlyList<TopKAccuracy> parts = SampleRunner.Run(
            engine, model, inputName, samples, () => new TopKAccuracy(),
            (accuracy, index, request) =>
            {
                ReadOnlySpan<float> scores = request.Output(output.Name).AsSpan<float>();
                int label = samples.Label(index) + labelOffset
                    ?? throw new QuantizationException($"'{samples.SampleName(index)}' of '{samples.Name}' has no label; add it to labels.txt");
                if ((uint)label >= (uint)scores.Length)
                    throw new QuantizationException($"'{samples.SampleName(index)}' has label {label}, but output '{output.Name}' has {scores.Length} classes; check the labels and the label offset");
                accuracy.Add(scores, label);
                if (predictions is not null)
                    predictions[index] = TopKAccuracy.Best(scores, 1)[0];
            },
            progress, cancellation);
        var whole = new TopKAccuracy();
        foreach (TopKAccuracy part in parts)
            whole.Merge(part);
        return whole;
    }
}
