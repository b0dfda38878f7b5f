// What is thrown where a file or folder that a user names cannot be read.
namespace Int8Runtime;

/// <summary>Reads files and folders; one that may not be read counts as one that cannot be read.</summary>
internal static class Readable
{
    /// <summary>Runs what reads a file or lists a folder.</summary>
    /// <param name="path">The file or folder, for the message.</param>
    /// <param name="read">Reads it.</param>
    /// <exception cref="IOException">It cannot be read: it is missing, no file, or protected.</exception>
    public static T Read<T>(string path, Func<string, T> read)
    {
        try
        {
            return read(path);
        }
        catch (UnauthorizedAccessException exception)
        {
            throw new IOException($"'{path}' cannot be read; it is a folder, or protected.", exception);
        }
    }
}
