// Command lines and batch files, word by word, with batches in place.
namespace Int8Runtime.Bench;

/// <summary>A batch file that is named but is not there.</summary>
internal sealed class MissingBatchException(string name, string? namedBy)
    : Exception($"There is no batch file '{name}'" + (namedBy is null ? "." : $", which '{namedBy}' names."));

/// <summary>
/// Expands nested batches. A file is looked for beside the file that names it, then in the current directory, then in
/// inputs/driver.
/// </summary>
internal static class CommandReader
{
    private const int DeepestNesting = 16;

    /// <summary>The words of a command line with the content of each batch in its place.</summary>
    /// <param name="words">The command line.</param>
    /// <param name="driver">Gives the current driver, which names the last folder to look in.</param>
    /// <param name="missing">Told of batches that other files name but that do not exist.</param>
    /// <returns>Each word, and whether a file holds it.</returns>
    /// <exception cref="MissingBatchException">The command line names a batch that does not exist.</exception>
    public static IEnumerable<(string Word, bool IsFromFile)> Expand(IEnumerable<string> words, Func<string> driver,
        Action<string> missing) =>
        Expand(words, null, driver, missing, 0);

    private static IEnumerable<(string Word, bool IsFromFile)> Expand(
        IEnumerable<string> words, string? file, Func<string> driver, Action<string> missing, int depth)
    {
        foreach (string word in words)
        {
            if (!word.StartsWith("--batch=", StringComparison.Ordinal))
            {
                yield return (word, file is not null);
                continue;
            }

            string name = word["--batch=".Length..];
            if (depth == DeepestNesting)
                throw new FormatException($"Batch files are nested more than {DeepestNesting} deep at '{name}'.");
            string? path = Candidates(name, file, driver()).FirstOrDefault(File.Exists);
            if (path is null && file is null)
                throw new MissingBatchException(name, file);
            if (path is null)
            {
                missing(new MissingBatchException(name, file).Message);
                continue;
            }

            using StreamReader reader = Readable.Read(path, p => new StreamReader(p));
            foreach ((string Word, bool IsFromFile) inner in Expand(ProblemText.Words(reader), path, driver, missing, depth + 1))
                yield return inner;
        }
    }

    private static IEnumerable<string> Candidates(string name, string? file, string driver)
    {
        if (file is not null)
            yield return Path.Combine(Path.GetDirectoryName(file) ?? "", name);
        yield return name;
        yield return Path.Combine("inputs", driver, name);
        yield return Path.Combine(AppContext.BaseDirectory, "inputs", driver, name);
    }
}
