// The .bin file of an IR: constants are read one by one when their layer is reached.
using System.Buffers.Binary;
using Int8Runtime.Graph;
using Microsoft.Win32.SafeHandles;

namespace Int8Runtime.OpenVino.Import;

/// <summary>Reads constants. Layers that share bytes share the tensor.</summary>
internal sealed class IrWeights : IDisposable
{
    private readonly string _path;
    private readonly Dictionary<(long Offset, long Size, string Type, Shape Shape), TensorData> _read = [];
    private SafeFileHandle? _file;

    /// <summary>The file at a path; it is opened when the first constant is read.</summary>
    public IrWeights(string path) => _path = path;

    /// <summary>The content of a Const layer. 16-bit floats become f32, 4-bit integers 8-bit ones.</summary>
    /// <exception cref="ModelFormatException">The file is missing or too short, or the layer contradicts itself.</exception>
    public TensorData Read(IrLayer layer, string type, Shape shape, long offset, long size)
    {
        DataType stored = IrElementTypes.Parse(type, layer.ToString());
        int count;
        try
        {
            count = TensorData.CountElements(shape);
        }
        catch (ModelFormatException exception)
        {
            throw new ModelFormatException($"{layer}: {exception.Message}", exception);
        }

        long expected = type.ToLowerInvariant() switch
        {
            "i4" or "u4" => ((long)count + 1) / 2,
            "u32" => 4L * count,
            _ => (long)count * stored.SizeInBytes(),
        };
        if (size != expected)
        {
            throw new ModelFormatException(
                $"{layer} states {size} bytes where the shape {shape} of {type} needs {expected}. The file is damaged; export it again.");
        }

        var key = (offset, size, type, shape);
        if (!_read.TryGetValue(key, out TensorData? content))
            _read.Add(key, content = Decode(type.ToLowerInvariant(), stored, shape, count, ReadBytes(layer, offset, size)));
        return content;
    }

    /// <inheritdoc/>
    public void Dispose() => _file?.Dispose();

    private byte[] ReadBytes(IrLayer layer, long offset, long size)
    {
        if (size == 0)
            return [];
        try
        {
            _file ??= File.OpenHandle(_path, options: FileOptions.SequentialScan);
            long length = RandomAccess.GetLength(_file);
            if (offset < 0 || offset > length || size > length - offset)
            {
                throw new ModelFormatException(
                    $"{layer} needs bytes {offset} to {offset + size} of '{_path}', which has only {length}. The weights are cut off or "
                    + "belong to another model; copy the .bin file again.");
            }

            byte[] bytes = GC.AllocateUninitializedArray<byte>(checked((int)size));
            for (int done = 0; done < bytes.Length;)
            {
                int read = RandomAccess.Read(_file, bytes.AsSpan(done), offset + done);
                done += read > 0 ? read : throw new IOException("the file became shorter while it was read");
            }

            return bytes;
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new ModelFormatException(
                $"{layer}: there is no weights file '{_path}'. Put the .bin file beside the .xml file, under the same name.", exception);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new ModelFormatException(
                $"{layer}: the weights file '{_path}' cannot be read ({exception.Message.TrimEnd('.')}).", exception);
        }
    }

    private static TensorData Decode(string type, DataType stored, Shape shape, int count, byte[] bytes)
    {
        switch (type)
        {
            case "f16" or "bf16":
                return new TensorData(stored, shape, bytes).ConvertTo(DataType.Float32);
            case "u32":
                TensorData widened = TensorData.Allocate(DataType.Int64, shape, out Span<long> integers);
                for (int i = 0; i < count; i++)
                    integers[i] = BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(4 * i));
                return widened;
            case "i4":
                return TensorData.OfNibbles(DataType.Int4, shape, bytes).AsInt8();
            case "u4":
                return TensorData.OfNibbles(DataType.UInt4, shape, bytes).AsInt8();
            default:
                return new TensorData(stored, shape, bytes);
        }
    }
}
