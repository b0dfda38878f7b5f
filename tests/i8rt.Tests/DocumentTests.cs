// What documents name exists: files, and the tests of docs/requirements-coverage.md.
using System.Text.RegularExpressions;

namespace Int8Runtime.Cli.Tests;

public sealed partial class DocumentTests
{
    public static TheoryData<string> Names =>
        [.. Directory.GetFiles(Documents.Path("docs"), "*.md").Select(path => "docs/" + Path.GetFileName(path)), "README.md",
            "CONTRIBUTING.md"];

    [Theory]
    [MemberData(nameof(Names))]
    public void Files_and_folders_that_documents_name_exist(string name)
    {
        string text = File.ReadAllText(Documents.Path(name)), folder = Path.GetDirectoryName(Documents.Path(name))!;
        IEnumerable<string> paths = RepositoryPath().Matches(text).Select(match => Documents.Path(match.Groups[1].Value))
            .Concat(Link().Matches(text).Select(match => Path.Combine(folder, match.Groups[1].Value)));
        string[] missing = [.. paths.Where(path => !File.Exists(path) && !Directory.Exists(path)).Distinct()];
        Assert.True(missing.Length == 0, $"{name} names what is not there: {string.Join(", ", missing)}");
    }

    [Fact]
    public void Tests_that_the_coverage_names_exist()
    {
        Dictionary<string, string> classes = Directory.EnumerateFiles(Documents.Path("tests"), "*Tests.cs", SearchOption.AllDirectories)
            .Where(path => !path.Contains($"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}", StringComparison.Ordinal))
            .GroupBy(path => Path.GetFileNameWithoutExtension(path))
            .ToDictionary(group => group.Key, group => string.Concat(group.Select(File.ReadAllText)));
        var missing = new List<string>();
        int named = 0;
        foreach (string line in File.ReadLines(Documents.Path("docs/requirements-coverage.md"))
            .Where(line => line.StartsWith("| ", StringComparison.Ordinal)))
        {
            string last = "";
            foreach (Match match in TestName().Matches(line))
            {
                named++;
                last = match.Groups[1].Length > 0 ? match.Groups[1].Value : last;
                string method = match.Groups[2].Value + match.Groups[3].Value;
                if (!classes.TryGetValue(last, out string? text)
                    || (method.Length > 0 && !text.Contains($" {method}(", StringComparison.Ordinal)))
                    missing.Add(match.Value);
            }
        }

        Assert.True(named > 100, $"only {named} tests are named");
        Assert.True(missing.Count == 0, $"there is no {string.Join(", ", missing)}");
    }

    // `src/….cs` or a folder, in backticks.
    [GeneratedRegex("`((?:src|tests|tools|docs|perf)/[A-Za-z0-9._/-]+)`")]
    private static partial Regex RepositoryPath();

    // [text](file.md), not an address.
    [GeneratedRegex(@"\]\(([A-Za-z0-9._/-]+)(?:#[^)]*)?\)")]
    private static partial Regex Link();

    // Class.Method, Class alone, or .Method of the class before it.
    [GeneratedRegex(@"(?<![\w/.])(\w+Tests)(?:\.([A-Z]\w*))?|(?<=[ ,])\.([A-Z]\w+)")]
    private static partial Regex TestName();
}
