// Reading and writing of single tensors (.pb files), as ONNX test cases hold them.
using Google.Protobuf;
using Int8Runtime.Graph;
using Int8Runtime.Onnx.Export;
using Int8Runtime.Onnx.Import;
using Int8Runtime.Onnx.Proto;

namespace Int8Runtime.Onnx;

/// <summary>A tensor with the name it has in its file.</summary>
/// <param name="Name">The name, possibly empty.</param>
/// <param name="Data">The content.</param>
public sealed record NamedTensor(string Name, TensorData Data);

/// <summary>ONNX TensorProto files.</summary>
public static class OnnxTensor
{
    /// <summary>Reads a tensor file.</summary>
    /// <exception cref="ModelFormatException">The file is damaged or its element type is not supported
    /// (<see cref="UnsupportedModelException"/>). The message begins with the path.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static NamedTensor Load(string path)
    {
        byte[] bytes = Readable.Read(path, File.ReadAllBytes);
        try
        {
            TensorProto proto = TensorProto.Parser.ParseFrom(bytes);
            var tensors = new TensorReader(Path.GetDirectoryName(Path.GetFullPath(path)));
            return new NamedTensor(proto.Name, tensors.Read(proto, $"{path}: tensor '{proto.Name}'"));
        }
        catch (InvalidProtocolBufferException exception)
        {
            throw new ModelFormatException(
                $"{path}: the file is no ONNX tensor, or it is damaged or cut off ({exception.Message})", exception);
        }
    }

    /// <summary>Writes a tensor file; it appears complete or not at all.</summary>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public static void Save(NamedTensor tensor, string path) =>
        AtomicFile.Write(path, stream => TensorWriter.Write(tensor.Name, tensor.Data).WriteTo(stream));
}
