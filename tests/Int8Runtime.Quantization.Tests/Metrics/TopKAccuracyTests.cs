// Top-k accuracy against its definition: sort by descending score, then by ascending class.
using FsCheck;
using FsCheck.Fluent;

namespace Int8Runtime.Quantization.Tests;

public class TopKAccuracyTests
{
    [Fact]
    public void The_rank_is_the_position_in_a_stable_descending_sort()
    {
        var cases = from scores in Gen.Elements(0f, 1f, 2f, -1f, float.NaN, float.PositiveInfinity).NonEmptyListOf()
                    from label in Gen.Choose(0, scores.Count - 1)
                    select (scores.ToArray(), label);
        Prop.ForAll(cases.ToArbitrary(), c =>
        {
            (float[] scores, int label) = c;
            int[] order = [.. Enumerable.Range(0, scores.Length)
                .OrderBy(i => float.IsNaN(scores[i])).ThenByDescending(i => scores[i]).ThenBy(i => i)];
            return TopKAccuracy.Rank(scores, label) == Array.IndexOf(order, label)
                && TopKAccuracy.Best(scores, 3).SequenceEqual(order.Take(3));
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Counts_are_streamed_and_merged()
    {
        var first = new TopKAccuracy();
        var second = new TopKAccuracy();
        float[] scores = [0, 5, 4, 3, 2, 1];
        first.Add(scores, 1);
        first.Add(scores, 2);
        second.Add(scores, 5);
        second.Add(scores, 0);
        Assert.Equal(0.5, first.Top1);
        first.Merge(second);
        Assert.Equal((4L, 1L, 2L, 3L), (first.Count, first.Correct(1), first.Correct(2), first.Correct(5)));
        Assert.Equal(0.75, first.Top5);
    }

    [Fact]
    public void A_tie_goes_to_the_lower_class()
    {
        var accuracy = new TopKAccuracy();
        accuracy.Add([1, 1], 0);
        accuracy.Add([1, 1], 1);
        Assert.Equal(0.5, accuracy.Top1);
    }

    [Fact]
    public void A_label_without_a_score_is_refused()
    {
        var e = Assert.Throws<ArgumentOutOfRangeException>(() => new TopKAccuracy().Add([1, 2], 2));
        Assert.Contains("2 classes", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1000, 100, true)]
    [InlineData(1000, 128, true)] // 0.1 + 3·√(0.09 / 1000) = 0.1285
    [InlineData(1000, 129, false)]
    [InlineData(49, 0, false)]
    [InlineData(50, 0, true)]
    public void Guessing_is_told_from_a_model_that_knows_something(int samples, int hits, bool guesses)
    {
        var first = new TopKAccuracy();
        var second = new TopKAccuracy();
        Span<float> scores = stackalloc float[10];
        scores[3] = 1;
        for (int i = 0; i < samples; i++)
            (i % 2 == 0 ? first : second).Add(scores, i < hits ? 3 : 4);
        first.Merge(second);
        Assert.Equal(10, first.Classes);
        Assert.Equal(guesses, first.IsGuessing);
    }
}
