// Loads models for commands, and checks where results are to be written.
using System.CommandLine;
using Int8Runtime.Graph;
using Int8Runtime.Graph.Passes;
using Int8Runtime.Onnx;
using Int8Runtime.OpenVino;

namespace Int8Runtime.Cli;

/// <summary>The model argument of commands.</summary>
internal static class ModelFile
{
    /// <summary>The name of the model argument.</summary>
    public const string ArgumentName = "MODEL";

    /// <summary>Creates the model argument.</summary>
    public static Argument<string> CreateArgument() =>
        new(ArgumentName) { Description = "ONNX model file (.onnx) or OpenVINO IR (.xml, with its .bin beside it)." };

    /// <summary>Reads a model.</summary>
    /// <exception cref="UsageException">There is no such file.</exception>
    /// <exception cref="ModelFormatException">The file is not a model that can be read.</exception>
    public static ModelGraph Load(string path)
    {
        if (Directory.Exists(path))
            throw new UsageException($"'{path}' is a folder; give the model file");
        if (!File.Exists(path))
            throw new UsageException($"there is no model file '{path}'");
        return IsOpenVino(path) ? OpenVinoModel.Load(path) : OnnxModel.Load(path);
    }

    /// <summary>Writes a model in the format that the extension names: .xml (with a .bin file beside it), or ONNX.</summary>
    /// <returns>Nodes of an ONNX file whose operators are OpenVINO's own, so that no other runtime for ONNX reads them.</returns>
    /// <exception cref="ModelFormatException">The format cannot express the model.</exception>
    public static IReadOnlyList<GraphNode> Save(ModelGraph graph, string path, OnnxFileForm form = OnnxFileForm.Complete)
    {
        if (IsOpenVino(path))
        {
            OpenVinoModel.Save(graph, path);
            return [];
        }

        // Only OpenVINO knows its own quantizers.
        ModelGraph standard = graph.Clone();
        FakeQuantizeConversion.Apply(standard);
        OnnxModel.Save(standard, path, form);
        return [.. standard.Nodes.Where(n => n.Domain == OperatorDomains.OpenVino)];
    }

    /// <summary>Checks before long work that the format of the output has forms for all nodes of the model.</summary>
    /// <exception cref="UsageException">It has not; the message names the nodes.</exception>
    public static void CheckForm(ModelGraph graph, string output)
    {
        if (!IsOpenVino(output))
            return;
        try
        {
            OpenVinoModel.Check(graph);
        }
        catch (UnsupportedModelException exception)
        {
            throw new UsageException($"cannot write '{output}': {exception.Message}");
        }
    }

    /// <summary>The bytes of a model on disk, weights included.</summary>
    public static long SizeOf(string path) => new FileInfo(path).Length
        + (IsOpenVino(path) && new FileInfo(OpenVinoModel.WeightsPath(path)) is { Exists: true } weights ? weights.Length : 0);

    private static bool IsOpenVino(string path) => Path.GetExtension(path).Equals(".xml", StringComparison.OrdinalIgnoreCase);

    /// <summary>Checks before long work that the output can be written.</summary>
    /// <param name="output">The file to write.</param>
    /// <param name="input">A file that it may not replace; null for none.</param>
    /// <param name="option">The option that names the output.</param>
    /// <exception cref="UsageException">
    /// The folder does not exist or takes no files, or the output would replace the input or a folder.
    /// </exception>
    public static void CheckOutput(string output, string? input = null, string option = "-o")
    {
        string full = Path.GetFullPath(output), folder = Path.GetDirectoryName(full) ?? full;
        if (Directory.Exists(full))
            throw new UsageException($"the output '{output}' is a folder; give a file name with {option}");
        if (!Directory.Exists(folder))
            throw new UsageException($"cannot write '{output}': there is no folder '{folder}'; create it or choose another name with {option}");
        if (input is not null && full == Path.GetFullPath(input))
            throw new UsageException($"the output '{output}' would replace the input; choose another name with {option}");
        if (IsOpenVino(full) && !File.Exists(full) && File.Exists(OpenVinoModel.WeightsPath(full)))
        {
            throw new UsageException($"the weights of '{output}' would replace '{OpenVinoModel.WeightsPath(output)}', which belongs to no .xml file; "
                + $"choose another name with {option}");
        }

        CheckWritable(folder, option);
    }

    /// <summary>Makes a folder for results before the work begins, and checks that it takes files.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="option">The option that names it.</param>
    /// <exception cref="UsageException">It cannot be made, or takes no files.</exception>
    public static void PrepareFolder(string folder, string option)
    {
        if (File.Exists(folder))
            throw new UsageException($"'{folder}' is a file; give a folder with {option}");
        try
        {
            Directory.CreateDirectory(folder);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"the folder '{folder}' cannot be made ({exception.Message.TrimEnd('.')}); choose another with {option}");
        }

        CheckWritable(folder, option);
    }

    /// <summary>Checks that files can be created in a folder.</summary>
    /// <exception cref="UsageException">They cannot.</exception>
    private static void CheckWritable(string folder, string option = "-o")
    {
        try
        {
            string probe = Path.Combine(folder, $".i8rt-{Guid.NewGuid():N}.tmp");
            using FileStream _ = new(probe, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"cannot write into the folder '{folder}' ({exception.Message.TrimEnd('.')}); choose another with {option}");
        }
    }
}
