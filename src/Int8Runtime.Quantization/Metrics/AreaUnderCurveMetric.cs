// Area under the receiver operating characteristic.
namespace Int8Runtime.Quantization;

/// <summary>
/// <c>auc</c>: the probability that a random member of a class scores higher than a random non-member, ties counting half. A
/// model with a single score or two classes is judged by class 1 (the score, or the difference of the two, which orders samples as
/// the probability does); with more classes it is the plain mean of each class against the rest, for which the scores should be
/// probabilities. Every score is kept: memory grows with the number of samples.
/// </summary>
public sealed class AreaUnderCurveMetric : IMetric
{
    private readonly string? _output;
    private readonly int _labelOffset;
    private readonly List<(int Label, float[] Scores)> _samples = [];

    /// <summary>Creates the metric.</summary>
    /// <param name="output">The output that holds the class scores; null for the first.</param>
    /// <param name="labelOffset">Added to each label.</param>
    public AreaUnderCurveMetric(string? output = null, int labelOffset = 0)
    {
        _output = output;
        _labelOffset = labelOffset;
    }

    /// <inheritdoc/>
    public string Name => "auc";

    /// <inheritdoc/>
    public IReadOnlyList<MetricValue> Values => [new("auc", Compute())];

    /// <inheritdoc/>
    public IMetric CreateEmpty() => new AreaUnderCurveMetric(_output, _labelOffset);

    /// <inheritdoc/>
    public void Add(ModelOutputs outputs, IDataset samples, int index)
    {
        ReadOnlySpan<float> scores = outputs.Values(_output);
        int label = SampleClass.Of(samples, index, _labelOffset, Math.Max(2, scores.Length), _output ?? outputs.Names[0]);
        _samples.Add((label, scores.Length == 2 ? [scores[1] - scores[0]] : scores.ToArray()));
    }

    /// <inheritdoc/>
    public void Merge(IMetric other) => _samples.AddRange(((AreaUnderCurveMetric)other)._samples);

    /// <summary>
    /// The area for one class, by the ranks of its members (Mann and Whitney, 1947); NaN without members or without others.
    /// </summary>
    /// <param name="scores">Pairs of score and membership.</param>
    public static double OfScores(IEnumerable<(float Score, bool IsMember)> scores)
    {
        (float Score, bool IsMember)[] sorted = [.. scores.OrderBy(s => s.Score)];
        double rankSum = 0;
        long members = 0;
        for (int i = 0; i < sorted.Length;)
        {
            int end = i;
            while (end < sorted.Length && sorted[end].Score.Equals(sorted[i].Score))
                end++;
            int count = sorted.AsSpan(i, end - i).ToArray().Count(s => s.IsMember);
            rankSum += count * ((i + 1 + end) / 2.0);   // equal scores share the mean of their ranks
            members += count;
            i = end;
        }

        return (rankSum - (members * (members + 1) / 2.0)) / ((double)members * (sorted.Length - members));
    }

    private double Compute()
    {
        if (_samples.Count == 0)
            return double.NaN;
        int classes = _samples[0].Scores.Length;
        if (classes == 1)
            return OfScores(_samples.Select(s => (s.Scores[0], s.Label == 1)));
        double[] areas = [.. Enumerable.Range(0, classes).Select(c => OfScores(_samples.Select(s => (s.Scores[c], s.Label == c))))
            .Where(double.IsFinite)];
        return areas.Length > 0 ? areas.Average() : double.NaN;
    }
}
