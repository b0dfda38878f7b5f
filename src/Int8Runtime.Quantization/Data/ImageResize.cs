// Bilinear resizing with antialiasing, bit for bit as Pillow's Image.resize does for 8-bit images, and centre crops:
// accuracy figures depend on both to the pixel.
namespace Int8Runtime.Quantization;

/// <summary>
/// Resizing and cropping. The filter is a triangle whose support grows with the down-sampling factor; rows are resampled
/// first, then columns, each pass with 22-bit fixed-point coefficients and rounded to 8 bits (Pillow's two-pass method).
/// </summary>
public static class ImageResize
{
    private const int PrecisionBits = 22;

    /// <summary>Resizes to an exact size.</summary>
    /// <param name="image">The source; returned as it is when it has the wanted size.</param>
    /// <param name="width">Width wanted, at least 1.</param>
    /// <param name="height">Height wanted, at least 1.</param>
    public static ImageBuffer Bilinear(ImageBuffer image, int width, int height)
    {
        ImageBuffer rows = width == image.Width ? image : ResampleRows(image, width);
        return height == image.Height ? rows : ResampleColumns(rows, height);
    }

    /// <summary>Resizes so that the shorter side has the given length; the longer side is rounded to nearest.</summary>
    /// <param name="image">The source.</param>
    /// <param name="size">Length of the shorter side, at least 1.</param>
    public static ImageBuffer ShorterSide(ImageBuffer image, int size) => image.Width <= image.Height
        ? Bilinear(image, size, Scale(image.Height, size, image.Width))
        : Bilinear(image, Scale(image.Width, size, image.Height), size);

    /// <summary>Cuts out the centre; of an odd margin the smaller half lies before the crop.</summary>
    /// <param name="image">The source.</param>
    /// <param name="width">Width wanted.</param>
    /// <param name="height">Height wanted.</param>
    /// <exception cref="ArgumentOutOfRangeException">The crop is larger than the image.</exception>
    public static ImageBuffer CenterCrop(ImageBuffer image, int width, int height)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(width, image.Width);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(height, image.Height);
        int left = (image.Width - width) / 2;
        int top = (image.Height - height) / 2;
        var crop = new ImageBuffer(width, height);
        for (int y = 0; y < height; y++)
        {
            image.Row(top + y).Slice(3 * left, 3 * width).CopyTo(crop.Row(y));
        }

        return crop;
    }

    private static int Scale(int length, int numerator, int denominator) =>
        (int)Math.Round((double)length * numerator / denominator, MidpointRounding.ToEven);

    private static ImageBuffer ResampleRows(ImageBuffer image, int width)
    {
        Taps[] taps = ComputeTaps(image.Width, width);
        var result = new ImageBuffer(width, image.Height);
        for (int y = 0; y < image.Height; y++)
        {
            ReadOnlySpan<byte> source = image.Row(y);
            Span<byte> target = result.Row(y);
            for (int x = 0; x < width; x++)
            {
                int[] weights = taps[x].Weights;
                int red = 1 << (PrecisionBits - 1), green = red, blue = red;
                ReadOnlySpan<byte> window = source.Slice(3 * taps[x].First, 3 * weights.Length);
                for (int k = 0; k < weights.Length; k++)
                {
                    red += window[3 * k] * weights[k];
                    green += window[3 * k + 1] * weights[k];
                    blue += window[3 * k + 2] * weights[k];
                }

                (target[3 * x], target[3 * x + 1], target[3 * x + 2]) = (ToByte(red), ToByte(green), ToByte(blue));
            }
        }

        return result;
    }

    private static ImageBuffer ResampleColumns(ImageBuffer image, int height)
    {
        Taps[] taps = ComputeTaps(image.Height, height);
        var result = new ImageBuffer(image.Width, height);
        var sums = new int[3 * image.Width];
        for (int y = 0; y < height; y++)
        {
            Array.Fill(sums, 1 << (PrecisionBits - 1));
            for (int k = 0; k < taps[y].Weights.Length; k++)
            {
                int weight = taps[y].Weights[k];
                ReadOnlySpan<byte> source = image.Row(taps[y].First + k);
                for (int i = 0; i < sums.Length; i++)
                {
                    sums[i] += source[i] * weight;
                }
            }

            Span<byte> target = result.Row(y);
            for (int i = 0; i < sums.Length; i++)
            {
                target[i] = ToByte(sums[i]);
            }
        }

        return result;
    }

    private static byte ToByte(int sum) => (byte)Math.Clamp(sum >> PrecisionBits, 0, 255);

    /// <summary>For each output position, the first source position and the fixed-point weights from there on.</summary>
    private static Taps[] ComputeTaps(int sourceLength, int length)
    {
        double scale = (double)sourceLength / length;
        double support = Math.Max(scale, 1.0);      // half the triangle's base, in source pixels
        var taps = new Taps[length];
        for (int i = 0; i < length; i++)
        {
            double centre = (i + 0.5) * scale;
            int first = Math.Max((int)(centre - support + 0.5), 0);
            int end = Math.Min((int)(centre + support + 0.5), sourceLength);
            var weights = new double[end - first];
            double total = 0;
            for (int k = 0; k < weights.Length; k++)
            {
                weights[k] = Math.Max(0, 1 - Math.Abs((k + first - centre + 0.5) * (1 / support)));
                total += weights[k];
            }

            taps[i] = new Taps(first, Array.ConvertAll(weights, w => (int)(0.5 + w / total * (1 << PrecisionBits))));
        }

        return taps;
    }

    private readonly record struct Taps(int First, int[] Weights);
}
