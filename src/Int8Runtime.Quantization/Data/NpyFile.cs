// NumPy's .npy format, version 1 to 3: magic, version, header length, a Python dict as text, then the elements in C order.
using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.RegularExpressions;
using Int8Runtime.Graph;

namespace Int8Runtime.Quantization;

/// <summary>An array of a .npy file.</summary>
/// <param name="Type">A type that NumPy has: f16, f32, f64, integers of 8 to 64 bits, or bool.</param>
/// <param name="Shape">The dimensions; empty for a scalar.</param>
/// <param name="Data">The elements in C order, little endian.</param>
public sealed record NpyArray(DataType Type, Shape Shape, byte[] Data)
{
    /// <summary>Number of elements.</summary>
    public int Length => Data.Length / Type.SizeInBytes();

    /// <summary>An array of floats.</summary>
    internal static NpyArray Of(ReadOnlySpan<float> values, Shape shape) =>
        new(DataType.Float32, shape, MemoryMarshal.AsBytes(values).ToArray());

    /// <summary>The elements in another type. Floats are rounded; integers have to hold every element as it is.</summary>
    /// <returns>Null if the type does not hold every element.</returns>
    public TensorData? TryConvert(DataType type)
    {
        var tensor = new TensorData(Type, Shape, Data);
        TensorData converted = tensor.ConvertTo(type);
        bool holds = type == Type || type.IsFloatingPoint() || type == DataType.Boolean
            || converted.ToDoubleArray().AsSpan().SequenceEqual(tensor.ToDoubleArray());
        return holds ? converted : null;
    }

    /// <summary>Copies the elements to a tensor of as many, converting them if need be.</summary>
    /// <returns>False if the tensor has another size, or a type that does not hold every element.</returns>
    internal bool TryCopyTo(TensorMemory destination)
    {
        if (Length != destination.Descriptor.ElementCount || TryConvert(destination.Descriptor.DataType) is not { } converted)
            return false;
        converted.Bytes.Span.CopyTo(SampleFeed.BytesOf(destination));
        return true;
    }

    /// <summary>The elements converted to f64, which holds all but large 64-bit integers.</summary>
    internal double[] ToDoubles() => new TensorData(Type, Shape, Data).ToDoubleArray();

    /// <summary>The elements converted to float; wider numbers are rounded to the nearest.</summary>
    public float[] ToFloats() => new TensorData(Type, Shape, Data).ToSingleArray();
}

/// <summary>Reads and writes .npy files (numpy.org, NEP 1).</summary>
public static partial class NpyFile
{
    private static readonly (DataType Type, string Text)[] Types =
    [
        (DataType.Float32, "<f4"), (DataType.Float64, "<f8"), (DataType.Float16, "<f2"), (DataType.Boolean, "|b1"),
        (DataType.UInt8, "|u1"), (DataType.UInt16, "<u2"), (DataType.UInt32, "<u4"), (DataType.UInt64, "<u8"),
        (DataType.Int8, "|i1"), (DataType.Int16, "<i2"), (DataType.Int32, "<i4"), (DataType.Int64, "<i8"),
    ];

    private static ReadOnlySpan<byte> Magic => [0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y'];

    /// <summary>Reads a file.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="DataFileException">The file is missing, truncated, malformed, or of an unsupported type or order.</exception>
    public static NpyArray Load(string path)
    {
        try
        {
            return Parse(File.ReadAllBytes(path));
        }
        catch (InvalidDataException e)
        {
            throw new DataFileException(path, e.Message,
                "save it with numpy.save(file, numpy.ascontiguousarray(x, numpy.float32))", inner: e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DataFileException(path, $"cannot read the file ({e.Message})", inner: e);
        }
    }

    /// <summary>Writes a file (format version 1); it appears complete or not at all.</summary>
    /// <param name="path">The file.</param>
    /// <param name="array">The array.</param>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public static void Save(string path, NpyArray array)
    {
        byte[] content = Format(array);
        AtomicFile.Write(path, stream => stream.Write(content));
    }

    /// <summary>Writes floats as a file (format version 1).</summary>
    /// <param name="path">The file.</param>
    /// <param name="values">The elements in C order.</param>
    /// <param name="shape">The dimensions.</param>
    public static void Save(string path, ReadOnlySpan<float> values, Shape shape)
    {
        var data = new byte[4 * values.Length];
        for (int i = 0; i < values.Length; i++)
        {
            BinaryPrimitives.WriteSingleLittleEndian(data.AsSpan(4 * i), values[i]);
        }

        Save(path, new NpyArray(DataType.Float32, shape, data));
    }

    internal static byte[] Format(NpyArray array)
    {
        long bytes = array.Shape.Aggregate((long)array.Type.SizeInBytes(), (size, side) => checked(size * side));
        string? type = Array.Find(Types, entry => entry.Type == array.Type).Text;
        if (type is null || bytes != array.Data.Length)
        {
            throw new ArgumentException($"{array.Data.Length} bytes of {array.Type} cannot be stored with this shape", nameof(array));
        }

        string shape = string.Concat(array.Shape.Select(side => string.Create(CultureInfo.InvariantCulture, $"{side}, ")));
        string header = $"{{'descr': '{type}', 'fortran_order': False, 'shape': ({shape}), }}";
        // The elements start at a multiple of 64; a line feed ends the padding.
        header = header.PadRight((header.Length + 11 + 63) / 64 * 64 - 11) + "\n";
        var file = new byte[10 + header.Length + array.Data.Length];
        Magic.CopyTo(file);
        file[6] = 1;
        BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(8), (ushort)header.Length);
        Encoding.ASCII.GetBytes(header, file.AsSpan(10));
        array.Data.CopyTo(file, 10 + header.Length);
        return file;
    }

    internal static NpyArray Parse(ReadOnlySpan<byte> file)
    {
        if (!file.StartsWith(Magic))
        {
            throw new InvalidDataException("not a .npy file");
        }

        int prefix = file.Length > 6 && file[6] == 1 ? 10 : 12;
        if (file.Length < prefix)
        {
            throw new InvalidDataException("the .npy file is truncated");
        }

        uint headerLength = prefix == 10
            ? BinaryPrimitives.ReadUInt16LittleEndian(file[8..])
            : BinaryPrimitives.ReadUInt32LittleEndian(file[8..]);
        if (headerLength > file.Length - prefix)
        {
            throw new InvalidDataException("the .npy file is truncated");
        }

        string header = Encoding.UTF8.GetString(file.Slice(prefix, (int)headerLength));
        string descr = Field(DescrPattern(), header), order = Field(OrderPattern(), header);
        string sides = Field(ShapePattern(), header);
        Shape shape = ParseShape(sides);
        if (order == "True" && shape.Count > 1)
        {
            throw new InvalidDataException("the array is stored in Fortran order");
        }

        DataType type = Array.Find(Types, entry => entry.Text == descr || entry.Text.Replace('|', '<') == descr).Type;
        if (type == DataType.Undefined)
        {
            throw new InvalidDataException(
                $"elements of type '{descr}' are not supported (little-endian floats of 16 to 64 bits, integers and bool are)");
        }

        ReadOnlySpan<byte> data = file[(prefix + (int)headerLength)..];
        decimal expected = shape.Aggregate((decimal)type.SizeInBytes(), (bytes, side) => Math.Min(bytes * side, long.MaxValue));
        if (data.Length != expected)
        {
            throw new InvalidDataException($"{data.Length} bytes of elements where the header says {expected}");
        }

        return new NpyArray(type, shape, data.ToArray());
    }

    private static Shape ParseShape(string text)
    {
        string[] parts = text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        return Shape.Create(Array.ConvertAll(parts, part =>
            int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out int side)
            ? side
            : throw new InvalidDataException($"the shape ({text}) in the .npy header cannot be read")));
    }

    private static string Field(Regex pattern, string header) => pattern.Match(header) is { Success: true } match
        ? match.Groups[1].Value
        : throw new InvalidDataException("the .npy header cannot be read");

    [GeneratedRegex("'descr':\\s*'([^']*)'")]
    private static partial Regex DescrPattern();

    [GeneratedRegex("'fortran_order':\\s*(True|False)")]
    private static partial Regex OrderPattern();

    [GeneratedRegex("'shape':\\s*\\(([^)]*)\\)")]
    private static partial Regex ShapePattern();
}
