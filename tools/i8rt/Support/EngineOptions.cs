// Options about the engine and the output, shared by commands.
using System.CommandLine;
using Int8Runtime.Caching;
using Int8Runtime.Tuning;

namespace Int8Runtime.Cli;

/// <summary>Which instruction sets and how many threads; and the form of the result.</summary>
internal static class EngineOptions
{
    private const string TuningVariable = "INT8RT_TUNING";

    /// <summary>One JSON object instead of text.</summary>
    public static Option<bool> Json { get; } = new("--json") { Description = "Print one JSON object instead of text." };

    /// <summary>Number of threads.</summary>
    public static Option<int?> Threads { get; } = new("--threads", "-t")
    {
        Description = "Number of threads (default: all processors, or INT8RT_NUM_THREADS).", HelpName = "N",
    };

    /// <summary>Upper bound of the instruction sets.</summary>
    public static Option<string?> Isa { get; } = new("--isa")
    {
        Description = $"Highest instruction set to use: {string.Join(", ", IsaTiers.All.Select(t => t.Name))} (default: "
            + "INT8RT_MAX_ISA, or what the CPU has).",
        HelpName = "TIER",
    };

    /// <summary>Whether sums of two 8-bit products may saturate.</summary>
    public static Option<bool> Fast { get; } = new("--fast")
    {
        Description = "Let sums of two 8-bit products saturate on CPUs without VNNI: faster, but no longer the same bits everywhere.",
    };

    /// <summary>File of measured tiles.</summary>
    public static Option<string?> Tuning { get; } = new("--tuning")
    {
        Description = "Tiles that 'bench --tune' measured (default: the file that INT8RT_TUNING names, if it is set).", HelpName = "FILE",
    };

    /// <summary>Folder of the cache of compiled models.</summary>
    public static Option<string?> Cache { get; } = new("--cache")
    {
        Description = "Keep generated code and packed weights in this folder, and take them from there (default: the folder "
            + "that INT8RT_CACHE names, if it is set).",
        HelpName = "DIR",
    };

    /// <summary>Where measured tiles are kept unless an option or INT8RT_TUNING says otherwise.</summary>
    public static string DefaultTuningFile => Path.Combine(
        Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } cache
            ? cache : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache"),
        "int8runtime", "tiles.txt");

    /// <summary>Adds the engine's options to a command.</summary>
    public static void AddTo(Command command)
    {
        command.Options.Add(Threads);
        command.Options.Add(Isa);
        command.Options.Add(Fast);
        command.Options.Add(Tuning);
        command.Options.Add(Cache);
    }

    private static Isa ParseIsa(string name)
    {
        try
        {
            return IsaTiers.Parse(name);
        }
        catch (FormatException exception)
        {
            throw new UsageException($"--isa: {exception.Message}");
        }
    }

    /// <summary>Creates the engine that the options describe.</summary>
    public static CpuEngine CreateEngine(ParseResult parse)
    {
        TileTuning? tuning = parse.GetValue(Tuning) is { } file ? LoadTuning(file, mustExist: true) : null;
        CpuEngine engine = CreateEngine(parse, tuning);
        if (TuningFile(parse) is { } used && engine.Tuning is { Count: 0 })
            Warn(parse, $"{(tuning is null ? TuningVariable : Tuning.Name)}: {DescribeTuning(engine, used)}");
        return engine;
    }

    /// <summary>The file of measured tiles that an option or INT8RT_TUNING names, or null.</summary>
    public static string? TuningFile(ParseResult parse) => parse.GetValue(Tuning)
        ?? (Environment.GetEnvironmentVariable(TuningVariable) is { Length: > 0 } file ? file : null);

    /// <summary>What a file of measured tiles means to an engine, in words; the cost model chooses where there is none.</summary>
    public static string DescribeTuning(CpuEngine engine, string? file)
    {
        if (file is null)
            return "none";
        if (engine.Tuning is { Count: > 0 and int count })
            return $"{Figures.Count(count, "product")} in '{file}'";
        return File.Exists(file)
            ? $"'{file}' was measured on another CPU or with another version, so it changes nothing; measure again with 'i8rt bench MODEL --tune'"
            : $"there is no file '{file}' yet, so nothing changes; 'i8rt bench MODEL --tune' writes it";
    }

    /// <summary>The tiles of a file.</summary>
    public static TileTuning LoadTuning(string file, bool mustExist)
    {
        if (mustExist && !File.Exists(file))
            throw new UsageException($"--tuning: there is no file '{file}'; 'i8rt bench MODEL --tune --tuning {file}' writes one");
        try
        {
            return TileTuning.Load(file);
        }
        catch (FormatException exception)
        {
            throw new UsageException($"--tuning: {exception.Message}");
        }
    }

    /// <summary>Creates the engine that the options describe, with measured tiles.</summary>
    public static CpuEngine CreateEngine(ParseResult parse, TileTuning? tuning)
    {
        int? threads = parse.GetValue(Threads);
        if (threads is < 1)
            throw new UsageException($"--threads is {threads}; it must be at least 1");
        string? isa = parse.GetValue(Isa);
        CpuEngine engine = CpuEngine.Create(new CpuEngineOptions
        {
            Threads = threads, MaxIsa = isa is null ? null : ParseIsa(isa),
            NumericMode = parse.GetValue(Fast) ? NumericMode.Fast : NumericMode.Exact,
            Tuning = tuning, ModelCache = parse.GetValue(Cache) is { } folder ? ModelCache.Open(folder) : null,
        });
        if (threads > engine.Threads)
            Warn(parse, $"--threads is {threads}, but only {engine.Threads} are used, one for each processor; "
                + "INT8RT_NUM_THREADS allows more");
        return engine;
    }

    private static void Warn(ParseResult parse, string message) => Terminal.Warning(parse.InvocationConfiguration.Error, message);
}
