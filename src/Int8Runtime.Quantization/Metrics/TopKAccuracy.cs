// Top-k classification accuracy, one sample at a time. Among equal scores the lower class index ranks first.
namespace Int8Runtime.Quantization;

/// <summary>
/// Counts how often the labelled class is among the k best scores. Ties are broken in favour of the lower class index, as
/// an arg max that takes the first maximum does; a NaN ranks below every number. Not thread-safe: use one per thread and
/// <see cref="Merge"/>.
/// </summary>
public sealed class TopKAccuracy
{
    // Fewer samples cannot tell guessing from bad luck.
    private const int LeastSamples = 50;

    private readonly long[] _correct;

    /// <summary>Starts counting.</summary>
    /// <param name="maxK">The largest k of interest.</param>
    public TopKAccuracy(int maxK = 5)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maxK, 1);
        _correct = new long[maxK];
    }

    /// <summary>Samples counted so far.</summary>
    public long Count { get; private set; }

    /// <summary>Share of samples whose label has the best score, 0 to 1; NaN before the first sample.</summary>
    public double Top1 => Accuracy(1);

    /// <summary>Share of samples whose label is among the five best scores, 0 to 1; NaN before the first sample.</summary>
    /// <exception cref="ArgumentOutOfRangeException">This counter was created for fewer than five.</exception>
    public double Top5 => Accuracy(5);

    /// <summary>Classes of the model; 0 before the first sample.</summary>
    public int Classes { get; private set; }

    /// <summary>
    /// Whether <see cref="Top1"/> is no better than guessing among the classes: at most three standard deviations of the binomial
    /// distribution above 1/<see cref="Classes"/>. A trained model that guesses gets its images prepared in another way than it was
    /// trained with, or labels in another order. False for fewer than 50 samples.
    /// </summary>
    public bool IsGuessing
    {
        get
        {
            double guess = 1.0 / Classes;
            return Count >= LeastSamples && Top1 <= guess + (3 * Math.Sqrt(guess * (1 - guess) / Count));
        }
    }

    /// <summary>Number of samples whose label is among the <paramref name="k"/> best scores.</summary>
    /// <param name="k">1 up to the number given at creation.</param>
    public long Correct(int k)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(k, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(k, _correct.Length);
        return _correct[k - 1];
    }

    /// <summary>Share of samples whose label is among the <paramref name="k"/> best scores; NaN before the first sample.</summary>
    /// <param name="k">1 up to the number given at creation.</param>
    public double Accuracy(int k) => Correct(k) / (double)Count;

    /// <summary>Counts one sample.</summary>
    /// <param name="scores">One score per class; any monotonic function of the probability will do.</param>
    /// <param name="label">The true class.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no score for the label.</exception>
    public void Add(ReadOnlySpan<float> scores, int label)
    {
        int rank = Rank(scores, label);
        for (int k = rank; k < _correct.Length; k++)
        {
            _correct[k]++;
        }

        Count++;
        Classes = Math.Max(Classes, scores.Length);
    }

    /// <summary>Adds the counts of another counter of the same size.</summary>
    /// <param name="other">The other counter.</param>
    public void Merge(TopKAccuracy other)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(other._correct.Length, _correct.Length);
        Count += other.Count;
        Classes = Math.Max(Classes, other.Classes);
        for (int k = 0; k < _correct.Length; k++)
        {
            _correct[k] += other._correct[k];
        }
    }

    /// <summary>How many classes rank before the given one: 0 for the best.</summary>
    /// <param name="scores">One score per class.</param>
    /// <param name="label">The class.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no score for the class.</exception>
    public static int Rank(ReadOnlySpan<float> scores, int label)
    {
        if ((uint)label >= (uint)scores.Length)
        {
            throw new ArgumentOutOfRangeException(nameof(label),
                $"The label {label} has no score: the model gives {scores.Length} classes, 0 to {scores.Length - 1}.");
        }

        int rank = 0;
        for (int i = 0; i < scores.Length; i++)
        {
            // CompareTo orders NaN below every number.
            int order = scores[i].CompareTo(scores[label]);
            rank += order > 0 || (order == 0 && i < label) ? 1 : 0;
        }

        return rank;
    }

    /// <summary>The classes with the best scores, best first.</summary>
    /// <param name="scores">One score per class.</param>
    /// <param name="k">How many are wanted; fewer are returned when there are fewer classes.</param>
    public static int[] Best(ReadOnlySpan<float> scores, int k)
    {
        float[] values = scores.ToArray();
        return [.. Enumerable.Range(0, values.Length).OrderByDescending(i => values[i]).Take(k)];
    }
}
