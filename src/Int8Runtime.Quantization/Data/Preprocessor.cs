// Applies a Preprocessing to images: geometry by ImageResize, values by one 256-entry table per channel.
namespace Int8Runtime.Quantization;

/// <summary>Where the pixels of an image end up: x becomes <c>x·ScaleX + OffsetX</c>, y becomes <c>y·ScaleY + OffsetY</c>.</summary>
/// <param name="ScaleX">Pixels of the model's input for one pixel of the image, across.</param>
/// <param name="ScaleY">The same, down.</param>
/// <param name="OffsetX">Column of the image's left edge in the model's input.</param>
/// <param name="OffsetY">Row of the image's top edge in the model's input.</param>
public readonly record struct ImagePlacement(double ScaleX, double ScaleY, double OffsetX, double OffsetY);

/// <summary>Turns images into tensor data; immutable, so one instance may serve many threads.</summary>
public sealed class Preprocessor
{
    /// <summary>The grey of a letterbox's frame.</summary>
    private const byte FrameGrey = 114;

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
    public ImageBuffer Arrange(ImageBuffer image) => Arrange(image, out _);

    /// <summary>As <see cref="Arrange(ImageBuffer)"/>, and tells where the image's pixels went.</summary>
    /// <param name="image">The source.</param>
    /// <param name="placement">Maps positions in the source to positions in the result.</param>
    /// <exception cref="InvalidDataException">The image is smaller than the crop, or far too long for the resize.</exception>
    public ImageBuffer Arrange(ImageBuffer image, out ImagePlacement placement)
    {
        (int sourceWidth, int sourceHeight) = (image.Width, image.Height);
        ImagePlacement Placed(ImageBuffer resized, int left, int top) =>
            new((double)resized.Width / sourceWidth, (double)resized.Height / sourceHeight, left, top);

        if (Settings.Letterbox is { } frame)
        {
            image = Fit(image, frame);
            (int left, int top) = ((frame.Width - image.Width) / 2, (frame.Height - image.Height) / 2);
            placement = Placed(image, left, top);
            return Framed(image, frame, left, top);
        }

        if (Settings.Resize is { } size)
        {
            int shorter = Math.Min(image.Width, image.Height), longer = Math.Max(image.Width, image.Height);
            if (size.Height == 0 && (long)size.Width * longer / shorter * size.Width > ImageBuffer.MaxPixels)
                throw new InvalidDataException($"an image of {image.Width}x{image.Height} is too long for --resize {size}");

            // The first pass makes all rows as wide as they will be.
            if (size.Height > 0 && (long)size.Width * image.Height > ImageBuffer.MaxPixels)
                throw new InvalidDataException($"an image of {image.Width}x{image.Height} is too high for --resize {size}");

            image = size.Height == 0
                ? ImageResize.ShorterSide(image, size.Width)
                : ImageResize.Bilinear(image, size.Width, size.Height);
        }

        placement = Placed(image, 0, 0);
        if (Settings.Crop is not { } crop)
            return image;
        placement = Placed(image, -((image.Width - crop.Width) / 2), -((image.Height - crop.Height) / 2));

        return crop.Width <= image.Width && crop.Height <= image.Height
            ? ImageResize.CenterCrop(image, crop.Width, crop.Height)
            : throw new InvalidDataException($"a crop of {crop} does not fit into an image of {image.Width}x{image.Height}");
    }

    /// <summary>The dimensions of one sample: [channels, height, width] or, channels last, [height, width, channels].</summary>
    /// <param name="arranged">An image after <see cref="Arrange(ImageBuffer)"/>.</param>
    public Shape SampleShape(ImageBuffer arranged) => Settings.Layout == ImageLayout.Nchw
        ? [Settings.ChannelCount, arranged.Height, arranged.Width]
        : [arranged.Height, arranged.Width, Settings.ChannelCount];

    /// <summary>Writes the normalised values of an image that is already resized and cropped.</summary>
    /// <param name="arranged">An image after <see cref="Arrange(ImageBuffer)"/>.</param>
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

    // The largest size within the frame that keeps the proportions.
    private static ImageBuffer Fit(ImageBuffer image, ImageSize frame)
    {
        double scale = Math.Min((double)frame.Width / image.Width, (double)frame.Height / image.Height);
        int width = Math.Clamp((int)Math.Round(image.Width * scale), 1, frame.Width);
        int height = Math.Clamp((int)Math.Round(image.Height * scale), 1, frame.Height);
        return ImageResize.Bilinear(image, width, height);
    }

    private static ImageBuffer Framed(ImageBuffer image, ImageSize frame, int left, int top)
    {
        var framed = new ImageBuffer(frame.Width, frame.Height);
        Array.Fill(framed.Pixels, FrameGrey);
        for (int y = 0; y < image.Height; y++)
            image.Row(y).CopyTo(framed.Row(top + y)[(3 * left)..]);
        return framed;
    }

    private static byte Luma(ReadOnlySpan<byte> rgb) => (byte)((19595 * rgb[0] + 38470 * rgb[1] + 7471 * rgb[2] + 0x8000) >> 16);
}
