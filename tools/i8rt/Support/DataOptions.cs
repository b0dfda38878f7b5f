// Options about data sets and preprocessing, shared by commands.
using System.CommandLine;
using Int8Runtime.Quantization;

namespace Int8Runtime.Cli;

/// <summary>Where samples come from and how images become inputs.</summary>
internal static class DataOptions
{
    private static readonly Option<string?> Preset = Text(
        "--preprocess", $"Named preprocessing: {string.Join(", ", Preprocessing.PresetNames)} (default: raw).", "NAME");

    private static readonly Option<string?> Resize = Text("--resize", "Resize: 256 (shorter side), 320x240 (exactly) or none.", "SIZE");

    private static readonly Option<string?> Crop = Text("--crop", "Centre crop: 224, 320x240 or none.", "SIZE");

    private static readonly Option<string?> Letterbox =
        Text("--letterbox", "Fit the whole image into a grey frame: 640, 640x480 or none.", "SIZE");

    private static readonly Option<string?> Channels = Text("--channels", "Channel order: rgb, bgr or grey.", "ORDER");

    private static readonly Option<string?> Scale = Text("--scale", "Factor of the channel values 0…255, for example 1/255.", "X");

    private static readonly Option<string?> Mean = Text("--mean", "Subtracted after scaling: one number or three.", "M[,M,M]");

    private static readonly Option<string?> Std = Text("--std", "Divisor: one number or three.", "S[,S,S]");

    private static readonly Option<string?> Layout = Text("--layout", "Order of the input's elements: nchw or nhwc.", "ORDER");

    /// <summary>The data set.</summary>
    public static Option<string> Data { get; } = new("--data", "-d")
    {
        Description = "Image folder (with labels.txt, lines 'file class-index'), image list (.txt), YOLO or Pascal VOC folder, "
            + "CIFAR-10 or MNIST file, folder of .npy files or .npz file with an array for each input.",
        HelpName = "PATH",
        Required = true,
    };

    /// <summary>The data set of commands that can do without.</summary>
    public static Option<string?> OptionalData { get; } = new("--data", "-d") { Description = Data.Description, HelpName = Data.HelpName };

    /// <summary>Only the preprocessing.</summary>
    public static IReadOnlyList<Option> PreprocessingOptions { get; } = [Preset, Resize, Crop, Letterbox, Channels, Scale, Mean, Std, Layout];

    /// <summary>The data set and the preprocessing.</summary>
    public static IReadOnlyList<Option> WithData { get; } = [Data, .. PreprocessingOptions];

    /// <summary>The data set and the preprocessing for commands that can do without.</summary>
    public static IReadOnlyList<Option> WithOptionalData { get; } = [OptionalData, .. PreprocessingOptions];

    /// <summary>The preprocessing that the options describe.</summary>
    public static Preprocessing PreprocessingOf(ParseResult parse) => Preprocessing.Parse(
        parse.GetValue(Preset), parse.GetValue(Resize), parse.GetValue(Crop), parse.GetValue(Channels), parse.GetValue(Scale),
        parse.GetValue(Mean), parse.GetValue(Std), parse.GetValue(Layout), parse.GetValue(Letterbox));

    /// <summary>Opens the data set that the options describe.</summary>
    public static IDataset Open(ParseResult parse, bool requireLabels) => Open(parse, parse.GetValue(Data)!, requireLabels);

    /// <summary>Opens a data set with the preprocessing that the options describe.</summary>
    public static IDataset Open(ParseResult parse, string path, bool requireLabels) =>
        DatasetFactory.Open(path, PreprocessingOf(parse), requireLabels);

    private static Option<string?> Text(string name, string description, string helpName) =>
        new(name) { Description = description, HelpName = helpName };
}
