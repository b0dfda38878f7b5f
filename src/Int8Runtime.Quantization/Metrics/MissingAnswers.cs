// What metrics say of a data set that does not know the right answers.
using System.Globalization;

namespace Int8Runtime.Quantization;

/// <summary>Describes all samples that lack an answer, not only the one that was met first.</summary>
internal static class MissingAnswers
{
    private const int NamedSamples = 3;

    /// <summary>The exception that says how many samples are concerned, and names some.</summary>
    /// <param name="samples">The data set.</param>
    /// <param name="isMissing">Whether a sample lacks the answer.</param>
    /// <param name="what">What is missing, for example "boxes".</param>
    /// <param name="remedy">What to do.</param>
    public static QuantizationException Of(IDataset samples, Func<int, bool> isMissing, string what, string remedy)
    {
        int[] missing = [.. Enumerable.Range(0, samples.Count).Where(isMissing)];
        string names = string.Join(", ", missing.Take(NamedSamples).Select(i => $"'{samples.SampleName(i)}'"));
        return new QuantizationException(string.Create(CultureInfo.InvariantCulture,
            $"{missing.Length} of {samples.Count} samples of '{samples.Name}' {(missing.Length == 1 ? "has" : "have")} no {what} ({names}{(missing.Length > NamedSamples ? ", …" : "")}); {remedy}"));
    }
}
