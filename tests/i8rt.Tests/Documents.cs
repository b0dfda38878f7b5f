// Documents and sources of the repository, for tests that compare what they say with what runs.
using System.Text.RegularExpressions;
using Int8Runtime.TestKit;

namespace Int8Runtime.Cli.Tests;

/// <summary>Finds files of the repository and the code in them.</summary>
internal static partial class Documents
{
    /// <summary>The full path of a file of the repository.</summary>
    public static string Path(string name) => Repository.PathOf(name);

    /// <summary>The texts between two marks.</summary>
    public static IEnumerable<string> Blocks(string text, string begin, string end)
    {
        text = text.ReplaceLineEndings("\n");
        for (int start = text.IndexOf(begin, StringComparison.Ordinal); start >= 0; start =
            text.IndexOf(begin, start, StringComparison.Ordinal))
        {
            start += begin.Length;
            yield return text[start..text.IndexOf(end, start, StringComparison.Ordinal)];
        }
    }

    /// <summary>Code without comments and white space.</summary>
    public static string Statements(string code) =>
        string.Concat(code.Split('\n').Select(l => Comment().Replace(l, ""))).Replace(" ", "", StringComparison.Ordinal);

    [GeneratedRegex("//.*$")]
    private static partial Regex Comment();
}
