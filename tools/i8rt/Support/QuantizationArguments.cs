// Options about quantization.
using System.CommandLine;
using System.Globalization;
using Int8Runtime.Quantization;

namespace Int8Runtime.Cli;

/// <summary>Everything that `quantize` lets the user choose about the numbers.</summary>
internal static class QuantizationArguments
{
    /// <summary>Calibration samples.</summary>
    public static Option<int> Samples { get; } = new("--samples")
    {
        Description = "Number of calibration samples, spread over the data set.", DefaultValueFactory = _ => 300, HelpName = "N",
    };

    private static readonly Option<string> Preset = Text(
        "--preset", "mixed (asymmetric u8 activations, best accuracy) or performance (symmetric activations).", "NAME", "mixed");

    private static readonly Option<string> Estimator = Text(
        "--estimator", $"How ranges are chosen: auto (minmax; mse for detectors), {RangeEstimation.Forms}.", "NAME", "auto");

    private static readonly Option<string> Granularity =
        Text("--granularity", "Scales of weights: per-channel or per-tensor.", "NAME", "per-channel");

    private static readonly Option<string> ActivationGranularity = Text(
        "--activation-granularity",
        "Scales of activations: per-tensor, or per-channel where only depthwise convolutions read them.", "NAME", "per-tensor");

    private static readonly Option<int> WeightBits = new("--weight-bits")
    {
        Description = "Bits of the weights, 2 to 8; stored in s8.", DefaultValueFactory = _ => 8, HelpName = "N",
    };

    private static readonly Option<string> Profile = Text(
        "--profile", $"Hardware profile: {string.Join(", ", HardwareProfile.Names)}, auto (that of this CPU or of --isa), or a .json file.", "NAME", "any");

    private static readonly Option<string> BiasCorrection =
        Text("--bias-correction", "fast, full (a pass over the samples for each depth) or none.", "MODE", "fast");

    private static readonly Option<bool> NoAlignment =
        new("--no-channel-alignment") { Description = "Leave out the alignment of activation channels." };

    private static readonly Option<string?> SmoothQuant = new("--smooth-quant")
    {
        Description = "Move outliers of transformer activations into the weights, with strength 0 to 1 (0.5 is usual).", HelpName = "X",
    };

    private static readonly Option<bool> PowerOfTwo = new("--power-of-two") { Description = "Only powers of two as scales." };

    private static readonly Option<string> FirstLayer =
        Text("--first-layer", "Precision of the layers that read the input: int8 or f32.", "TYPE", "int8");

    private static readonly Option<string> LastLayer = Text(
        "--last-layer", "Precision of the layers that give the output: f32-output (int8 operands), f32 or int8.", "TYPE", "f32-output");

    private static readonly Option<string[]> Ignore = Many("--ignore", "Node that stays f32; may be repeated.", "NODE");

    private static readonly Option<string[]> IgnoreRegex =
        Many("--ignore-regex", "Nodes whose names fit this expression stay f32; may be repeated.", "EXPRESSION");

    private static readonly Option<string[]> IgnoreType =
        Many("--ignore-type", "Operator that stays f32, for example Gemm; may be repeated.", "OPERATOR");

    private static readonly Option<string> IgnorePatterns = Text(
        "--ignore-patterns",
        "Subgraphs that stay f32: default (those that ship with the program), none (not even detection heads), or a .json file.",
        "FILE", "default");

    /// <summary>The options about what samples show, which say nothing where none are read.</summary>
    public static IReadOnlyList<Option> OfCalibration { get; } =
        [Preset, Estimator, ActivationGranularity, BiasCorrection, NoAlignment, SmoothQuant, FirstLayer, LastLayer];

    /// <summary>All of them, in the order of the help.</summary>
    public static IReadOnlyList<Option> All { get; } =
    [
        Preset, Estimator, Samples, Granularity, ActivationGranularity, WeightBits, Profile, BiasCorrection, NoAlignment, SmoothQuant,
        PowerOfTwo, FirstLayer, LastLayer, Ignore, IgnoreRegex, IgnoreType, IgnorePatterns,
    ];

    /// <summary>The options of the quantizer that the arguments describe.</summary>
    /// <exception cref="UsageException">A value that does not exist.</exception>
    public static QuantizationOptions OptionsOf(ParseResult parse)
    {
        int samples = parse.GetValue(Samples), bits = parse.GetValue(WeightBits);
        if (samples < 1)
            throw new UsageException($"--samples is {samples}; it must be at least 1");
        if (bits is < 2 or > 8)
            throw new UsageException($"--weight-bits is {bits}; use 2 to 8");
        return new QuantizationOptions
        {
            Preset = Choose(parse, Preset, ("mixed", QuantizationPreset.Mixed), ("performance", QuantizationPreset.Performance)),
            Estimation = parse.GetValue(Estimator) is { } name and not "auto" ? RangeEstimation.Parse(name) : null,
            SampleCount = samples,
            PerChannelWeights = Choose(parse, Granularity, ("per-channel", true), ("per-tensor", false)),
            PerChannelActivations = Choose(parse, ActivationGranularity, ("per-channel", true), ("per-tensor", false)),
            WeightBits = bits,
            Profile = ProfileOf(parse),
            BiasCorrection = Choose(
                parse, BiasCorrection, ("fast", BiasCorrectionMode.Fast), ("full", BiasCorrectionMode.Full),
                ("none", BiasCorrectionMode.None)),
            AlignChannels = !parse.GetValue(NoAlignment),
            SmoothQuantStrength = StrengthOf(parse.GetValue(SmoothQuant)),
            PowerOfTwoScales = parse.GetValue(PowerOfTwo),
            FirstLayer = Choose(parse, FirstLayer, ("int8", LayerPrecision.Default), ("f32", LayerPrecision.Float32)),
            LastLayer = Choose(parse, LastLayer, ("f32-output", LayerPrecision.Default), ("f32", LayerPrecision.Float32),
                ("int8", LayerPrecision.Int8)),
            Ignored = ScopeOf(parse),
        };
    }

    private static HardwareProfile ProfileOf(ParseResult parse)
    {
        string name = parse.GetValue(Profile)!;
        if (name != "auto")
            return HardwareProfile.Load(name);
        using CpuEngine engine = EngineOptions.CreateEngine(parse);
        return HardwareProfile.For(engine.Isa);
    }

    private static IgnoredScope ScopeOf(ParseResult parse)
    {
        string patterns = parse.GetValue(IgnorePatterns)!;
        return new IgnoredScope
        {
            Names = parse.GetValue(Ignore) ?? [],
            Expressions = parse.GetValue(IgnoreRegex) ?? [],
            Operators = parse.GetValue(IgnoreType) ?? [],
            DetectionHeads = patterns != "none",
            Patterns = patterns switch
            {
                "default" => NodePattern.Shipped,
                "none" => [],
                _ => NodePattern.Load(patterns),
            },
        };
    }

    private static double? StrengthOf(string? text)
    {
        if (text is null)
            return null;
        return double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double strength) && strength is >= 0 and <= 1
            ? strength
            : throw new UsageException($"--smooth-quant is '{text}'; use a number from 0 to 1");
    }

    private static T Choose<T>(ParseResult parse, Option<string> option, params ReadOnlySpan<(string Name, T Value)> choices)
    {
        string given = parse.GetValue(option)!;
        var names = new List<string>();
        foreach ((string name, T value) in choices)
        {
            if (name == given)
                return value;
            names.Add(name);
        }

        throw new UsageException($"{option.Name} is '{given}'; use {string.Join(" or ", names)}");
    }

    private static Option<string> Text(string name, string description, string helpName, string otherwise) =>
        new(name) { Description = description, HelpName = helpName, DefaultValueFactory = _ => otherwise };

    private static Option<string[]> Many(string name, string description, string helpName) =>
        new(name) { Description = description, HelpName = helpName };
}
