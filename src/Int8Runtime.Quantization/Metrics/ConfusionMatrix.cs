// Counts of (true class, predicted class), and what follows from them.
namespace Int8Runtime.Quantization;

/// <summary>How often each class was taken for each other class.</summary>
public sealed class ConfusionMatrix
{
    private readonly long[] _counts;

    /// <summary>Creates an empty matrix.</summary>
    /// <param name="classes">Number of classes, at least 1.</param>
    public ConfusionMatrix(int classes)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(classes, 1);
        Classes = classes;
        _counts = new long[checked(classes * classes)];
    }

    /// <summary>Number of classes.</summary>
    public int Classes { get; }

    /// <summary>Number of decisions.</summary>
    public long Total => _counts.Sum();

    /// <summary>How often <paramref name="truth"/> was taken for <paramref name="predicted"/>.</summary>
    public long this[int truth, int predicted] => _counts[Index(truth, predicted)];

    /// <summary>Counts one decision.</summary>
    public void Add(int truth, int predicted) => _counts[Index(truth, predicted)]++;

    /// <summary>Adds the counts of another matrix with as many classes.</summary>
    public void Merge(ConfusionMatrix other)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(other.Classes, Classes);
        for (int i = 0; i < _counts.Length; i++)
            _counts[i] += other._counts[i];
    }

    /// <summary>Decisions for a class that are right, divided by all decisions for it; 0 where there are none.</summary>
    public double Precision(int index) => Quotient(this[index, index], Predicted(index));

    /// <summary>Members of a class that were found, divided by all its members; 0 where there are none.</summary>
    public double Recall(int index) => Quotient(this[index, index], Members(index));

    /// <summary>The harmonic mean of precision and recall: 2·TP / (2·TP + FP + FN); 0 where the class never occurs.</summary>
    public double F1(int index) => Quotient(2 * this[index, index], Members(index) + Predicted(index));

    /// <summary>TP / (TP + FP + FN); NaN where the class never occurs.</summary>
    public double IntersectionOverUnion(int index) =>
        this[index, index] / (double)(Members(index) + Predicted(index) - this[index, index]);

    /// <summary>True if the class is true or predicted at least once.</summary>
    public bool Occurs(int index) => Members(index) + Predicted(index) > 0;

    private long Members(int truth) => Enumerable.Range(0, Classes).Sum(p => this[truth, p]);

    private long Predicted(int predicted) => Enumerable.Range(0, Classes).Sum(t => this[t, predicted]);

    private static double Quotient(long part, long whole) => whole == 0 ? 0 : part / (double)whole;

    private int Index(int truth, int predicted)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)truth, (uint)Classes, nameof(truth));
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)predicted, (uint)Classes, nameof(predicted));
        return (truth * Classes) + predicted;
    }
}
