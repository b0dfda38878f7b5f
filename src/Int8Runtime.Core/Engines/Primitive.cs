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

    internal Primitive(PrimitivePlan plan, PrimitiveAttributes attributes, DispatchReport report)
    {
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

    /// <summary>Checks the memory and executes the operation.</summary>
    /// <exception cref="ArgumentException">A tensor does not have the expected descriptor.</exception>
    public void Execute<TArguments>(ExecutionStream stream, TArguments arguments)
        where TArguments : struct, IPrimitiveArguments
    {
        ArgumentNullException.ThrowIfNull(stream);
        ExecutionArguments table = default;
        arguments.Bind(Descriptor, ref table);
        stream.Execute(this, in table);
        KeepAlive(in arguments);
    }

    /// <summary>Executes the operation on a table of pointers, which are not checked.</summary>
    public void Execute(ExecutionStream stream, in ExecutionArguments arguments)
    {
        ArgumentNullException.ThrowIfNull(stream);
        stream.Execute(this, in arguments);
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
