// INT8RT_VERBOSE: one line of text for each dispatch, creation and execution of a primitive (docs/verbose-format.md).
using System.Globalization;
using Int8Runtime.Diagnostics;

namespace Int8Runtime;

/// <summary>What the verbose log tells; the default of an engine is that of the environment variable <c>INT8RT_VERBOSE</c>.</summary>
[Flags]
public enum VerboseEvents
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>Each implementation that refused a problem, and the one that took it.</summary>
    Dispatch = 1,

    /// <summary>Each creation of a primitive, with its time and whether the plan was cached.</summary>
    Create = 2,

    /// <summary>Each execution of a primitive, with its time.</summary>
    Execute = 4,

    /// <summary>Each plan of a model that was looked up in, or written to, the cache on disk.</summary>
    Cache = 8,
}

/// <summary>Writes the log. Thread-safe; each event is one line.</summary>
/// <param name="events">What is told.</param>
/// <param name="writer">Where to.</param>
internal sealed class VerboseLog(VerboseEvents events, TextWriter writer)
{
    /// <summary>Name of the environment variable: words separated by commas, as in <c>dispatch,create,exec</c>.</summary>
    public const string Variable = "INT8RT_VERBOSE";

    /// <summary>The first two fields of every line: what writes it, and the version of the format.</summary>
    public const string Marker = "int8rt_verbose,v1";

    private readonly Lock _gate = new();

    /// <summary>The log of an engine; null where it tells nothing.</summary>
    /// <param name="events">What is told; null for what the environment asks for.</param>
    /// <param name="writer">Where to; null for standard error.</param>
    /// <exception cref="FormatException">The environment variable holds another word.</exception>
    public static VerboseLog? Create(VerboseEvents? events, TextWriter? writer)
    {
        VerboseEvents told = events ?? Parse(Environment.GetEnvironmentVariable(Variable));
        return told == VerboseEvents.None ? null : new VerboseLog(told, writer ?? Console.Error);
    }

    /// <summary>Reads the environment variable.</summary>
    /// <exception cref="FormatException">The text holds another word than those of the log.</exception>
    public static VerboseEvents Parse(string? text)
    {
        var result = VerboseEvents.None;
        foreach (string word in (text ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            result |= word switch
            {
                "dispatch" => VerboseEvents.Dispatch,
                "create" => VerboseEvents.Create,
                "exec" => VerboseEvents.Execute,
                "cache" => VerboseEvents.Cache,
                "all" => VerboseEvents.Dispatch | VerboseEvents.Create | VerboseEvents.Execute | VerboseEvents.Cache,
                "none" => VerboseEvents.None,
                _ => throw new FormatException($"'{word}' in {Variable} is not one of dispatch, create, exec, cache, all, none."),
            };
        }

        return result;
    }

    /// <summary>Whether an event is told.</summary>
    public bool Tells(VerboseEvents kind) => (events & kind) != 0;

    /// <summary>Tells every refusal of a dispatch and the choice.</summary>
    public void Dispatch(PrimitiveDescriptor descriptor, DispatchReport report)
    {
        if (!Tells(VerboseEvents.Dispatch))
            return;
        string tensors = Tensors(descriptor), attributes = Attributes(report.Problem);
        foreach (Rejection refusal in report.Rejections)
            Write("dispatch", descriptor.Kind, refusal.Implementation, tensors, attributes,
                $"refused:{refusal.Reason}: {refusal.Detail}", report.Problem);
        Write("dispatch", descriptor.Kind, report.Chosen ?? "", tensors, attributes,
            report.Chosen is null ? "unsupported" : "chosen", report.Problem);
    }

    /// <summary>Tells a creation.</summary>
    public void Created(Primitive primitive, bool cached, double milliseconds)
    {
        if (Tells(VerboseEvents.Create))
            Write(cached ? "create:cache_hit" : "create:cache_miss", primitive, milliseconds);
    }

    /// <summary>Tells an execution.</summary>
    public void Executed(Primitive primitive, double milliseconds) => Write("exec", primitive, milliseconds);

    /// <summary>Tells what became of a file of the cache on disk.</summary>
    /// <param name="outcome"><c>hit</c>, <c>miss</c>, <c>refused</c> or <c>stored</c>.</param>
    /// <param name="file">Name of the file.</param>
    /// <param name="content">What it holds, as words of the form <c>name:number</c>.</param>
    /// <param name="detail">Milliseconds, or the reason of a refusal.</param>
    /// <param name="model">Name of the model.</param>
    public void Cached(string outcome, string file, string content, string detail, string model)
    {
        if (Tells(VerboseEvents.Cache))
            WriteLine($"{Marker},cache:{outcome},Model,{Field(file)},{content},,{Field(detail)},{model.ReplaceLineEndings(" ")}");
    }

    private void Write(string name, Primitive primitive, double milliseconds) => Write(
        name, primitive.Descriptor.Kind, primitive.ImplementationName, Tensors(primitive.Descriptor), Attributes(primitive.Report.Problem),
        milliseconds.ToString("0.####", CultureInfo.InvariantCulture), primitive.Report.Problem);

    private void Write(
        string name, PrimitiveKind kind, string implementation, string tensors, string attributes, string outcome, ProblemLine problem)
    {
        WriteLine($"{Marker},{name},{kind},{implementation},{tensors},{attributes},{Field(outcome)},{problem}");
    }

    // Only the last field may hold commas.
    private static string Field(string text) => text.Replace(',', ';').ReplaceLineEndings(" ");

    private void WriteLine(string line)
    {
        lock (_gate)
        {
            writer.WriteLine(line);
            writer.Flush();
        }
    }

    // src:u8:acdb wei:s8:packed_name dst:u8:acdb
    private static string Tensors(PrimitiveDescriptor descriptor)
    {
        IEnumerable<string> inputs = PrimitiveTensors.Inputs(descriptor, PrimitiveAttributes.Default)
            .Select(input => Text(NameOf(input.Slot), input.Descriptor));
        IEnumerable<string> weights = PrimitiveTensors.Weights(descriptor) is { } tensor ? [Text("wei", tensor)] : [];
        return string.Join(' ', [.. inputs, .. weights, Text("dst", PrimitiveTensors.Destination(descriptor))]);

        static string Text(string name, MemoryDescriptor tensor) =>
            $"{name}:{tensor.DataType.ToShortName()}:{tensor.LayoutText().Replace(',', ';')}";
    }

    private static string NameOf(ArgumentSlot slot) => slot switch
    {
        ArgumentSlot.Source => "src",
        ArgumentSlot.Source1 => "src1",
        ArgumentSlot.Bias => "bia",
        ArgumentSlot.Condition => "cond",
        ArgumentSlot.NormalizationScale => "scale",
        ArgumentSlot.NormalizationShift => "shift",
        ArgumentSlot.NormalizationMean => "mean",
        ArgumentSlot.NormalizationVariance => "var",
        _ => FormattableString.Invariant($"src{slot - ArgumentSlot.PostOp0}"),
    };

    private static string Attributes(ProblemLine problem) => string.Join(' ', problem.Command.Split(' ').Where(word =>
        word.StartsWith("--attr-", StringComparison.Ordinal) || word.StartsWith("--runtime-quantization", StringComparison.Ordinal)));
}
