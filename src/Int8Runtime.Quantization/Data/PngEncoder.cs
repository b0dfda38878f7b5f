// RGB to PNG: one IDAT chunk, each row filtered by the Paeth predictor.
using System.Buffers.Binary;
using System.IO.Compression;

namespace Int8Runtime.Quantization;

/// <summary>Writes 8-bit RGB PNG files.</summary>
internal static class PngEncoder
{
    public static byte[] Encode(ImageBuffer image)
    {
        var header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, image.Width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), image.Height);
        header[8] = 8;
        header[9] = PngFormat.Rgb;

        using var file = new MemoryStream();
        file.Write(PngFormat.Signature);
        WriteChunk(file, "IHDR"u8, header);
        WriteChunk(file, "IDAT"u8, Compress(image));
        WriteChunk(file, "IEND"u8, []);
        return file.ToArray();
    }

    private static byte[] Compress(ImageBuffer image)
    {
        using var compressed = new MemoryStream();
        using (var zlib = new ZLibStream(compressed, CompressionLevel.SmallestSize))
        {
            var filtered = new byte[1 + 3 * image.Width];
            filtered[0] = 4;
            ReadOnlySpan<byte> above = new byte[3 * image.Width];
            for (int y = 0; y < image.Height; y++)
            {
                ReadOnlySpan<byte> row = image.Row(y);
                for (int i = 0; i < row.Length; i++)
                {
                    byte predicted = i < 3 ? above[i] : PngFormat.Paeth(row[i - 3], above[i], above[i - 3]);
                    filtered[1 + i] = (byte)(row[i] - predicted);
                }

                zlib.Write(filtered);
                above = row;
            }
        }

        return compressed.ToArray();
    }

    private static void WriteChunk(Stream file, ReadOnlySpan<byte> type, ReadOnlySpan<byte> data)
    {
        byte[] chunk = new byte[12 + data.Length];
        BinaryPrimitives.WriteInt32BigEndian(chunk, data.Length);
        type.CopyTo(chunk.AsSpan(4));
        data.CopyTo(chunk.AsSpan(8));
        BinaryPrimitives.WriteUInt32BigEndian(chunk.AsSpan(8 + data.Length), PngFormat.Crc(chunk.AsSpan(4, 4 + data.Length)));
        file.Write(chunk);
    }
}
