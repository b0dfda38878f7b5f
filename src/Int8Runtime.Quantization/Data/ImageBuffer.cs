// A decoded image: interleaved RGB, 8 bits a channel, rows from top to bottom without padding: pixel (x, y) lies at
// 3·(y·width + x).
namespace Int8Runtime.Quantization;

/// <summary>An 8-bit RGB image; pixels are interleaved R, G, B, rows from top to bottom without padding.</summary>
public sealed class ImageBuffer
{
    /// <summary>The largest number of pixels an image may have (2²⁸, 805 MB of RGB).</summary>
    public const int MaxPixels = 1 << 28;

    /// <summary>Creates a black image.</summary>
    /// <param name="width">Width in pixels, at least 1.</param>
    /// <param name="height">Height in pixels, at least 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">A side is below 1 or there are more than <see cref="MaxPixels"/> pixels.</exception>
    public ImageBuffer(int width, int height)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan((long)width * height, MaxPixels);
        Width = width;
        Height = height;
        Pixels = new byte[3 * width * height];
    }

    /// <summary>Width in pixels.</summary>
    public int Width { get; }

    /// <summary>Height in pixels.</summary>
    public int Height { get; }

    /// <summary>The 3·<see cref="Width"/>·<see cref="Height"/> channel values.</summary>
    public byte[] Pixels { get; }

    /// <summary>The 3·<see cref="Width"/> channel values of row <paramref name="y"/>.</summary>
    /// <param name="y">The row, 0 at the top.</param>
    public Span<byte> Row(int y) => Pixels.AsSpan(3 * Width * y, 3 * Width);

    /// <summary>Writes one pixel.</summary>
    /// <param name="x">Column, 0 at the left.</param>
    /// <param name="y">Row, 0 at the top.</param>
    /// <param name="red">Red, 0 to 255.</param>
    /// <param name="green">Green, 0 to 255.</param>
    /// <param name="blue">Blue, 0 to 255.</param>
    public void SetPixel(int x, int y, byte red, byte green, byte blue)
    {
        int at = 3 * (y * Width + x);
        Pixels[at] = red;
        Pixels[at + 1] = green;
        Pixels[at + 2] = blue;
    }
}
