// How an image becomes a model's input: resize → centre crop or letterbox → channel order → (x·scale − mean)/std → layout.
using System.Collections.Frozen;
using System.Globalization;

namespace Int8Runtime.Quantization;

/// <summary>The channels of the tensor, in order.</summary>
public enum ChannelOrder
{
    /// <summary>Red, green, blue.</summary>
    Rgb,

    /// <summary>Blue, green, red (Caffe and OpenCV models).</summary>
    Bgr,

    /// <summary>One channel: luma of ITU-R BT.601, (19595·R + 38470·G + 7471·B + 32768) / 65536 rounded down.</summary>
    Grey,
}

/// <summary>The order of the tensor's elements.</summary>
public enum ImageLayout
{
    /// <summary>One plane per channel (ONNX models).</summary>
    Nchw,

    /// <summary>Channels of a pixel side by side (TensorFlow models).</summary>
    Nhwc,
}

/// <summary>One value per channel, in the channel order of the tensor; a grey tensor uses the first.</summary>
/// <param name="First">Of channel 0.</param>
/// <param name="Second">Of channel 1.</param>
/// <param name="Third">Of channel 2.</param>
public readonly record struct ChannelValues(float First, float Second, float Third)
{
    /// <summary>The same value for all channels.</summary>
    /// <param name="value">The value.</param>
    public ChannelValues(float value)
        : this(value, value, value)
    {
    }

    /// <summary>The value of a channel.</summary>
    /// <param name="channel">0, 1 or 2.</param>
    public float this[int channel] => channel switch
    {
        0 => First,
        1 => Second,
        2 => Third,
        _ => throw new ArgumentOutOfRangeException(nameof(channel)),
    };

    /// <summary>Reads <c>a</c> or <c>a,b,c</c> (a decimal point, no thousands).</summary>
    /// <param name="text">The text.</param>
    /// <exception cref="FormatException">The text is neither one number nor three.</exception>
    public static ChannelValues Parse(string text)
    {
        string[] parts = text.Split(',', StringSplitOptions.TrimEntries);
        var values = new float[parts.Length];
        for (int i = 0; i < parts.Length; i++)
        {
            if (!float.TryParse(parts[i], NumberStyles.Float, CultureInfo.InvariantCulture, out values[i])
                || !float.IsFinite(values[i]))
            {
                throw new FormatException($"'{text}' is not a list of numbers");
            }
        }

        return values switch
        {
            [float all] => new ChannelValues(all),
            [float a, float b, float c] => new ChannelValues(a, b, c),
            _ => throw new FormatException($"'{text}' must hold one number or three, separated by commas"),
        };
    }

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{First},{Second},{Third}");
}

/// <summary>A size in pixels. <see cref="Height"/> 0 means: <see cref="Width"/> is the length of the shorter side.</summary>
/// <param name="Width">Width, or the shorter side.</param>
/// <param name="Height">Height, or 0.</param>
public readonly record struct ImageSize(int Width, int Height)
{
    /// <summary>Reads <c>256</c> (<see cref="Height"/> 0) or <c>320x240</c> (width x height).</summary>
    /// <param name="text">The text.</param>
    /// <exception cref="FormatException">The text is neither.</exception>
    public static ImageSize Parse(string text)
    {
        string[] parts = text.Split('x');
        var sides = new int[2];
        for (int i = 0; i < parts.Length; i++)
        {
            if (parts.Length > 2 || !int.TryParse(parts[i], NumberStyles.None, CultureInfo.InvariantCulture, out sides[i])
                || sides[i] is < 1 or > 1 << 14)
            {
                throw new FormatException($"'{text}' is not a size; write 256 or 320x240 (width x height)");
            }
        }

        return new ImageSize(sides[0], sides[1]);
    }

    /// <inheritdoc/>
    public override string ToString() => Height == 0 ? $"{Width}" : $"{Width}x{Height}";
}

/// <summary>What is done to an image before it is fed to a model: value = (x·<see cref="Scale"/> − mean) / std, x in 0 to 255.</summary>
public sealed record Preprocessing
{
    private static readonly FrozenDictionary<string, Preprocessing> Presets = new Dictionary<string, Preprocessing>
    {
        ["raw"] = new(),
        ["imagenet"] = new()
        {
            Resize = new(256, 0), Crop = new(224, 224),
            Scale = 1 / 255f, Mean = new(0.485f, 0.456f, 0.406f), Std = new(0.229f, 0.224f, 0.225f),
        },
        ["mobilenet"] = new() { Resize = new(256, 0), Crop = new(224, 224), Scale = 1 / 127.5f, Mean = new(1) },
        ["caffe"] = new()
        {
            Resize = new(256, 0), Crop = new(224, 224), Channels = ChannelOrder.Bgr, Mean = new(104, 117, 123),
        },
        ["cifar10"] = new() { Scale = 1 / 255f, Mean = new(0.485f, 0.456f, 0.406f), Std = new(0.229f, 0.224f, 0.225f) },
        ["cifar10-vit"] = new()
        {
            Scale = 1 / 255f, Mean = new(0.4914f, 0.4822f, 0.4465f), Std = new(0.2023f, 0.1994f, 0.2010f),
        },
        ["yolox"] = new()
        {
            Letterbox = new(640, 640),
            Scale = 1 / 255f, Mean = new(0.485f, 0.456f, 0.406f), Std = new(0.229f, 0.224f, 0.225f),
        },
        ["ultraface"] = new() { Resize = new(320, 240), Scale = 1 / 128f, Mean = new(127 / 128f) },
    }.ToFrozenDictionary();

    /// <summary>The size to resize to (bilinear, antialiased), or null to keep the image's size.</summary>
    public ImageSize? Resize { get; init; }

    /// <summary>The centre to cut out after resizing, or null for the whole image.</summary>
    public ImageSize? Crop { get; init; }

    /// <summary>
    /// The size into which the whole image is fitted with its proportions kept, in the centre of a frame of the grey value 114;
    /// null where images are not framed. It excludes <see cref="Resize"/> and <see cref="Crop"/>.
    /// </summary>
    public ImageSize? Letterbox { get; init; }

    /// <summary>The channels of the tensor.</summary>
    public ChannelOrder Channels { get; init; }

    /// <summary>Factor of the channel values 0 to 255.</summary>
    public float Scale { get; init; } = 1;

    /// <summary>Subtracted after scaling, in the tensor's channel order.</summary>
    public ChannelValues Mean { get; init; }

    /// <summary>Divisor, in the tensor's channel order.</summary>
    public ChannelValues Std { get; init; } = new(1);

    /// <summary>The order of the tensor's elements.</summary>
    public ImageLayout Layout { get; init; }

    /// <summary>The names that <see cref="FromPreset"/> knows, sorted.</summary>
    public static IReadOnlyList<string> PresetNames { get; } = [.. Presets.Keys.Order(StringComparer.Ordinal)];

    /// <summary>Channels of the tensor: 3, or 1 when grey.</summary>
    public int ChannelCount => Channels == ChannelOrder.Grey ? 1 : 3;

    /// <summary>Looks up a named preset.</summary>
    /// <param name="name">One of <see cref="PresetNames"/>.</param>
    /// <exception cref="FormatException">There is no preset of this name.</exception>
    public static Preprocessing FromPreset(string name) => Presets.TryGetValue(name, out Preprocessing? preset) ? preset
        : throw new FormatException($"there is no preprocessing preset '{name}'; known are {string.Join(", ", PresetNames)}");

    /// <summary>Builds the preprocessing from the texts of command line options; null leaves what the preset says.</summary>
    /// <param name="preset">Name of a preset; null is <c>raw</c>.</param>
    /// <param name="resize"><c>256</c> (shorter side), <c>320x240</c> (exactly) or <c>none</c>.</param>
    /// <param name="crop"><c>224</c> (a square), <c>320x240</c> or <c>none</c>.</param>
    /// <param name="channels"><c>rgb</c>, <c>bgr</c> or <c>grey</c>.</param>
    /// <param name="scale">A number, or a fraction such as <c>1/255</c>.</param>
    /// <param name="mean">One number or three, separated by commas.</param>
    /// <param name="std">One number or three, separated by commas; none of them 0.</param>
    /// <param name="layout"><c>nchw</c> or <c>nhwc</c>.</param>
    /// <param name="letterbox"><c>640</c> (a square), <c>640x480</c> or <c>none</c>; it replaces resizing and cropping.</param>
    /// <exception cref="FormatException">A text cannot be understood; the message names the option.</exception>
    public static Preprocessing Parse(string? preset = null, string? resize = null, string? crop = null, string? channels = null,
        string? scale = null, string? mean = null, string? std = null, string? layout = null, string? letterbox = null)
    {
        Preprocessing start = FromPreset(preset ?? "raw");
        ImageSize? frame = Square(Option("letterbox", letterbox, start.Letterbox, ParseSize));
        if (letterbox is null && (resize ?? crop) is not (null or "none"))
            frame = null;
        if (frame is not null && letterbox is not null && ((resize ?? "none") != "none" || (crop ?? "none") != "none"))
            throw new FormatException("--letterbox: it sets the size by itself; leave --resize and --crop out");
        return new Preprocessing
        {
            Letterbox = frame,
            Resize = frame is null ? Option("resize", resize, start.Resize, ParseSize) : null,
            Crop = frame is null ? Square(Option("crop", crop, start.Crop, ParseSize)) : null,
            Channels = Option("channels", channels, start.Channels, ParseEnum<ChannelOrder>),
            Scale = Option("scale", scale, start.Scale, ParseFraction),
            Mean = Option("mean", mean, start.Mean, ChannelValues.Parse),
            Std = Option("std", std, start.Std, ParseDivisors),
            Layout = Option("layout", layout, start.Layout, ParseEnum<ImageLayout>),
        };
    }

    private static ImageSize? ParseSize(string text) => text == "none" ? null : ImageSize.Parse(text);

    private static ImageSize? Square(ImageSize? size) => size is { Height: 0 } side ? new ImageSize(side.Width, side.Width) : size;

    private static T Option<T>(string name, string? text, T otherwise, Func<string, T> parse)
    {
        try
        {
            return text is null ? otherwise : parse(text);
        }
        catch (FormatException e)
        {
            throw new FormatException($"--{name}: {e.Message}", e);
        }
    }

    private static T ParseEnum<T>(string text)
        where T : struct, Enum =>
        Enum.GetNames<T>().FirstOrDefault(name => name.Equals(text, StringComparison.OrdinalIgnoreCase)) is { } name
            ? Enum.Parse<T>(name)
            : throw new FormatException($"'{text}' is not one of {string.Join(", ", Enum.GetNames<T>()).ToLowerInvariant()}");

    private static float ParseFraction(string text)
    {
        string[] parts = text.Split('/');
        double value = 0;
        for (int i = 0; i < parts.Length; i++)
        {
            if (parts.Length > 2 || !double.TryParse(parts[i], NumberStyles.Float, CultureInfo.InvariantCulture, out double number))
            {
                throw new FormatException($"'{text}' is not a number or a fraction such as 1/255");
            }

            value = i == 0 ? number : value / number;
        }

        return float.IsFinite((float)value) ? (float)value : throw new FormatException($"'{text}' is not a finite number");
    }

    private static ChannelValues ParseDivisors(string text)
    {
        ChannelValues values = ChannelValues.Parse(text);
        return values is { First: not 0, Second: not 0, Third: not 0 } ? values : throw new FormatException("a divisor of 0");
    }
}
