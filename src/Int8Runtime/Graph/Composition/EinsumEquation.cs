// The notation of Einstein sums: "bij,bjk->bik".
namespace Int8Runtime.Graph.Composition;

/// <summary>An equation whose dimensions are numbered labels; those that an ellipsis stands for have labels of their own.</summary>
/// <param name="Operands">The labels of each operand's dimensions, in order; a label that an operand has twice means its diagonal.</param>
/// <param name="Result">The labels of the result's dimensions.</param>
internal sealed record EinsumEquation(IReadOnlyList<int[]> Operands, int[] Result)
{
    private const string Ellipsis = "...";

    /// <summary>Reads an equation; without an arrow the result has the labels that occur once, in alphabetical order.</summary>
    /// <param name="text">The equation.</param>
    /// <param name="ranks">The rank of each operand where it is known; only an ellipsis needs it.</param>
    /// <param name="subject">Opens the messages of exceptions.</param>
    /// <exception cref="ModelFormatException">The text is no equation, or does not fit the ranks.</exception>
    /// <exception cref="UnsupportedModelException">An operand with an ellipsis has no known rank.</exception>
    public static EinsumEquation Parse(string text, IReadOnlyList<int?> ranks, string subject)
    {
        string[] sides = text.Replace(" ", "", StringComparison.Ordinal).Split("->");
        string[] terms = sides[0].Split(',');
        if (sides.Length > 2 || terms.Length != ranks.Count)
            throw Defect($"{terms.Length} terms are given for {ranks.Count} operands");
        int[] hidden = [.. terms.Select((term, i) => HiddenIn(term, ranks[i]))];
        int most = hidden.Max();
        int[][] operands = [.. terms.Select((term, i) => Labels(term, hidden[i]))];
        string result = sides.Length == 2 ? sides[1] : Implied(sides[0]);
        bool isWhole = sides.Length == 1 || result.Contains(Ellipsis, StringComparison.Ordinal) || most == 0;
        int[] labels = Labels(result, isWhole ? most : 0);
        if (labels.Distinct().Count() < labels.Length || labels.Except(operands.SelectMany(o => o)).Any())
            throw Defect("the result has a label twice, or one that no operand has");
        return new EinsumEquation(operands, labels);

        // The dimensions that an ellipsis stands for.
        int HiddenIn(string term, int? rank)
        {
            int named = term.Count(char.IsAsciiLetter);
            bool hasMore = term.Contains(Ellipsis, StringComparison.Ordinal);
            if (hasMore && rank is null)
                throw new UnsupportedModelException(
                    $"{subject}: the rank of an operand with an ellipsis ('{term}') is not known. Export the model with shapes.");
            int count = (rank ?? named) - named;
            return count >= 0 && (hasMore || count == 0) ? count : throw Defect($"'{term}' does not fit {rank} dimensions");
        }

        // Negative labels are those of ellipses, counted from the last dimension, so that shorter ones are broadcast.
        int[] Labels(string term, int count)
        {
            int place = term.IndexOf(Ellipsis, StringComparison.Ordinal);
            string named = place < 0 ? term : term.Remove(place, Ellipsis.Length);
            if (!named.All(char.IsAsciiLetter))
                throw Defect($"'{term}' is no list of letters");
            int[] labels = [.. named.Select(c => (int)c)];
            return place < 0 ? labels : [.. labels[..place], .. Enumerable.Range(0, count).Select(i => i - count), .. labels[place..]];
        }

        ModelFormatException Defect(string defect) => new($"{subject}: the equation '{text}' is wrong: {defect}.");
    }

    private static string Implied(string terms) =>
        (terms.Contains(Ellipsis, StringComparison.Ordinal) ? Ellipsis : "") + string.Concat(
            terms.Where(char.IsAsciiLetter).GroupBy(c => c).Where(g => g.Count() == 1).Select(g => g.Key).Order());
}
