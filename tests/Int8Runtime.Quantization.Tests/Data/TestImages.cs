// Images of arbitrary content, and a PNG writer for every form that the standard allows (the product writes only one).
using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace Int8Runtime.Quantization.Tests;

internal static class TestImages
{
    public static ImageBuffer Random(int width, int height, int seed)
    {
        var image = new ImageBuffer(width, height);
        new Random(seed).NextBytes(image.Pixels);
        return image;
    }

    /// <summary>A colourful picture without noise, so that lossy coding changes it little.</summary>
    public static ImageBuffer Gradient(int width, int height)
    {
        var image = new ImageBuffer(width, height);
        for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            image.SetPixel(x, y, (byte)(255 * x / width), (byte)(255 * y / height), (byte)(127 * (x + y) / (width + height)));
        return image;
    }

    /// <summary>
    /// Writes a PNG from samples[y, x, channel] of <paramref name="depth"/> bits; row filters take turns through all five.
    /// </summary>
    public static byte[] WritePng(int[,,] samples, int depth, byte colourType, bool interlaced, byte[]? palette = null)
    {
        int height = samples.GetLength(0), width = samples.GetLength(1);
        var header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), height);
        (header[8], header[9], header[12]) = ((byte)depth, colourType, (byte)(interlaced ? 1 : 0));
        using var file = new MemoryStream();
        file.Write([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]);
        WriteChunk(file, "IHDR", header);
        WriteChunk(file, "tEXt", "Comment\0a chunk to be ignored"u8.ToArray());
        if (palette is not null)
            WriteChunk(file, "PLTE", palette);
        byte[] data = Compress(samples, depth, interlaced);
        WriteChunk(file, "IDAT", data[..(data.Length / 2)]);
        WriteChunk(file, "IDAT", data[(data.Length / 2)..]);
        WriteChunk(file, "IEND", []);
        return file.ToArray();
    }

    private static byte[] Compress(int[,,] samples, int depth, bool interlaced)
    {
        using var compressed = new MemoryStream();
        using (var zlib = new ZLibStream(compressed, CompressionLevel.Fastest, leaveOpen: true))
        {
            // The passes of figure "Adam7" in the standard, as first column, first row, column step, row step.
            (int X, int Y, int DX, int DY)[] passes = interlaced
                ? [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
                : [(0, 0, 1, 1)];
            foreach (var pass in passes)
            {
                byte[]? previous = null;
                for (int y = pass.Y; y < samples.GetLength(0) && pass.X < samples.GetLength(1); y += pass.DY)
                {
                    byte[] row = PackRow(samples, y, pass.X, pass.DX, depth);
                    zlib.Write(Filter(row, previous ?? new byte[row.Length], y % 5, Math.Max(1, samples.GetLength(2) * depth / 8)));
                    previous = row;
                }
            }
        }

        return compressed.ToArray();
    }

    private static byte[] PackRow(int[,,] samples, int y, int x, int step, int depth)
    {
        var bits = new StringBuilder();
        for (; x < samples.GetLength(1); x += step)
        for (int c = 0; c < samples.GetLength(2); c++)
            bits.Append(Convert.ToString(samples[y, x, c], 2).PadLeft(depth, '0'));
        while (bits.Length % 8 != 0)
            bits.Append('0');
        return [.. bits.ToString().Chunk(8).Select(b => Convert.ToByte(new string(b), 2))];
    }

    private static byte[] Filter(byte[] row, byte[] above, int type, int pixelBytes)
    {
        var result = new byte[row.Length + 1];
        result[0] = (byte)type;
        for (int i = 0; i < row.Length; i++)
        {
            int a = i < pixelBytes ? 0 : row[i - pixelBytes], b = above[i], c = i < pixelBytes ? 0 : above[i - pixelBytes];
            int p = a + b - c;
            int paeth = new[] { a, b, c }.MinBy(v => Math.Abs(p - v));     // MinBy takes the first of equals, as the standard asks
            result[i + 1] = (byte)(row[i] - type switch { 0 => 0, 1 => a, 2 => b, 3 => (a + b) / 2, _ => paeth });
        }

        return result;
    }

    private static void WriteChunk(Stream file, string type, byte[] data)
    {
        byte[] typed = [.. Encoding.ASCII.GetBytes(type), .. data];
        var number = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(number, data.Length);
        file.Write(number);
        file.Write(typed);
        uint crc = uint.MaxValue;
        foreach (byte b in typed)
        {
            crc ^= b;
            for (int k = 0; k < 8; k++)
                crc = (crc >> 1) ^ ((crc & 1) * 0xEDB88320u);
        }

        BinaryPrimitives.WriteUInt32BigEndian(number, ~crc);
        file.Write(number);
    }
}
