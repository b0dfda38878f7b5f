// The idx files of MNIST and Fashion-MNIST: big-endian header, then one byte per pixel or label; plain or gzip.
using System.Buffers.Binary;
using System.IO.Compression;

namespace Int8Runtime.Quantization;

/// <summary>
/// Grey images of the idx format (yann.lecun.com/exdb/mnist) with the labels of the file beside it, whose name has
/// <c>labels</c> and <c>idx1</c> where that of the images has <c>images</c> and <c>idx3</c>. All of it is kept in memory.
/// </summary>
public sealed class IdxDataset : IDataset
{
    private const int ImagesMagic = 0x00000803;   // unsigned bytes, three dimensions
    private const int LabelsMagic = 0x00000801;

    private readonly byte[] _pixels;
    private readonly byte[]? _labels;
    private readonly int _width;
    private readonly int _height;
    private readonly Preprocessor _preprocessor;

    /// <summary>Reads the images and, where there are any, the labels.</summary>
    /// <param name="path">The file of the images.</param>
    /// <param name="preprocessing">What to do with each image; <c>grey</c> channels give one channel.</param>
    /// <exception cref="DataFileException">A file cannot be read or is not of this format, or the labels are of another number.</exception>
    public IdxDataset(string path, Preprocessing preprocessing)
    {
        Name = path;
        byte[] images = Read(path);
        if (images.Length < 16 || BinaryPrimitives.ReadInt32BigEndian(images) != ImagesMagic)
            throw new DataFileException(path, "this is no idx file of images", "give the file named *images-idx3-ubyte");
        Count = BinaryPrimitives.ReadInt32BigEndian(images.AsSpan(4));
        _height = BinaryPrimitives.ReadInt32BigEndian(images.AsSpan(8));
        _width = BinaryPrimitives.ReadInt32BigEndian(images.AsSpan(12));
        if (Count < 1 || _height is < 1 or > 4096 || _width is < 1 or > 4096 || images.Length - 16L != (long)Count * _height * _width)
            throw new DataFileException(path,
                $"the header says {Count} images of {_height}x{_width}, but the file has {images.Length} bytes",
                "download it again");
        _pixels = images[16..];
        _preprocessor = new Preprocessor(preprocessing);
        SampleShape = _preprocessor.SampleShape(Arranged(0));
        if (LabelFileOf(path) is { } labels)
            _labels = ReadLabels(labels);
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public int Count { get; }

    /// <inheritdoc/>
    public Shape SampleShape { get; }

    /// <summary>True if the file begins as idx files of images do.</summary>
    public static bool IsImageFile(string path)
    {
        try
        {
            using Stream stream = OpenRead(path);
            Span<byte> magic = stackalloc byte[4];
            return stream.ReadAtLeast(magic, 4, throwOnEndOfStream: false) == 4
                && BinaryPrimitives.ReadInt32BigEndian(magic) == ImagesMagic;
        }
        catch (InvalidDataException)
        {
            return false;
        }
    }

    /// <inheritdoc/>
    public string SampleName(int index) => $"{Name}[{index}]";

    /// <inheritdoc/>
    public int? Label(int index) => _labels?[index];

    /// <inheritdoc/>
    public void Load(int index, Span<float> destination) => _preprocessor.Normalize(Arranged(index), destination);

    private static string? LabelFileOf(string path)
    {
        string name = Path.GetFileName(path).Replace("images", "labels", StringComparison.Ordinal)
            .Replace("idx3", "idx1", StringComparison.Ordinal);
        string labels = Path.Combine(Path.GetDirectoryName(path) ?? "", name);
        return labels != path && File.Exists(labels) ? labels : null;
    }

    private static Stream OpenRead(string path)
    {
        FileStream file = File.OpenRead(path);
        return path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase) ? new GZipStream(file, CompressionMode.Decompress) : file;
    }

    private static byte[] Read(string path)
    {
        try
        {
            using Stream stream = OpenRead(path);
            using var memory = new MemoryStream();
            stream.CopyTo(memory);
            return memory.ToArray();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            throw new DataFileException(path, $"cannot read the file ({e.Message.TrimEnd('.')})", inner: e);
        }
    }

    private byte[] ReadLabels(string path)
    {
        byte[] labels = Read(path);
        return labels.Length == 8 + Count && BinaryPrimitives.ReadInt32BigEndian(labels) == LabelsMagic
            && BinaryPrimitives.ReadInt32BigEndian(labels.AsSpan(4)) == Count
            ? labels[8..]
            : throw new DataFileException(path, $"this is no idx file of {Count} labels", "give images and labels of the same set");
    }

    private ImageBuffer Arranged(int index)
    {
        var image = new ImageBuffer(_width, _height);
        ReadOnlySpan<byte> pixels = _pixels.AsSpan(index * _width * _height, _width * _height);
        for (int i = 0; i < pixels.Length; i++)
            image.Pixels.AsSpan(3 * i, 3).Fill(pixels[i]);
        try
        {
            return _preprocessor.Arrange(image);
        }
        catch (InvalidDataException e)
        {
            throw new DataFileException(Name, e.Message, "choose another --resize or --crop", inner: e);
        }
    }
}
