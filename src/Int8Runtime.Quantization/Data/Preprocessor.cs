// Applies a Preprocessing to images: geometry by ImageResize, values by one 256-entry table per channel.
namespace Int8Runtime.Quantization;

/// <summary>Turns images into tensor data; immutable, so one instance may serve many threads.</summary>
public sealed class Preprocessor
{
    private readonly float[] _table;        // [channel · 256 + value]

    /// <summary>Prepares the tables.</summary>
    /// <param name="settings">What to do.</param>
    public Preprocessor(Preprocessing settings)
    {
        Settings = settings;
        _table = new float[256 * settings.ChannelCount];
        for (int i = 0; i < _table.Length; i++)
        {
            int channel = i >> 8;
            _table[i] = ((i & 255) * settings.Scale - settings.Mean[channel]) / settings.Std[channel];
        }
    }

    /// <summary>What this preprocessor does.</summary>
    public Preprocessing Settings { get; }

    /// <summary>Resizes and crops an image as the settings say.</summary>
    /// <param name="image">The source.</param>
    /// <exception cref="InvalidDataException">The image is smaller than the crop, or far too long for the resize.</exception>
    public ImageBuffer Arrange(ImageBuffer image)
    {
        if (Settings.Resize is { } size)
        {
            int shorter = Math.Min(image.Width, image.Height), longer = Math.Max(image.Width, image.Height);
            if (size.Height == 0 && (long)size.Width * longer / shorter * size.Width > ImageBuffer.MaxPixels)
                throw new InvalidDataException($"an image of {image.Width}x{image.Height} is too long for --resize {size}");

            image = size.Height == 0
                ? ImageResize.ShorterSide(image, size.Width)
                : ImageResize.Bilinear(image, size.Width, size.Height);
        }

        if (Settings.Crop is not { } crop)
        {
            return image;
        }

        return crop.Width <= image.Width && crop.Height <= image.Height
            ? ImageResize.CenterCrop(image, crop.Width, crop.Height)
            : throw new InvalidDataException($"a crop of {crop} does not fit into an image of {image.Width}x{image.Height}");
    }

    /// <summary>The dimensions of one sample: [channels, height, width] or, channels last, [height, width, channels].</summary>
    /// <param name="arranged">An image after <see cref="Arrange"/>.</param>
    public Shape SampleShape(ImageBuffer arranged) => Settings.Layout == ImageLayout.Nchw
        ? [Settings.ChannelCount, arranged.Height, arranged.Width]
        : [arranged.Height, arranged.Width, Settings.ChannelCount];

    /// <summary>Writes the normalised values of an image that is already resized and cropped.</summary>
    /// <param name="arranged">An image after <see cref="Arrange"/>.</param>
    /// <param name="destination">Exactly channels·height·width elements.</param>
    /// <exception cref="ArgumentException"><paramref name="destination"/> has another length.</exception>
    public void Normalize(ImageBuffer arranged, Span<float> destination)
    {
        int pixels = arranged.Width * arranged.Height, channels = Settings.ChannelCount;
        if (destination.Length != pixels * channels)
        {
            throw new ArgumentException($"{destination.Length} elements for an image of {pixels}x{channels}", nameof(destination));
        }

        (int pixelStep, int channelStep) = Settings.Layout == ImageLayout.Nchw ? (1, pixels) : (channels, 1);
        ReadOnlySpan<byte> source = arranged.Pixels;
        for (int channel = 0; channel < channels; channel++)
        {
            ReadOnlySpan<float> table = _table.AsSpan(256 * channel, 256);
            int from = Settings.Channels == ChannelOrder.Bgr ? 2 - channel : channel;
            for (int pixel = 0; pixel < pixels; pixel++)
            {
                byte value = Settings.Channels == ChannelOrder.Grey ? Luma(source.Slice(3 * pixel, 3)) : source[3 * pixel + from];
                destination[pixel * pixelStep + channel * channelStep] = table[value];
            }
        }
    }

    private static byte Luma(ReadOnlySpan<byte> rgb) => (byte)((19595 * rgb[0] + 38470 * rgb[1] + 7471 * rgb[2] + 0x8000) >> 16);
}
