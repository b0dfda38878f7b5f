// INT8RT_JIT_DUMP=<folder>: the disassembly of every kernel that is loaded, one text file each.
using System.Security.Cryptography;
using System.Text;

namespace Int8Runtime.Jit;

/// <summary>Writes disassemblies to files.</summary>
internal static class KernelDump
{
    /// <summary>Name of the environment variable that holds the folder.</summary>
    public const string Variable = "INT8RT_JIT_DUMP";

    // Without the extension; file systems allow 255 characters. A long chain of post-ops makes longer names.
    private const int LongestName = 200, DigestLength = 16;

    private static readonly string? Folder = Environment.GetEnvironmentVariable(Variable);

    /// <summary>Whether the environment asks for dumps.</summary>
    public static bool IsAsked => !string.IsNullOrEmpty(Folder);

    /// <summary>Dumps the kernel if the environment asks for it.</summary>
    public static void WriteIfAsked(KernelImage image)
    {
        if (IsAsked)
            Write(image, Folder!);
    }

    /// <summary>
    /// Writes <c>folder/name.txt</c>, where characters that file systems reject become <c>_</c> and the end of a long name a digest of
    /// it. Any number of threads and processes may write one name.
    /// </summary>
    /// <returns>The path of the file.</returns>
    public static string Write(KernelImage image, string folder)
    {
        Directory.CreateDirectory(folder);
        string file = string.Concat(image.Name.Select(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '.' ? c : '_'));
        if (file.Length > LongestName)
        {
            string digest = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(image.Name)));
            file = $"{file.AsSpan(0, LongestName - DigestLength - 1)}_{digest.AsSpan(0, DigestLength)}";
        }

        string path = Path.Combine(folder, file + ".txt"), temporary = Path.Combine(folder, Path.GetRandomFileName());
        File.WriteAllText(temporary, Disassembler.Format(image));
        File.Move(temporary, path, overwrite: true);
        return path;
    }
}
