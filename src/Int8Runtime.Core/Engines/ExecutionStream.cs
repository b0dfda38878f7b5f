// Where primitives are executed: threads and scratch memory.
using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Int8Runtime;

/// <summary>
/// Executes primitives in the order of the calls, each finished when its call returns. A stream owns scratch memory that
/// grows to the largest need; use one stream per calling thread. It refuses a call while another one lasts.
/// </summary>
public sealed unsafe class ExecutionStream : IDisposable
{
    /// <summary>Alignment of scratch memory in bytes.</summary>
    public const int ScratchAlignment = 64;

    private const string Busy = "The stream executes already; create one for each thread.";

    private byte* _scratch;
    private long _scratchBytes;
    private ExclusiveUse _use;

    internal ExecutionStream(Engine engine)
    {
        Engine = engine;
        Threads = engine.Threads;
    }

    /// <summary>Frees scratch memory that was not disposed.</summary>
    ~ExecutionStream() => NativeMemory.AlignedFree(_scratch);

    /// <summary>The engine whose primitives this stream executes.</summary>
    public Engine Engine { get; }

    /// <summary>Threads used by one execution, including the caller.</summary>
    public int Threads { get; }

    /// <summary>Copies a tensor into another layout or type and returns the new memory, which the caller disposes.</summary>
    public TensorMemory Reorder(TensorMemory source, MemoryDescriptor destination, PrimitiveAttributes? attributes = null)
    {
        ArgumentNullException.ThrowIfNull(source);
        var memory = new TensorMemory(destination);
        Primitive reorder = Engine.Create(new ReorderDescriptor { Source = source.Descriptor, Destination = destination }, attributes);
        reorder.Execute(this, new UnaryArguments(source, memory));
        return memory;
    }

    /// <summary>
    /// Executes a problem whose dimensions are known only now: its primitive is looked up in the engine's bounded cache, and planned
    /// if it is not there.
    /// </summary>
    /// <param name="descriptor">The operation. Layouts must be given; weights are taken in the layout of the descriptor.</param>
    /// <param name="attributes">Quantization and post-ops.</param>
    /// <param name="arguments">Memory.</param>
    /// <exception cref="UnsupportedPrimitiveException">No implementation takes the problem.</exception>
    /// <exception cref="ArgumentException">The problem contradicts itself.</exception>
    public void Execute(PrimitiveDescriptor descriptor, PrimitiveAttributes? attributes, in ExecutionArguments arguments) =>
        ExecuteChecked(Engine.Create(descriptor, attributes), in arguments);

    /// <summary>Makes sure that scratch memory of this size exists, so that later executions do not allocate.</summary>
    /// <exception cref="ObjectDisposedException">The stream was disposed.</exception>
    /// <exception cref="InvalidOperationException">The stream executes on another thread.</exception>
    public void ReserveScratch(long bytes)
    {
        _use.Begin(this, Busy);
        try
        {
            GrowScratch(bytes);
        }
        finally
        {
            EndUse();
        }
    }

    /// <summary>Frees the scratch memory, now or as soon as an execution that has begun ends.</summary>
    public void Dispose()
    {
        if (_use.Close())
            FreeScratch();
        GC.SuppressFinalize(this);
    }

    /// <summary>Executes a primitive for a caller who may be wrong: on the stream of another engine, at the same time as another one.</summary>
    /// <exception cref="ArgumentException">The primitive belongs to another engine, or the table lacks one of its arguments.</exception>
    /// <exception cref="ObjectDisposedException">The stream was disposed.</exception>
    /// <exception cref="InvalidOperationException">The stream executes on another thread.</exception>
    internal void ExecuteChecked(Primitive primitive, in ExecutionArguments arguments)
    {
        if (!ReferenceEquals(primitive.Engine, Engine)) // which books scratch memory for other threads
            throw new ArgumentException(
                "The primitive belongs to another engine than the stream; execute it on a stream of the engine that created it.",
                nameof(primitive));
        RequiredArguments.Check(primitive.RequiredSlots, in arguments);
        _use.Begin(this, Busy);
        try
        {
            Execute(primitive, in arguments);
        }
        finally
        {
            EndUse();
        }
    }

    /// <summary>Executes a chain of primitives that was planned as one.</summary>
    internal void Execute(Primitive chain, ReadOnlySpan<ExecutionArguments> stages) => Execute(chain, in stages[^1], stages);

    /// <summary>Executes a primitive for the owner of the stream, who knows that nobody else uses it and that all arguments are there.</summary>
    internal void Execute(
        Primitive primitive, in ExecutionArguments arguments, ReadOnlySpan<ExecutionArguments> stages = default)
    {
        byte* scratch;
        if (primitive.Attributes.Scratchpad == ScratchpadMode.User)
        {
            scratch = (byte*)arguments[ArgumentSlot.Scratchpad];
            if (primitive.ScratchBytes > 0 && (scratch is null || ((nint)scratch & (ScratchAlignment - 1)) != 0))
                throw new ArgumentException(
                    $"The primitive needs {primitive.ScratchBytes} bytes of scratch memory of the caller, aligned to {ScratchAlignment}.");
        }
        else
        {
            GrowScratch(primitive.ScratchBytes);
            scratch = _scratch;
        }

        if (Engine.IsObserved)
        {
            long start = Stopwatch.GetTimestamp();
            primitive.Execute(new ExecutionContext(in arguments, Engine.Pool, Threads, scratch, stages));
            Engine.Executed(primitive, start);
        }
        else
        {
            primitive.Execute(new ExecutionContext(in arguments, Engine.Pool, Threads, scratch, stages));
        }

        GC.KeepAlive(this);        // the scratch memory
        GC.KeepAlive(primitive);   // and the kernels' code, which the cache may have dropped
    }

    private void GrowScratch(long bytes)
    {
        if (bytes <= _scratchBytes)
            return;
        FreeScratch();
        _scratch = (byte*)NativeMemory.AlignedAlloc((nuint)bytes, 4096);
        _scratchBytes = bytes;
    }

    private void FreeScratch()
    {
        NativeMemory.AlignedFree(_scratch);
        _scratch = null;
        _scratchBytes = 0;
    }

    private void EndUse()
    {
        if (_use.End())
            FreeScratch();
    }
}
