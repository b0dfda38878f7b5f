// Fits a table into the width of a terminal: what is least important goes, names lose their middle, sentences wrap.
namespace Int8Runtime.Cli;

/// <summary>A column of a table for people.</summary>
/// <param name="Name">Its head; may be empty.</param>
/// <param name="IsRight">Whether its cells are aligned to the right.</param>
/// <param name="IsOptional">Whether it may be left out where there is no room.</param>
internal readonly record struct TableColumnSpec(string Name, bool IsRight, bool IsOptional)
{
    /// <summary>Reads a column as commands write it: <c>&gt;</c> in front aligns it to the right, <c>?</c> makes it optional.</summary>
    public static TableColumnSpec Parse(string text) =>
        new(text.TrimStart('>', '?'), text.StartsWith('>') || text.StartsWith("?>", StringComparison.Ordinal), text.StartsWith('?'));
}

/// <summary>A table that fits.</summary>
/// <param name="Columns">The columns that are left.</param>
/// <param name="Rows">Their cells.</param>
/// <param name="Wraps">For each column whether its cells are sentences, which may wrap.</param>
/// <param name="LeftOut">Names of the columns that had no room.</param>
/// <param name="Width">The characters that the table takes at least: more than were asked for where names and numbers are longer.</param>
internal sealed record TableFit(
    IReadOnlyList<TableColumnSpec> Columns, IReadOnlyList<string[]> Rows, IReadOnlyList<bool> Wraps, IReadOnlyList<string> LeftOut, int Width)
{
    // Spaces between two columns, and those around all of them.
    private const int Gap = 3, Margin = 4;

    // What names and sentences keep at least.
    private const int ShortestName = 12, NarrowestSentence = 24;

    private static bool IsSentence(string cell) => cell.Length > NarrowestSentence && cell.Contains(' ', StringComparison.Ordinal);

    /// <summary>Fits cells into <paramref name="width"/> characters, as far as that is possible.</summary>
    public static TableFit Of(IReadOnlyList<TableColumnSpec> columns, IReadOnlyList<string[]> rows, int width)
    {
        int[] widths = [.. columns.Select((c, i) => rows.Select(r => r[i].Length).Append(c.Name.Length).Max())];
        bool[] wraps = [.. columns.Select((c, i) => !c.IsRight && rows.Any(r => IsSentence(r[i])))];
        List<int> kept = [.. Enumerable.Range(0, columns.Count)];
        int Total(Func<int, int> widthOf) => kept.Sum(widthOf) + (Gap * (kept.Count - 1)) + Margin;
        int Needed() => Total(i => wraps[i] ? Math.Min(widths[i], NarrowestSentence) : widths[i]);

        var leftOut = new List<string>();
        while (Total(i => widths[i]) > width && kept.FindLastIndex(i => columns[i].IsOptional) is >= 0 and int last)
        {
            leftOut.Insert(0, columns[kept[last]].Name);
            kept.RemoveAt(last);
        }

        int[] names = [.. kept.Where(i => !wraps[i] && !columns[i].IsRight).OrderByDescending(i => widths[i])];
        foreach (int name in names)
            widths[name] = Math.Max(Math.Min(widths[name], ShortestName), widths[name] - Math.Max(Needed() - width, 0));
        return new TableFit(
            [.. kept.Select(i => columns[i])],
            [.. rows.Select(r => kept.Select(i => wraps[i] || columns[i].IsRight ? r[i] : Figures.Shorten(r[i], widths[i])).ToArray())],
            [.. kept.Select(i => wraps[i])], leftOut, Needed());
    }
}
