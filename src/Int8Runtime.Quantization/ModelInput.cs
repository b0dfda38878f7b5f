// Matches a data set with the input of a model.
using Int8Runtime.Graph;

namespace Int8Runtime.Quantization;

/// <summary>How samples become the input of a model with a single activation input.</summary>
public static class ModelInput
{
    /// <summary>The name of the model's only input, after checking that the samples fit it.</summary>
    /// <exception cref="QuantizationException">The model has several inputs, or the samples have another shape or type.</exception>
    public static string NameOf(ModelGraph graph, IDataset samples)
    {
        ArgumentNullException.ThrowIfNull(graph);
        ArgumentNullException.ThrowIfNull(samples);
        if (graph.Inputs.Count != 1)
        {
            throw new QuantizationException(
                $"model '{graph.Name}' has {graph.Inputs.Count} inputs ({string.Join(", ", graph.Inputs.Select(i => i.Name))}); "
                + "an image data set feeds models with one");
        }

        GraphValue input = graph.Inputs[0];
        if (input.ElementType != DataType.Float32)
            throw new QuantizationException($"input '{input.Name}' is {input.ElementType}; an image data set feeds Float32");
        if (input.Shape is { } shape)
        {
            Shape batch = BatchOf(samples, 1);
            bool fits = shape.Rank == batch.Rank;
            for (int d = 1; fits && d < batch.Rank; d++)
                fits = shape[d].Extent is not { } extent || extent == batch[d];
            if (!fits)
            {
                throw new QuantizationException(
                    $"input '{input.Name}' has shape {shape}, but the samples of '{samples.Name}' are {samples.SampleShape} each; "
                    + "choose the preprocessing that gives the model's size (for example --resize and --crop)");
            }
        }

        return input.Name;
    }

    /// <summary>The shape of a batch: the sample's shape with the batch size in front.</summary>
    public static Shape BatchOf(IDataset samples, int batch)
    {
        ArgumentNullException.ThrowIfNull(samples);
        return [batch, .. samples.SampleShape.Span];
    }
}
