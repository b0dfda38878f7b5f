// Files that appear complete or not at all.
namespace Int8Runtime;

/// <summary>Writes to neighbouring temporary files and moves them into place.</summary>
internal static class AtomicFile
{
    /// <summary>Writes one file.</summary>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public static void Write(string path, Action<Stream> write) => Write([(path, write)]);

    /// <summary>Writes one file that only its owner may read.</summary>
    /// <inheritdoc cref="Write(string, Action{Stream})" path="/exception"/>
    public static void WritePrivate(string path, Action<Stream> write) => Write(isPrivate: true, [(path, write)]);

    /// <summary>Writes files that belong together: none is moved into place before all are complete.</summary>
    /// <inheritdoc cref="Write(string, Action{Stream})" path="/exception"/>
    public static void Write(params ReadOnlySpan<(string Path, Action<Stream> Write)> files) => Write(isPrivate: false, files);

    private static void Write(bool isPrivate, ReadOnlySpan<(string Path, Action<Stream> Write)> files)
    {
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, Share = FileShare.None };
        if (isPrivate && !OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        var temporaries = new List<string>();
        try
        {
            foreach ((string path, Action<Stream> write) in files)
            {
                temporaries.Add($"{path}.{Guid.NewGuid():N}.tmp");
                using var stream = new FileStream(temporaries[^1], options);
                write(stream);
                stream.Flush(flushToDisk: true);   // or the name may outlive the content when the machine stops
            }

            for (int i = 0; i < files.Length; i++)
                File.Move(temporaries[i], files[i].Path, overwrite: true);
        }
        catch
        {
            foreach (string temporary in temporaries)
                if (File.Exists(temporary))
                    File.Delete(temporary);
            throw;
        }
    }
}
