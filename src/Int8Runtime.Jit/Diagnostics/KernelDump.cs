// INT8RT_JIT_DUMP=<folder>: the disassembly of every kernel that is loaded, one text file each.
namespace Int8Runtime.Jit;

/// <summary>Writes disassemblies to files.</summary>
internal static class KernelDump
{
    /// <summary>Name of the environment variable that holds the folder.</summary>
    public const string Variable = "INT8RT_JIT_DUMP";

    private static readonly string? Folder = Environment.GetEnvironmentVariable(Variable);

    /// <summary>Whether the environment asks for dumps.</summary>
    public static bool IsAsked => !string.IsNullOrEmpty(Folder);

    /// <summary>Dumps the kernel if the environment asks for it.</summary>
    public static void WriteIfAsked(KernelImage image)
    {
        if (IsAsked)
            Write(image, Folder!);
    }

    /// <summary>Writes <c>folder/name.txt</c>, where characters that file systems reject become <c>_</c>.</summary>
    /// <returns>The path of the file.</returns>
    public static string Write(KernelImage image, string folder)
    {
        Directory.CreateDirectory(folder);
        string file = string.Concat(image.Name.Select(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '.' ? c : '_'));
        string path = Path.Combine(folder, file + ".txt");
        File.WriteAllText(path, Disassembler.Format(image));
        return path;
    }
}
