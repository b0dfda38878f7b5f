// PNG to RGB: chunks (CRC checked) → zlib → filters undone per row → samples of any depth and colour type, Adam7 included.
using System.Buffers.Binary;
using System.IO.Compression;

namespace Int8Runtime.Quantization;

/// <summary>Decodes PNG files; throws <see cref="InvalidDataException"/> for anything the standard forbids.</summary>
internal sealed class PngDecoder
{
    // Adam7: pass p holds the pixels (StartX + i·StepX, StartY + j·StepY).
    private static readonly (int StartX, int StartY, int StepX, int StepY)[] Adam7 =
        [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)];

    private static readonly (int StartX, int StartY, int StepX, int StepY)[] Sequential = [(0, 0, 1, 1)];

    // Deflate cannot expand a byte to more than 1032, so a header that claims more pixels than that is refused before allocation.
    private const int MaxDeflateRatio = 1032;

    private readonly MemoryStream _compressed = new();
    private byte[] _palette = [];
    private int _width, _height;
    private byte _depth, _colourType;
    private bool _interlaced;

    private PngDecoder()
    {
    }

    public static ImageBuffer Decode(ReadOnlySpan<byte> file)
    {
        var decoder = new PngDecoder();
        decoder.ReadChunks(file);
        return decoder.ReadPixels();
    }

    private void ReadChunks(ReadOnlySpan<byte> file)
    {
        if (!file.StartsWith(PngFormat.Signature))
        {
            throw new InvalidDataException("the PNG signature is damaged");
        }

        ReadOnlySpan<byte> rest = file[PngFormat.Signature.Length..];
        for (bool first = true; ; first = false)
        {
            if (rest.Length < 12)
            {
                throw new InvalidDataException("the PNG file is truncated");
            }

            uint length = BinaryPrimitives.ReadUInt32BigEndian(rest);
            if (length > rest.Length - 12)
            {
                throw new InvalidDataException("the PNG file is truncated");
            }

            ReadOnlySpan<byte> typeAndData = rest.Slice(4, 4 + (int)length);
            if (PngFormat.Crc(typeAndData) != BinaryPrimitives.ReadUInt32BigEndian(rest[(8 + (int)length)..]))
            {
                throw new InvalidDataException("the PNG file is corrupt (a chunk's checksum does not match)");
            }

            ReadOnlySpan<byte> type = typeAndData[..4], data = typeAndData[4..];
            if (first != type.SequenceEqual("IHDR"u8))
            {
                throw new InvalidDataException("the PNG file is corrupt (its header is missing or repeated)");
            }

            if (first)
            {
                ReadHeader(data);
            }
            else if (type.SequenceEqual("PLTE"u8))
            {
                _palette = data.ToArray();
            }
            else if (type.SequenceEqual("IDAT"u8))
            {
                _compressed.Write(data);
            }
            else if (type.SequenceEqual("IEND"u8))
            {
                return;
            }
            else if ((type[0] & 0x20) == 0)
            {
                // Bit 5 of the first letter marks a chunk that may be ignored.
                throw new InvalidDataException("the PNG file holds a critical chunk of an unknown type");
            }

            rest = rest[(12 + (int)length)..];
        }
    }

    private void ReadHeader(ReadOnlySpan<byte> data)
    {
        if (data.Length != 13)
        {
            throw new InvalidDataException("the PNG header has a wrong length");
        }

        uint width = BinaryPrimitives.ReadUInt32BigEndian(data), height = BinaryPrimitives.ReadUInt32BigEndian(data[4..]);
        if (width == 0 || height == 0 || (ulong)width * height > ImageBuffer.MaxPixels)
        {
            throw new InvalidDataException($"the PNG image has an unusable size of {width}x{height}");
        }

        (_width, _height, _depth, _colourType) = ((int)width, (int)height, data[8], data[9]);
        if (!PngFormat.IsDepthAllowed(_colourType, _depth) || data[10] != 0 || data[11] != 0 || data[12] > 1)
        {
            throw new InvalidDataException("the PNG header holds a combination that the standard does not define");
        }

        _interlaced = data[12] == 1;
    }

    private ImageBuffer ReadPixels()
    {
        if (_colourType == PngFormat.Palette && _palette.Length is 0 or > 768 || _palette.Length % 3 != 0)
        {
            throw new InvalidDataException("the PNG palette is missing or has a wrong length");
        }

        var passes = _interlaced ? Adam7 : Sequential;
        long expected = 0;
        foreach (var pass in passes)
        {
            (int columns, int rows) = PassSize(pass);
            expected += columns == 0 ? 0 : rows * (1 + RowBytes(columns));
            if (RowBytes(columns) > Array.MaxLength - 8)
            {
                throw new InvalidDataException($"the PNG image has rows of {columns} pixels, which take 2 GiB");
            }
        }

        if (expected > (_compressed.Length + 1) * MaxDeflateRatio)
        {
            throw new InvalidDataException("the PNG file holds less pixel data than its header says");
        }

        _compressed.Position = 0;
        using var zlib = new ZLibStream(_compressed, CompressionMode.Decompress);
        var image = new ImageBuffer(_width, _height);
        foreach (var pass in passes)
        {
            ReadPass(zlib, pass, image);
        }

        // Reading past the end makes zlib check its own checksum.
        if (zlib.ReadByte() >= 0)
        {
            throw new InvalidDataException("the PNG file holds more pixel data than its header says");
        }

        return image;
    }

    private (int Columns, int Rows) PassSize((int StartX, int StartY, int StepX, int StepY) pass) =>
        ((_width - pass.StartX + pass.StepX - 1) / pass.StepX, (_height - pass.StartY + pass.StepY - 1) / pass.StepY);

    private long RowBytes(int columns) => ((long)columns * PngFormat.Channels(_colourType) * _depth + 7) / 8;

    private void ReadPass(ZLibStream zlib, (int StartX, int StartY, int StepX, int StepY) pass, ImageBuffer image)
    {
        (int columns, int rows) = PassSize(pass);
        if (columns == 0)
        {
            return;
        }

        int pixelBytes = Math.Max(1, PngFormat.Channels(_colourType) * _depth / 8);
        int rowBytes = (int)RowBytes(columns);
        // Rows are preceded by a pixel of zeros, which is what the filters see left of the first pixel.
        byte[] current = new byte[pixelBytes + rowBytes], previous = new byte[pixelBytes + rowBytes];
        for (int j = 0; j < rows; j++)
        {
            int filter = zlib.ReadByte();
            if (filter < 0 || zlib.ReadAtLeast(current.AsSpan(pixelBytes), rowBytes, throwOnEndOfStream: false) < rowBytes)
            {
                throw new InvalidDataException("the PNG file holds less pixel data than its header says");
            }

            Unfilter(filter, current, previous, pixelBytes);
            Span<byte> target = image.Row(pass.StartY + j * pass.StepY);
            for (int i = 0; i < columns; i++)
            {
                WritePixel(current.AsSpan(pixelBytes), i, target.Slice(3 * (pass.StartX + i * pass.StepX), 3));
            }

            (current, previous) = (previous, current);
        }
    }

    private static void Unfilter(int filter, byte[] current, byte[] previous, int pixelBytes)
    {
        switch (filter)
        {
            case 0:
                break;
            case 1:
                for (int i = pixelBytes; i < current.Length; i++)
                {
                    current[i] += current[i - pixelBytes];
                }

                break;
            case 2:
                for (int i = pixelBytes; i < current.Length; i++)
                {
                    current[i] += previous[i];
                }

                break;
            case 3:
                for (int i = pixelBytes; i < current.Length; i++)
                {
                    current[i] += (byte)((current[i - pixelBytes] + previous[i]) >> 1);
                }

                break;
            case 4:
                for (int i = pixelBytes; i < current.Length; i++)
                {
                    current[i] += PngFormat.Paeth(current[i - pixelBytes], previous[i], previous[i - pixelBytes]);
                }

                break;
            default:
                throw new InvalidDataException($"the PNG file is corrupt (filter type {filter})");
        }
    }

    private void WritePixel(ReadOnlySpan<byte> row, int pixel, Span<byte> rgb)
    {
        // The high byte of a 16-bit sample comes first.
        int sampleBytes = _depth == 16 ? 2 : 1;
        switch (_colourType)
        {
            case PngFormat.Rgb or PngFormat.Rgba:
                int at = pixel * sampleBytes * (_colourType == PngFormat.Rgb ? 3 : 4);
                (rgb[0], rgb[1], rgb[2]) = (row[at], row[at + sampleBytes], row[at + 2 * sampleBytes]);
                break;
            case PngFormat.Palette:
                int entry = 3 * PackedSample(row, pixel);
                if (entry >= _palette.Length)
                {
                    throw new InvalidDataException("the PNG file is corrupt (a pixel outside the palette)");
                }

                _palette.AsSpan(entry, 3).CopyTo(rgb);
                break;
            default:
                rgb.Fill(_colourType == PngFormat.GreyAlpha ? row[2 * sampleBytes * pixel]
                    : _depth == 16 ? row[2 * pixel]
                    : (byte)(PackedSample(row, pixel) * 255 / ((1 << _depth) - 1)));
                break;
        }
    }

    // Samples below 8 bits are packed from the most significant bit down.
    private int PackedSample(ReadOnlySpan<byte> row, int pixel)
    {
        int bit = pixel * _depth;
        return (row[bit >> 3] >> (8 - _depth - (bit & 7))) & ((1 << _depth) - 1);
    }
}
