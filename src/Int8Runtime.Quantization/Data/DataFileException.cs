// The one exception for files that cannot be used as data: names the file, the place in it, what is wrong and what to do.
namespace Int8Runtime.Quantization;

/// <summary>
/// A data file or folder cannot be used. <see cref="Exception.Message"/> is one line of the form
/// <c>file[:line]: problem; remedy</c>.
/// </summary>
public sealed class DataFileException : IOException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="file">The file or folder.</param>
    /// <param name="problem">What is wrong, without a full stop.</param>
    /// <param name="remedy">What the reader can do about it, or null when nothing useful can be said.</param>
    /// <param name="line">The line of a text file, counted from 1, or 0.</param>
    /// <param name="inner">The cause, if there is one.</param>
    public DataFileException(string file, string problem, string? remedy = null, int line = 0, Exception? inner = null)
        : base($"{file}{(line > 0 ? $":{line}" : "")}: {problem}{(remedy is null ? "" : $"; {remedy}")}", inner)
    {
        File = file;
        Line = line;
    }

    /// <summary>The file or folder that cannot be used.</summary>
    public string File { get; }

    /// <summary>The line of a text file, counted from 1; 0 when the problem is not tied to a line.</summary>
    public int Line { get; }
}
