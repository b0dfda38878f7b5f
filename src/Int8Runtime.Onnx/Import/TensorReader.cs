// TensorProto → TensorData: raw bytes, typed fields and external files.
using System.Globalization;
using Google.Protobuf.Collections;
using Int8Runtime.Graph;
using Int8Runtime.Onnx.Proto;

namespace Int8Runtime.Onnx.Import;

/// <summary>Reads tensors of a model file.</summary>
/// <param name="directory">The folder of the model, in which external data lies; null when the model comes from a
/// stream.</param>
/// <param name="content">The model whose tensors are read; null for tensors that hold their raw data themselves.</param>
internal sealed class TensorReader(string? directory, ModelContent? content = null)
{
    /// <summary>Reads a tensor.</summary>
    /// <exception cref="ModelFormatException">Shape, type and data do not agree, or external data cannot be
    /// read.</exception>
    public TensorData Read(TensorProto proto, string subject)
    {
        DataType type = ElementTypeCodes.ToDataType(proto.DataType, subject);
        Shape shape = ReadShape(proto.Dims, subject);
        int elements;
        try
        {
            elements = TensorData.CountElements(shape);
        }
        catch (ModelFormatException exception)
        {
            throw new ModelFormatException($"{subject}: {exception.Message}", exception);
        }
        long expected = PackedElements.BytesOf(type, elements);
        bool isPacked = PackedElements.BitsOf(type) < 8;
        if (proto.DataLocation == TensorProto.Types.Location.External)
            return FromBytes(ReadExternal(proto, expected, subject));
        if (proto.HasRawData)
        {
            ReadOnlyMemory<byte> bytes = content is null ? proto.RawData.Memory : content.RawData(proto);
            CheckCount(bytes.Length, expected, "bytes", subject);
            return FromBytes(bytes);
        }
        if (isPacked)
        {
            CheckCount(proto.Int32Data.Count, expected, "bytes", subject);
            return FromBytes(proto.Int32Data.Select(v => unchecked((byte)v)).ToArray());
        }
        return type switch
        {
            DataType.Float32 => FromField(type, shape, proto.FloatData, subject, (float v) => v),
            DataType.Float64 => FromField(type, shape, proto.DoubleData, subject, (double v) => v),
            DataType.Int64 => FromField(type, shape, proto.Int64Data, subject, (long v) => v),
            DataType.Int32 => FromField(type, shape, proto.Int32Data, subject, (int v) => v),
            DataType.UInt32 => FromField(type, shape, proto.Uint64Data, subject, (ulong v) => unchecked((uint)v)),
            DataType.UInt64 => FromField(type, shape, proto.Uint64Data, subject, (ulong v) => v),
            DataType.Int16 => FromField(type, shape, proto.Int32Data, subject, (int v) => unchecked((short)v)),
            DataType.Int8 => FromField(type, shape, proto.Int32Data, subject, (int v) => unchecked((sbyte)v)),
            _ when type.SizeInBytes() == 1 && type != DataType.Boolean =>   // u8 and the bits of 8-bit floating point
                FromField(type, shape, proto.Int32Data, subject, (int v) => unchecked((byte)v)),
            DataType.Boolean => FromField(type, shape, proto.Int32Data, subject, (int v) => (byte)(v != 0 ? 1 : 0)),
            _ => FromField(type, shape, proto.Int32Data, subject, (int v) => unchecked((ushort)v)),   // u16, and the bits of f16, bf16
        };

        TensorData FromBytes(ReadOnlyMemory<byte> bytes) => type.IsInt4() ? TensorData.OfNibbles(type, shape, bytes)
            : new(type, shape, isPacked ? PackedElements.Unpack(type, bytes.Span, elements) : bytes);
    }

    private static Shape ReadShape(RepeatedField<long> dims, string subject)
    {
        int[] shape = new int[dims.Count];
        for (int i = 0; i < shape.Length; i++)
        {
            shape[i] = dims[i] is >= 0 and < int.MaxValue
                ? (int)dims[i]
                : throw new ModelFormatException(
                    $"{subject} has the dimension {dims[i]}, which is out of range. The file is damaged.");
        }
        return shape;
    }

    private static TensorData FromField<TSource, T>(
        DataType type, Shape shape, RepeatedField<TSource> source, string subject, Func<TSource, T> convert) where T : unmanaged
    {
        CheckCount(source.Count, TensorData.CountElements(shape), "elements", subject);
        TensorData tensor = TensorData.Allocate(type, shape, out Span<T> elements);
        for (int i = 0; i < elements.Length; i++)
            elements[i] = convert(source[i]);
        return tensor;
    }

    private static void CheckCount(long actual, long expected, string unit, string subject)
    {
        if (actual != expected)
            throw new ModelFormatException(
                $"{subject} holds {actual} {unit} where its shape needs {expected}. The file is damaged or cut off.");
    }

    private byte[] ReadExternal(TensorProto proto, long expected, string subject)
    {
        var entries = new Dictionary<string, string>();
        foreach (StringStringEntryProto entry in proto.ExternalData)
            entries[entry.Key] = entry.Value;
        if (!entries.TryGetValue("location", out string? location) || location.Length == 0)
            throw new ModelFormatException(
                $"{subject} lies in an external file that it does not name. Export the model again.");
        if (directory is null)
            throw new ModelFormatException(
                $"{subject} lies in the external file '{location}'; load the model by its path, not from a stream.");
        long offset = ReadNumber(entries, "offset", 0, subject);
        long length = ReadNumber(entries, "length", expected, subject);
        CheckCount(length, expected, "bytes", subject);

        // A model must not reach for files outside its own folder.
        string root = Path.GetFullPath(directory);
        string path = Path.GetFullPath(Path.Combine(root, location));
        string relative = Path.GetRelativePath(root, path);
        if (Path.IsPathRooted(location) || relative == ".."
            || relative.StartsWith(".." + Path.DirectorySeparatorChar, StringComparison.Ordinal))
            throw new ModelFormatException(
                $"{subject} names the external file '{location}', which lies outside the folder of the model.");
        try
        {
            using FileStream file = File.OpenRead(path);
            if (offset > file.Length || file.Length - offset < expected)
            {
                throw new ModelFormatException(
                    $"{subject} needs bytes {offset} to {offset + expected} of '{location}', which has only "
                    + $"{file.Length}. The file is cut off.");
            }
            byte[] bytes = new byte[expected];
            file.Position = offset;
            file.ReadExactly(bytes);
            return bytes;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new ModelFormatException(
                $"{subject}: the external file '{location}' cannot be read: {exception.Message}", exception);
        }
    }

    private static long ReadNumber(Dictionary<string, string> entries, string key, long fallback, string subject)
    {
        if (!entries.TryGetValue(key, out string? text))
            return fallback;
        return long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long value)
            ? value
            : throw new ModelFormatException(
                $"{subject}: '{text}' is no valid {key} of external data. The file is damaged.");
    }
}
