// Texts, lists and folders that a user names: one that cannot be read gives the exception of its kind, whatever the reason.
namespace Int8Runtime.Quantization;

/// <summary>Reads configurations and lists of samples.</summary>
internal static class UserFiles
{
    /// <summary>The text of a configuration.</summary>
    /// <param name="path">The file.</param>
    /// <param name="kind">What it is, for the message.</param>
    /// <exception cref="QuantizationException">It cannot be read.</exception>
    public static string Text(string path, string kind)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new QuantizationException($"there is no {kind} '{path}'", exception);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new QuantizationException($"the {kind} '{path}' cannot be read ({exception.Message.TrimEnd('.')})", exception);
        }
    }

    /// <summary>The lines of a data file.</summary>
    /// <exception cref="DataFileException">It cannot be read.</exception>
    public static string[] Lines(string path) => OfData(path, File.ReadAllLines);

    /// <summary>The files of a folder.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="pattern">Which of them.</param>
    /// <exception cref="DataFileException">It cannot be read.</exception>
    public static string[] In(string folder, string pattern = "*") => OfData(folder, f => Directory.GetFiles(f, pattern));

    private static T OfData<T>(string path, Func<string, T> read)
    {
        try
        {
            return read(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new DataFileException(path, $"cannot read it ({exception.Message.TrimEnd('.')})", inner: exception);
        }
    }
}
