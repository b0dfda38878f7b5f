// benchdnn's shape files, read whole before anything is measured.
namespace Int8Runtime.Benchmarks.OneDnn;

/// <summary>The problems of a file.</summary>
/// <param name="Path">The file.</param>
/// <param name="Problems">Its problems, in order.</param>
internal sealed record ShapeFile(string Path, IReadOnlyList<ProblemShape> Problems)
{
    private const int LongestQuote = 60;

    /// <summary>Reads a file, whose folder names the kind of problem as benchdnn's do (conv, ip, matmul).</summary>
    /// <param name="path">The file.</param>
    /// <param name="batch">Batch of every problem; 0 for that of the file.</param>
    /// <exception cref="Commands.BadInputException">It cannot be read, or a word of it is no problem; the message names both.</exception>
    public static ShapeFile Read(string path, int batch)
    {
        if (Directory.Exists(path))
            throw new Commands.BadInputException($"'{path}' is a folder; name the shape files in it");
        if (!File.Exists(path))
            throw new Commands.BadInputException($"there is no shape file '{path}'");
        PrimitiveKind kind = System.IO.Path.GetFileName(System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(path))) switch
        {
            "ip" => PrimitiveKind.InnerProduct,
            "matmul" => PrimitiveKind.MatMul,
            _ => PrimitiveKind.Convolution,
        };
        using var reader = new StreamReader(path);
        return new ShapeFile(path, [.. ProblemText.Words(reader).Where(w => w[0] != '-').Select(word => Parse(path, kind, word, batch))]);
    }

    private static ProblemShape Parse(string path, PrimitiveKind kind, string word, int batch)
    {
        try
        {
            return ProblemText.Parse(kind, word) switch
            {
                ConvolutionProblem c when batch > 0 => c with { Batch = batch },
                InnerProductProblem p when batch > 0 => p with { Batch = batch },
                ProblemShape other => other,
            };
        }
        catch (FormatException exception)
        {
            // The message opens with the word; of a file that is no text only its beginning is worth a line.
            string reason = word.Length <= LongestQuote && !word.Any(char.IsControl) ? exception.Message
                : "this is no file of problems, as benchdnn's shape files are";
            throw new Commands.BadInputException(
                $"{path}: {reason}; the file was read as problems of kind {kind}, which the name of its folder (conv, ip, matmul) decides");
        }
    }
}
