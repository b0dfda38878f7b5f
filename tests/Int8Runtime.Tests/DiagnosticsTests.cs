// The verbose log and the event source: what they tell, and that they cost nothing while they are off.
using System.Diagnostics.Tracing;
using Int8Runtime.TestKit;

namespace Int8Runtime.Tests;

// A listener sees the whole process: nothing else runs meanwhile.
[CollectionDefinition(nameof(DiagnosticsTests), DisableParallelization = true)]
[Collection(nameof(DiagnosticsTests))]
public sealed class DiagnosticsTests
{
    private static readonly MemoryDescriptor Tensor = new([3, 5], DataType.Float32);

    private static readonly EltwiseDescriptor Relu = new() { Algorithm = EltwiseAlgorithm.Relu, Source = Tensor, Destination = Tensor };

    private static readonly ReorderDescriptor Unsupported = new()
    {
        Source = new([2], DataType.Int64), Destination = new([2], DataType.Float64),
    };

    [Fact]
    public void Lines_tell_dispatch_creation_and_execution()
    {
        using var writer = new StringWriter();
        using CpuEngine engine = CpuEngine.Create(new()
        {
            Threads = 1, MaxIsa = Isa.None, Verbose = VerboseEvents.Dispatch | VerboseEvents.Create | VerboseEvents.Execute,
            VerboseWriter = writer,
        });
        Run(engine, 2);
        engine.Create(Relu);
        engine.Create(Relu, new() { PostOps = [PostOp.Relu()] });
        string[][] lines = [.. writer.ToString().Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries)
            .Select(line => line.Split(',', 9))];
        Assert.All(lines, fields => Assert.Equal(["int8rt_verbose", "v1"], fields[..2]));
        Assert.All(lines, fields => Assert.Equal("Eltwise", fields[3]));
        Assert.All(lines, fields => Assert.StartsWith("src:f32:ab dst:f32:ab", fields[5], StringComparison.Ordinal));
        Assert.All(lines, fields => Assert.StartsWith("i8bench --eltwise ", fields[8], StringComparison.Ordinal));
        string[] events = [.. lines.Select(fields => fields[2])];
        Assert.Equal(2, events.Count(name => name == "exec"));
        Assert.Equal(1, events.Count(name => name == "create:cache_hit"));
        Assert.Equal(2, events.Count(name => name == "create:cache_miss"));
        Assert.Contains(lines, fields => fields[2] == "dispatch"
            && fields[7].StartsWith("refused:InstructionSet", StringComparison.Ordinal));
        Assert.Contains(lines, fields => fields[2] == "dispatch" && fields[7] == "chosen"
            && fields[4].StartsWith("ref", StringComparison.Ordinal));
        Assert.Equal("--attr-post-ops=relu", lines[^1][6]);
        Assert.All(lines.Where(fields => fields[2] != "dispatch"), fields => Assert.InRange(
            double.Parse(fields[7], System.Globalization.CultureInfo.InvariantCulture), 0, 1e6));
    }

    [Fact]
    public void A_subset_is_told_and_words_are_checked()
    {
        Assert.Equal(VerboseEvents.None, VerboseLog.Parse(null));
        Assert.Equal(VerboseEvents.Create | VerboseEvents.Execute, VerboseLog.Parse(" exec,create"));
        Assert.Contains("dispatch, create, exec", Assert.Throws<FormatException>(() => VerboseLog.Parse("exec,verbose")).Message);
        using var writer = new StringWriter();
        using CpuEngine engine = CpuEngine.Create(new() { Threads = 1, Verbose = VerboseEvents.Create, VerboseWriter = writer });
        Run(engine, 3);
        Assert.StartsWith("int8rt_verbose,v1,create:cache_miss,", writer.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain(",exec,", writer.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Executions_allocate_nothing_while_nobody_asks()
    {
        using var writer = new StringWriter();
        using CpuEngine engine = CpuEngine.Create(new() { Threads = 1, Verbose = VerboseEvents.Create, VerboseWriter = writer });
        using (new Listener(Diagnostics.RuntimeEvents.Keywords.Execute))
            Run(engine, 1);
        Run(engine, 10);
        long allocated = Measure(engine, 1000);
        Assert.Equal(0, allocated);
    }

    [Fact]
    public void Listeners_see_creations_executions_refusals_and_kernels()
    {
        using var listener = new Listener(EventKeywords.All);
        using CpuEngine engine = CpuEngine.Create(new() { Threads = 1 });
        Run(engine, 2);
        Assert.Throws<UnsupportedPrimitiveException>(() => engine.Create(Unsupported));
        EventWrittenEventArgs created = Assert.Single(listener.Of("PrimitiveCreated"),
            e => ((string)e.Payload![2]!).Contains("--eltwise", StringComparison.Ordinal));
        Assert.Equal("Eltwise", created.Payload![0]);
        Assert.StartsWith("i8bench --eltwise", (string)created.Payload[2]!, StringComparison.Ordinal);
        Assert.True(listener.Of("PrimitiveExecuted").Count(e => (string)e.Payload![0]! == "Eltwise") >= 2);
        Assert.Contains(listener.Of("PrimitiveRefused"), e => ((string)e.Payload![1]!).Contains("refused", StringComparison.Ordinal));
        if (engine.Isa != Isa.None)
        {
            // An exponent that no other test has, whose kernel is in no cache.
            engine.Create(Relu with { Algorithm = EltwiseAlgorithm.Pow, Alpha = 1, Beta = 3.217f }).Dispose();
            Assert.Contains(listener.Of("KernelsCompiled"), e => (long)e.Payload![0]! > 0 && (long)e.Payload[2]! > 0);
            EventWrittenEventArgs compiled = Assert.Single(
                listener.Of("KernelCompiled"), e => ((string)e.Payload![0]!).Contains("3.217", StringComparison.Ordinal));
            Assert.True((long)compiled.Payload![1]! > 0 && (double)compiled.Payload[2]! > 0);
        }

        Assert.DoesNotContain(listener.Events, e => e.EventName == "EventSourceMessage"); // how a source reports its own mistakes
    }

    private static void Run(CpuEngine engine, int count)
    {
        using ExecutionStream stream = engine.CreateStream();
        using var memory = new TensorMemory(Tensor);
        Primitive primitive = engine.Create(Relu);
        for (int i = 0; i < count; i++)
            primitive.Execute(stream, new UnaryArguments(memory, memory));
    }

    private static long Measure(CpuEngine engine, int count)
    {
        using ExecutionStream stream = engine.CreateStream();
        using var memory = new TensorMemory(Tensor);
        Primitive primitive = engine.Create(Relu);
        primitive.Execute(stream, new UnaryArguments(memory, memory));
        return Allocations.Fewest(() =>
        {
            for (int i = 0; i < count; i++)
                primitive.Execute(stream, new UnaryArguments(memory, memory));
        });
    }

    private sealed class Listener : EventListener
    {
        private readonly System.Collections.Concurrent.ConcurrentQueue<EventWrittenEventArgs> _events = new();

        public Listener(EventKeywords keywords)
        {
            foreach (EventSource source in EventSource.GetSources().Append(Diagnostics.RuntimeEvents.Log).Distinct())
            {
                if (source.Name == "Int8Runtime")
                    EnableEvents(source, EventLevel.Informational, keywords);
            }
        }

        public IEnumerable<EventWrittenEventArgs> Events => _events;

        public EventWrittenEventArgs[] Of(string name) => [.. _events.Where(e => e.EventName == name)];

        protected override void OnEventWritten(EventWrittenEventArgs eventData) => _events?.Enqueue(eventData);
    }
}
