// The event source "Int8Runtime", for dotnet-trace, dotnet-counters and listeners inside of a process (docs/verbose-format.md).
using System.Diagnostics.CodeAnalysis;
using System.Diagnostics.Tracing;

namespace Int8Runtime.Diagnostics;

/// <summary>Events and counters. Nothing is computed or allocated while nobody listens.</summary>
[EventSource(Name = "Int8Runtime")]
internal sealed unsafe class RuntimeEvents : EventSource
{
    private long _created, _executions, _reportedKernels;
    private volatile bool _counting;
    private IncrementingPollingCounter? _createdCounter, _executionCounter;
    private PollingCounter? _kernelCounter, _codeCounter;

    private RuntimeEvents()
    {
    }

    /// <summary>The source.</summary>
    public static RuntimeEvents Log { get; } = new();

    /// <summary>Gives the number of kernels that are in the process' cache, the bytes of their code, and how many were ever made.</summary>
    public static Func<(long Kernels, long CodeBytes, long Made)>? KernelCounts { get; set; }

    /// <summary>Whether each execution is told or counted.</summary>
    public bool WantsExecutions
    {
        [NonEvent]
        get => IsEnabled() && (_counting || IsEnabled(EventLevel.Informational, Keywords.Execute));
    }

    /// <summary>A primitive was created or taken from the cache.</summary>
    [NonEvent]
    public void Created(PrimitiveKind kind, string implementation, string problem, bool cached, double milliseconds)
    {
        Interlocked.Increment(ref _created);
        if (IsEnabled(EventLevel.Informational, Keywords.Create))
            PrimitiveCreated(PrimitiveKinds.NameOf(kind), implementation, problem, cached ? 1 : 0, milliseconds);
        ReportKernels();
    }

    /// <summary>A primitive was executed.</summary>
    [NonEvent]
    public void Executed(PrimitiveKind kind, string implementation, double milliseconds)
    {
        Interlocked.Increment(ref _executions);
        if (IsEnabled(EventLevel.Informational, Keywords.Execute))
            PrimitiveExecuted(PrimitiveKinds.NameOf(kind), implementation, milliseconds);
    }

    /// <summary>The code of a kernel was generated and loaded.</summary>
    [NonEvent]
    public void Compiled(string kernel, long codeBytes, double microseconds)
    {
        if (IsEnabled(EventLevel.Informational, Keywords.Kernels))
            KernelCompiled(kernel, codeBytes, microseconds);
    }

    /// <summary>No implementation takes a problem; the report holds every refusal and ends in the line for i8bench.</summary>
    [NonEvent]
    public void Refused(PrimitiveKind kind, string report) => PrimitiveRefused(PrimitiveKinds.NameOf(kind), report);

    [Event(2, Level = EventLevel.Warning, Keywords = Keywords.Create)]
    private void PrimitiveRefused(string kind, string report) => WriteEvent(2, kind, report);

    [Event(1, Level = EventLevel.Informational, Keywords = Keywords.Create)]
    [UnconditionalSuppressMessage("Trimming", "IL2026", Justification = "The payload is strings and numbers.")]
    private void PrimitiveCreated(string kind, string implementation, string problem, int cached, double milliseconds)
    {
        fixed (char* kindText = kind, implementationText = implementation, problemText = problem)
        {
            EventData* data = stackalloc EventData[5];
            data[0] = Text(kindText, kind);
            data[1] = Text(implementationText, implementation);
            data[2] = Text(problemText, problem);
            data[3] = new EventData { DataPointer = (nint)(&cached), Size = sizeof(int) };
            data[4] = new EventData { DataPointer = (nint)(&milliseconds), Size = sizeof(double) };
            WriteEventCore(1, 5, data);
        }
    }

    [Event(3, Level = EventLevel.Informational, Keywords = Keywords.Execute)]
    [UnconditionalSuppressMessage("Trimming", "IL2026", Justification = "The payload is strings and numbers.")]
    private void PrimitiveExecuted(string kind, string implementation, double milliseconds)
    {
        fixed (char* kindText = kind, implementationText = implementation)
        {
            EventData* data = stackalloc EventData[3];
            data[0] = Text(kindText, kind);
            data[1] = Text(implementationText, implementation);
            data[2] = new EventData { DataPointer = (nint)(&milliseconds), Size = sizeof(double) };
            WriteEventCore(3, 3, data);
        }
    }

    // Kernels that were generated since the last event; several threads share the count, so each kernel is told once.
    [Event(4, Level = EventLevel.Informational, Keywords = Keywords.Kernels)]
    private void KernelsCompiled(long count, long kernels, long codeBytes) => WriteEvent(4, count, kernels, codeBytes);

    [Event(5, Level = EventLevel.Informational, Keywords = Keywords.Kernels)]
    [UnconditionalSuppressMessage("Trimming", "IL2026", Justification = "The payload is strings and numbers.")]
    private void KernelCompiled(string kernel, long codeBytes, double microseconds)
    {
        fixed (char* name = kernel)
        {
            EventData* data = stackalloc EventData[3];
            data[0] = Text(name, kernel);
            data[1] = new EventData { DataPointer = (nint)(&codeBytes), Size = sizeof(long) };
            data[2] = new EventData { DataPointer = (nint)(&microseconds), Size = sizeof(double) };
            WriteEventCore(5, 3, data);
        }
    }

    [NonEvent]
    private void ReportKernels()
    {
        if (!IsEnabled(EventLevel.Informational, Keywords.Kernels) || KernelCounts?.Invoke() is not var (kernels, bytes, made))
            return;
        long before = Interlocked.Exchange(ref _reportedKernels, made);
        if (made > before)
            KernelsCompiled(made - before, kernels, bytes);
    }

    /// <inheritdoc/>
    protected override void OnEventCommand(EventCommandEventArgs command)
    {
        if (command.Command != EventCommand.Enable)
            return;
        _counting |= command.Arguments?.ContainsKey("EventCounterIntervalSec") ?? false;
        _createdCounter ??= new IncrementingPollingCounter("primitives-created", this, () => Volatile.Read(ref _created))
        {
            DisplayName = "Primitives created", DisplayRateTimeScale = TimeSpan.FromSeconds(1),
        };
        _executionCounter ??= new IncrementingPollingCounter("executions", this, () => Volatile.Read(ref _executions))
        {
            DisplayName = "Primitive executions", DisplayRateTimeScale = TimeSpan.FromSeconds(1),
        };
        _kernelCounter ??=
            new PollingCounter("kernels", this, () => KernelCounts?.Invoke().Kernels ?? 0) { DisplayName = "Kernels in the cache" };
        _codeCounter ??= new PollingCounter("kernel-code", this, () => KernelCounts?.Invoke().CodeBytes ?? 0)
        {
            DisplayName = "Kernel code", DisplayUnits = "bytes",
        };
    }

    private static EventData Text(char* start, string text) =>
        new() { DataPointer = (nint)start, Size = (text.Length + 1) * sizeof(char) };

    /// <summary>What listeners may ask for.</summary>
    public static class Keywords
    {
        /// <summary>Creations and refusals.</summary>
        public const EventKeywords Create = (EventKeywords)1;

        /// <summary>Executions.</summary>
        public const EventKeywords Execute = (EventKeywords)2;

        /// <summary>Generated kernels.</summary>
        public const EventKeywords Kernels = (EventKeywords)4;
    }
}

/// <summary>Names of kinds without allocation.</summary>
internal static class PrimitiveKinds
{
    private static readonly string[] Names = Enum.GetNames<PrimitiveKind>();

    /// <summary>The name of a kind.</summary>
    public static string NameOf(PrimitiveKind kind) => Names[(int)kind];
}
