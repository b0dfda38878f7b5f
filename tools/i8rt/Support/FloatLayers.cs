// Lists the layers that do not run on integers, and why: each, or by reason where many share a few.
namespace Int8Runtime.Cli;

/// <summary>A layer that stays f32.</summary>
/// <param name="Name">The layer.</param>
/// <param name="Operator">Its operator.</param>
/// <param name="Reason">Why it stays.</param>
internal readonly record struct FloatLayer(string Name, string Operator, string Reason)
{
    // Beyond these, single layers tell less than their reasons.
    private const int LongList = 20, LayersPerReason = 4;

    /// <summary>Prints a table.</summary>
    public static void Print(Terminal terminal, string title, IReadOnlyList<FloatLayer> layers)
    {
        IGrouping<string, FloatLayer>[] reasons = [.. layers.GroupBy(l => l.Reason).OrderByDescending(g => g.Count())];
        if (layers.Count <= LongList && layers.Count < LayersPerReason * reasons.Length)
        {
            terminal.Table(title, ["layer", "operator", "reason"], layers.Select(l => new[] { Figures.Shorten(l.Name, 60), l.Operator, l.Reason }));
            return;
        }

        terminal.Table($"{title} (--json lists each)", [">layers", "reason", "operators", "?first"], reasons.Select(g => new[]
        {
            Figures.Invariant($"{g.Count()}"), g.Key, string.Join(", ", g.Select(l => l.Operator).Distinct()),
            Figures.Shorten(g.First().Name, 40),
        }));
    }
}
