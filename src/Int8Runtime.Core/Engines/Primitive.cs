// A planned operation that can be executed.
using System.Runtime.CompilerServices;

namespace Int8Runtime;

/// <summary>
/// An operation planned for an engine. Immutable and thread-safe: any number of threads may execute it at once, each
/// through its own stream. Disposing is not required; it exists so that <c>using</c> reads well.
/// </summary>
public sealed unsafe class Primitive : IDisposable
{
    private readonly PrimitivePlan _plan;
    private ulong _requiredSlots; // 0 until it is asked for

    internal Primitive(Engine engine, PrimitivePlan plan, PrimitiveAttributes attributes, DispatchReport report)
    {
        Engine = engine;
        _plan = plan;
        Attributes = attributes;
        Report = report;
    }

    /// <summary>The operation, with every layout resolved.</summary>
    public PrimitiveDescriptor Descriptor => _plan.Descriptor;

    /// <summary>Quantization and post-ops, with the layouts of post-ops' tensors resolved.</summary>
    public PrimitiveAttributes Attributes { get; }

    /// <summary>Name of the chosen implementation, for example <c>brgemm_conv:avx512_vnni</c>.</summary>
    public string ImplementationName => Report.Chosen!;

    /// <summary>Tile, blocking and kernels, for reports.</summary>
    public string Details => _plan.Details;

    /// <summary>The choice and the refusals before it.</summary>
    public DispatchReport Report { get; }

    /// <summary>The plan behind it.</summary>
    internal PrimitivePlan Plan => _plan;

    /// <summary>Tiles that may be worth measuring, the cost model's choice first.</summary>
    internal IReadOnlyList<KernelTile> Tiles => _plan.Tiles;

    /// <summary>Bytes of scratch memory that one execution needs.</summary>
    public long ScratchBytes => _plan.ScratchBytes;

    /// <summary>The layout in which the weights are expected.</summary>
    /// <exception cref="InvalidOperationException">The operation has no weights.</exception>
    public MemoryDescriptor Weights => Descriptor is IWeightedDescriptor weighted
        ? weighted.Weights
        : throw new InvalidOperationException($"A {Descriptor.Kind} primitive has no weights.");

    internal long SizeInBytes => _plan.SizeInBytes;

    /// <summary>The engine that created it.</summary>
    internal Engine Engine { get; }

    /// <summary>The arguments that an execution needs; see <see cref="RequiredArguments"/>.</summary>
    internal ulong RequiredSlots => _requiredSlots != 0 ? _requiredSlots : _requiredSlots = RequiredArguments.Of(Descriptor, Attributes);

    /// <summary>Checks the memory and executes the operation.</summary>
    /// <param name="stream">A stream of the engine that created the primitive.</param>
    /// <param name="arguments">
    /// The tensors. Operands of post-ops, and scales and zero points that are given at execution, need a table; see
    /// <see cref="Execute(ExecutionStream, in ExecutionArguments)"/>.
    /// </param>
    /// <exception cref="ArgumentException">
    /// A tensor is missing or does not have the expected descriptor, or the stream belongs to another engine.
    /// </exception>
    /// <exception cref="InvalidOperationException">The stream executes on another thread.</exception>
    /// <exception cref="ObjectDisposedException">The stream or a tensor was disposed.</exception>
    public void Execute<TArguments>(ExecutionStream stream, TArguments arguments)
        where TArguments : struct, IPrimitiveArguments
    {
        ArgumentNullException.ThrowIfNull(stream);
        ExecutionArguments table = default;
        arguments.Bind(Descriptor, ref table);
        stream.ExecuteChecked(this, in table);
        KeepAlive(in arguments);
    }

    /// <summary>
    /// Executes the operation on a table of pointers. That all are there is checked; what they point to is the caller's responsibility.
    /// </summary>
    /// <param name="stream">A stream of the engine that created the primitive.</param>
    /// <param name="arguments">The pointers; the memory has to live until the call returns.</param>
    /// <exception cref="ArgumentException">A pointer is missing, or the stream belongs to another engine.</exception>
    /// <exception cref="InvalidOperationException">The stream executes on another thread.</exception>
    /// <exception cref="ObjectDisposedException">The stream was disposed.</exception>
    public void Execute(ExecutionStream stream, in ExecutionArguments arguments)
    {
        ArgumentNullException.ThrowIfNull(stream);
        stream.ExecuteChecked(this, in arguments);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
    }

    internal void Execute(in ExecutionContext context) => _plan.Execute(in context);

    // The table holds addresses only: tensors that the caller drops here must not be finalized while kernels use them. GC.KeepAlive
    // would box the arguments.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void KeepAlive<T>(in T arguments)
    {
    }
}
