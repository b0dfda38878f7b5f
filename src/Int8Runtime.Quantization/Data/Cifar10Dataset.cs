// CIFAR-10 binary files: records of 1 label byte and 3072 pixel bytes (planes R, G, B of 32×32, rows from the top).
namespace Int8Runtime.Quantization;

/// <summary>Images of the CIFAR-10 binary format (cs.toronto.edu/~kriz/cifar.html), kept in memory.</summary>
public sealed class Cifar10Dataset : IDataset
{
    /// <summary>Width and height of an image.</summary>
    public const int Side = 32;

    /// <summary>Bytes of one record: the label and three planes.</summary>
    public const int RecordBytes = 1 + 3 * Side * Side;

    /// <summary>Number of classes.</summary>
    public const int Classes = 10;

    private readonly byte[] _records;
    private readonly Preprocessor _preprocessor;

    /// <summary>Wraps records that are already in memory.</summary>
    /// <param name="name">The name that messages give.</param>
    /// <param name="records">One or more records of <see cref="RecordBytes"/> bytes; not copied.</param>
    /// <param name="preprocessing">What to do with each image.</param>
    /// <exception cref="DataFileException">The length is no multiple of a record, or a label is above 9.</exception>
    public Cifar10Dataset(string name, byte[] records, Preprocessing preprocessing)
    {
        Check(name, records);
        Name = name;
        _records = records;
        _preprocessor = new Preprocessor(preprocessing);
        SampleShape = _preprocessor.SampleShape(Read(0));
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public int Count => _records.Length / RecordBytes;

    /// <inheritdoc/>
    public Shape SampleShape { get; }

    /// <summary>Reads one or more files as one set, in the given order.</summary>
    /// <param name="name">The name that messages give.</param>
    /// <param name="files">The files, at least one.</param>
    /// <param name="preprocessing">What to do with each image.</param>
    /// <exception cref="DataFileException">A file cannot be read or is not of this format.</exception>
    public static Cifar10Dataset Open(string name, IReadOnlyList<string> files, Preprocessing preprocessing)
    {
        var parts = new byte[files.Count][];
        for (int i = 0; i < parts.Length; i++)
        {
            try
            {
                parts[i] = File.ReadAllBytes(files[i]);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw new DataFileException(files[i], $"cannot read the file ({e.Message})", inner: e);
            }

            Check(files[i], parts[i]);
        }

        return new Cifar10Dataset(name, parts is [byte[] only] ? only : [.. parts.SelectMany(part => part)], preprocessing);
    }

    /// <inheritdoc/>
    public string SampleName(int index) => $"{Name}[{index}]";

    /// <inheritdoc/>
    public int? Label(int index) => Record(index)[0];

    /// <inheritdoc/>
    public void Load(int index, Span<float> destination) => _preprocessor.Normalize(Read(index), destination);

    /// <summary>One image as it is stored, before preprocessing.</summary>
    /// <param name="index">0 to <see cref="Count"/> − 1.</param>
    public ImageBuffer Image(int index)
    {
        ReadOnlySpan<byte> planes = Record(index)[1..];
        var image = new ImageBuffer(Side, Side);
        for (int pixel = 0; pixel < Side * Side; pixel++)
        {
            for (int channel = 0; channel < 3; channel++)
            {
                image.Pixels[3 * pixel + channel] = planes[channel * Side * Side + pixel];
            }
        }

        return image;
    }

    private static void Check(string name, byte[] records)
    {
        if (records.Length == 0 || records.Length % RecordBytes != 0)
        {
            throw new DataFileException(name,
                $"{records.Length} bytes are no CIFAR-10 file, whose length is a multiple of {RecordBytes} "
                + "(1 label byte and 3072 pixel bytes)",
                "download the binary version of CIFAR-10 again, or give a folder with images");
        }

        for (int i = 0; i < records.Length; i += RecordBytes)
        {
            if (records[i] >= Classes)
            {
                throw new DataFileException(name,
                    $"record {i / RecordBytes} has the label {records[i]}, but CIFAR-10 has the classes 0 to 9",
                    "check that the file is the binary version of CIFAR-10");
            }
        }
    }

    private ReadOnlySpan<byte> Record(int index) => _records.AsSpan(index * RecordBytes, RecordBytes);

    private ImageBuffer Read(int index)
    {
        try
        {
            return _preprocessor.Arrange(Image(index));
        }
        catch (InvalidDataException e)
        {
            throw new DataFileException(Name, e.Message, "choose another --resize or --crop", inner: e);
        }
    }
}
