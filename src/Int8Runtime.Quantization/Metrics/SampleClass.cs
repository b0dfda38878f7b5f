// The true class of a sample, checked against the number of scores.
namespace Int8Runtime.Quantization;

/// <summary>Looks up labels for metrics.</summary>
internal static class SampleClass
{
    /// <summary>The label plus an offset.</summary>
    /// <param name="samples">The data set.</param>
    /// <param name="index">The sample.</param>
    /// <param name="offset">Added to the label, for models with classes in front of the data set's.</param>
    /// <param name="classes">Number of classes that the model tells apart.</param>
    /// <param name="output">The output with the scores, for messages.</param>
    /// <exception cref="QuantizationException">There is no label, or it is out of range.</exception>
    public static int Of(IDataset samples, int index, int offset, int classes, string output)
    {
        int label = samples.Label(index) + offset
            ?? throw MissingAnswers.Of(
                samples, i => samples.Label(i) is null, "label", "add them to labels.txt, or to labels.npy for arrays");
        return (uint)label < (uint)classes
            ? label
            : throw new QuantizationException(
                $"'{samples.SampleName(index)}' has label {label}, but output '{output}' has {classes} classes; check the "
                    + "labels and the label offset");
    }
}
