// Files of the repository that tests read: documents, projects, sources.
namespace Int8Runtime.TestKit;

/// <summary>Finds files of the repository.</summary>
public static class Repository
{
    /// <summary>The full path of a file or folder.</summary>
    /// <param name="name">The path from the root of the repository.</param>
    /// <exception cref="FileNotFoundException">The tests do not lie in the repository.</exception>
    public static string PathOf(string name)
    {
        string folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "Int8Runtime.sln")))
            folder = Path.GetDirectoryName(folder) ?? throw new FileNotFoundException("The tests do not lie in the repository.");
        return Path.Combine(folder, name);
    }
}
