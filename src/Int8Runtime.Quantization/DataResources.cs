// Data files that are part of this library.
namespace Int8Runtime.Quantization;

/// <summary>Reads embedded data files.</summary>
internal static class DataResources
{
    /// <summary>The text of a file by its name.</summary>
    public static string Read(string name)
    {
        using Stream stream = typeof(DataResources).Assembly.GetManifestResourceStream(name)
            ?? throw new FileNotFoundException($"The library lacks its data file '{name}'; build it again.");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }

    /// <summary>The names of the files with a prefix.</summary>
    public static IEnumerable<string> Names(string prefix) =>
        typeof(DataResources).Assembly.GetManifestResourceNames().Where(n => n.StartsWith(prefix, StringComparison.Ordinal))
            .Order(StringComparer.Ordinal);
}
