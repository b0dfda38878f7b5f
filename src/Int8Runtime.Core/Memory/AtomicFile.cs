// Files that appear complete or not at all.
namespace Int8Runtime;

/// <summary>Writes to neighbouring temporary files and moves them into place.</summary>
internal static class AtomicFile
{
    /// <summary>Writes one file.</summary>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public static void Write(string path, Action<Stream> write) => Write([(path, write)]);

    /// <summary>Writes files that belong together: none is moved into place before all are complete.</summary>
    /// <inheritdoc cref="Write(string, Action{Stream})" path="/exception"/>
    public static void Write(params ReadOnlySpan<(string Path, Action<Stream> Write)> files)
    {
        var temporaries = new List<string>();
        try
        {
            foreach ((string path, Action<Stream> write) in files)
            {
                temporaries.Add($"{path}.{Guid.NewGuid():N}.tmp");
                using FileStream stream = File.Create(temporaries[^1]);
                write(stream);
            }

            for (int i = 0; i < files.Length; i++)
                File.Move(temporaries[i], files[i].Path, overwrite: true);
        }
        catch
        {
            foreach (string temporary in temporaries)
                File.Delete(temporary);
            throw;
        }
    }
}
