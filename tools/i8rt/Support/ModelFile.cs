// Loads models for commands.
using System.CommandLine;
using Int8Runtime.Graph;
using Int8Runtime.Onnx;

namespace Int8Runtime.Cli;

/// <summary>The model argument of commands.</summary>
internal static class ModelFile
{
    /// <summary>Creates the model argument.</summary>
    public static Argument<string> CreateArgument() => new("MODEL") { Description = "ONNX model file (.onnx)." };

    /// <summary>Reads a model.</summary>
    /// <exception cref="UsageException">There is no such file.</exception>
    /// <exception cref="ModelFormatException">The file is not a model that can be read.</exception>
    public static ModelGraph Load(string path)
    {
        if (Directory.Exists(path))
            throw new UsageException($"'{path}' is a folder; give the model file");
        if (!File.Exists(path))
            throw new UsageException($"there is no model file '{path}'");
        return OnnxModel.Load(path);
    }

    /// <summary>Checks before long work that the output can be written.</summary>
    /// <exception cref="UsageException">The folder does not exist, or the output would replace the input.</exception>
    public static void CheckOutput(string output, string input)
    {
        string folder = Path.GetDirectoryName(Path.GetFullPath(output))!;
        if (!Directory.Exists(folder))
            throw new UsageException($"cannot write '{output}': there is no folder '{folder}'");
        if (Path.GetFullPath(output) == Path.GetFullPath(input))
            throw new UsageException($"the output '{output}' would replace the input; choose another name with -o");
    }
}
