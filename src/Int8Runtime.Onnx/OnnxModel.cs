// Reading and writing of ONNX model files.
using Google.Protobuf;
using Int8Runtime.Graph;
using Int8Runtime.Onnx.Export;
using Int8Runtime.Onnx.Import;
using Int8Runtime.Onnx.Proto;

namespace Int8Runtime.Onnx;

/// <summary>ONNX models, operator sets 7 to 25.</summary>
public static class OnnxModel
{
    /// <summary>Reads a model; tensors in external files are looked up in its folder.</summary>
    /// <remarks>
    /// Except on Windows a large file is mapped, not read, as long as the graph or a model compiled from it is in use. It may be
    /// deleted or replaced by another file meanwhile, but not be changed in place.
    /// </remarks>
    /// <exception cref="ModelFormatException">The file is damaged, or uses something that is not supported
    /// (<see cref="UnsupportedModelException"/>). The message begins with the path.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static ModelGraph Load(string path)
    {
        ReadOnlyMemory<byte> file = FileContent.Of(path);
        try
        {
            return Read(file, Path.GetDirectoryName(Path.GetFullPath(path)));
        }
        catch (UnsupportedModelException exception)
        {
            throw new UnsupportedModelException($"{path}: {exception.Message}");
        }
        catch (ModelFormatException exception)
        {
            throw new ModelFormatException($"{path}: {exception.Message}", exception.InnerException);
        }
    }

    /// <summary>Reads a model without external data from a stream.</summary>
    /// <exception cref="ModelFormatException">The content is damaged or not supported.</exception>
    public static ModelGraph Load(Stream stream)
    {
        using var memory = new MemoryStream();
        stream.CopyTo(memory);
        return Read(memory.GetBuffer().AsMemory(0, (int)memory.Length), directory: null);
    }

    /// <summary>Reads a model without external data from memory.</summary>
    /// <exception cref="ModelFormatException">The content is damaged or not supported.</exception>
    public static ModelGraph Load(ReadOnlySpan<byte> bytes) => Read(bytes.ToArray(), directory: null);

    /// <summary>Writes a model with the lowest operator set, 13 or higher, that has all its operators.</summary>
    /// <param name="graph">The model.</param>
    /// <param name="path">The file.</param>
    /// <param name="form">What the file holds besides what the model computes.</param>
    /// <remarks>The file appears complete or not at all: it is written under another name and then moved.</remarks>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public static void Save(ModelGraph graph, string path, OnnxFileForm form = OnnxFileForm.Complete) =>
        AtomicFile.Write(path, stream => Save(graph, stream, form));

    /// <summary>Writes a model to a stream.</summary>
    /// <param name="graph">The model.</param>
    /// <param name="stream">Where the bytes go.</param>
    /// <param name="form">What the file holds besides what the model computes.</param>
    public static void Save(ModelGraph graph, Stream stream, OnnxFileForm form = OnnxFileForm.Complete) =>
        GraphWriter.Write(graph, form).WriteTo(stream);

    private static ModelGraph Read(ReadOnlyMemory<byte> file, string? directory) => GraphReader.Read(ModelContent.Parse(file), directory);
}
