// Options about the engine and the output, shared by commands.
using System.CommandLine;

namespace Int8Runtime.Cli;

/// <summary>Which instruction sets and how many threads; and the form of the result.</summary>
internal static class EngineOptions
{
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
        Description = $"Highest instruction set to use: {string.Join(", ", IsaTiers.All.Select(t => t.Name))} (default: INT8RT_MAX_ISA, or what the CPU has).",
        HelpName = "TIER",
    };

    /// <summary>Whether sums of two 8-bit products may saturate.</summary>
    public static Option<bool> Fast { get; } = new("--fast")
    {
        Description = "Let sums of two 8-bit products saturate on CPUs without VNNI: faster, but no longer the same bits everywhere.",
    };

    /// <summary>Adds the engine's options to a command.</summary>
    public static void AddTo(Command command)
    {
        command.Options.Add(Threads);
        command.Options.Add(Isa);
        command.Options.Add(Fast);
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
        int? threads = parse.GetValue(Threads);
        if (threads is < 1)
            throw new UsageException($"--threads is {threads}; it must be at least 1");
        string? isa = parse.GetValue(Isa);
        return CpuEngine.Create(new CpuEngineOptions
        {
            Threads = threads, MaxIsa = isa is null ? null : ParseIsa(isa), NumericMode = parse.GetValue(Fast) ? NumericMode.Fast : NumericMode.Exact,
        });
    }
}
