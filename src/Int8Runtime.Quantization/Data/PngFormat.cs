// What the PNG reader and writer share: signature, chunk checksum (CRC-32 of ISO 3309), colour types.
namespace Int8Runtime.Quantization;

/// <summary>Constants and the checksum of the PNG format (W3C PNG specification, third edition).</summary>
internal static class PngFormat
{
    public const byte Grey = 0, Rgb = 2, Palette = 3, GreyAlpha = 4, Rgba = 6;

    private static readonly uint[] CrcTable = BuildCrcTable();

    public static ReadOnlySpan<byte> Signature => [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A];

    /// <summary>The CRC of a chunk's type and data together.</summary>
    public static uint Crc(ReadOnlySpan<byte> typeAndData)
    {
        uint crc = uint.MaxValue;
        foreach (byte b in typeAndData)
        {
            crc = CrcTable[(byte)(crc ^ b)] ^ (crc >> 8);
        }

        return ~crc;
    }

    /// <summary>Samples per pixel of a colour type, or 0 when there is no such type.</summary>
    public static int Channels(byte colourType) => colourType switch
    {
        Grey or Palette => 1,
        GreyAlpha => 2,
        Rgb => 3,
        Rgba => 4,
        _ => 0,
    };

    /// <summary>Whether the standard allows this bit depth for the colour type.</summary>
    public static bool IsDepthAllowed(byte colourType, byte depth) => colourType switch
    {
        Grey => depth is 1 or 2 or 4 or 8 or 16,
        Palette => depth is 1 or 2 or 4 or 8,
        Rgb or GreyAlpha or Rgba => depth is 8 or 16,
        _ => false,
    };

    /// <summary>Predictor of filter type 4: the nearest of the three to left + above − upper left.</summary>
    public static byte Paeth(byte left, byte above, byte upperLeft)
    {
        int estimate = left + above - upperLeft;
        int toLeft = Math.Abs(estimate - left), toAbove = Math.Abs(estimate - above);
        int toUpperLeft = Math.Abs(estimate - upperLeft);
        return toLeft <= toAbove && toLeft <= toUpperLeft ? left : toAbove <= toUpperLeft ? above : upperLeft;
    }

    private static uint[] BuildCrcTable()
    {
        var table = new uint[256];
        for (uint n = 0; n < 256; n++)
        {
            uint c = n;
            for (int k = 0; k < 8; k++)
            {
                c = (c & 1) != 0 ? 0xEDB88320u ^ (c >> 1) : c >> 1;
            }

            table[n] = c;
        }

        return table;
    }
}
