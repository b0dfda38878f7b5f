// How much of a model's output error each layer causes.
using Int8Runtime.Graph;

namespace Int8Runtime.Quantization;

/// <summary>The error of one layer.</summary>
/// <param name="Name">Name of the node.</param>
/// <param name="OpType">Its operator.</param>
/// <param name="Error">Power of the output's error as a share of the output's power, when only this layer is quantized.</param>
public sealed record LayerError(string Name, string OpType, double Error);

/// <summary>Measures the error that each layer causes alone.</summary>
public static class LayerSensitivity
{
    /// <summary>Names of the weighted layers that the options let be quantized, in the order of the graph.</summary>
    public static IReadOnlyList<GraphNode> Layers(ModelGraph model) => [.. model.Nodes.Where(OperatorPolicy.IsWeighted)];

    /// <summary>Measures every weighted layer.</summary>
    /// <param name="engine">Runs models.</param>
    /// <param name="quantizer">A quantizer, which keeps what it measures on the calibration samples.</param>
    /// <param name="model">The f32 model.</param>
    /// <param name="calibration">Representative samples.</param>
    /// <param name="options">Options of the quantizer.</param>
    /// <param name="sampleCount">Samples on which outputs are compared.</param>
    /// <param name="cancellation">Ends the work between two layers.</param>
    public static IReadOnlyList<LayerError> Measure(
        CpuEngine engine, PostTrainingQuantizer quantizer, ModelGraph model, IDataset calibration, QuantizationOptions options,
        int sampleCount = 16, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(quantizer);
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(options);
        IDataset samples = calibration.Subset(sampleCount);
        float[][] exact = Outputs(engine, model, samples);
        QuantizationResult whole = quantizer.Quantize(model, calibration, options, cancellation: cancellation);
        HashSet<string> quantized = [.. whole.Report.Nodes.Where(n => n.IsQuantized).Select(n => n.Name)];
        GraphNode[] layers = [.. Layers(model).Where(l => quantized.Contains(l.Name))];
        var errors = new List<LayerError>();
        foreach (GraphNode layer in layers)
        {
            cancellation.ThrowIfCancellationRequested();
            string[] others = [.. layers.Where(l => l != layer).Select(l => l.Name), .. options.Ignored.Names];
            ModelGraph single = quantizer.Quantize(
                model, calibration, options with { Ignored = options.Ignored with { Names = others } }, cancellation: cancellation).Graph;
            errors.Add(new LayerError(layer.Name, layer.OpType, NoisePower(exact, Outputs(engine, single, samples))));
        }

        return errors;
    }

    private static float[][] Outputs(CpuEngine engine, ModelGraph graph, IDataset samples)
    {
        using CompiledModel model = engine.Compile(graph);
        SampleFeed feed = SampleFeed.Of(graph, samples);
        var outputs = new float[samples.Count][];
        string[] names = [.. graph.Outputs.Select(o => o.Name)];
        SampleRunner.Run(
            engine, model, feed, samples, () => 0, (_, index, request) =>
            {
                outputs[index] = [.. names.Select(request.Output).Where(o => RealValues.IsReal(o.Descriptor.DataType))
                    .SelectMany(o => RealValues.Of(o).ToArray())];
            }, null, default);
        return outputs;
    }

    private static double NoisePower(float[][] expected, float[][] actual)
    {
        double signal = 0, noise = 0;
        for (int s = 0; s < expected.Length; s++)
        {
            for (int i = 0; i < expected[s].Length; i++)
            {
                signal += (double)expected[s][i] * expected[s][i];
                noise += Math.Pow((double)expected[s][i] - actual[s][i], 2);
            }
        }

        return signal > 0 ? noise / signal : noise;
    }
}
