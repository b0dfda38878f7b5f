// Copies without conversion: runs by block copies, transposes by kernels, the rest element by element.
using Int8Runtime.Jit;

namespace Int8Runtime.X64;

/// <summary>Copies a tensor to another layout, elements as bits. Immutable.</summary>
internal sealed unsafe class CopyPlan
{
    private readonly MemoryDescriptor _destination;
    private readonly CopyBox[] _boxes;

    private CopyPlan(MemoryDescriptor destination, CopyBox[] boxes) => (_destination, _boxes) = (destination, boxes);

    /// <summary>How elements travel.</summary>
    public string Details => string.Join(", ", _boxes.Select(box => box.Details).Distinct());

    /// <summary>A plan, or null if the layouts are blocked in ways that do not nest.</summary>
    public static CopyPlan? TryCreate(Isa isa, KernelCache cache, MemoryDescriptor source, MemoryDescriptor destination) =>
        LoopNest.TryCreate(destination, source) is { } nests
            ? new CopyPlan(destination, [.. nests.Select(nest => new CopyBox(nest, isa, cache, destination.DataType.SizeInBytes()))])
            : null;

    /// <summary>Sets a destination that has padding to zero.</summary>
    public void ClearPadding(byte* destination) => DestinationPadding.Clear(_destination, destination, keepsElements: false);

    /// <summary>Copies.</summary>
    public void Execute(in ExecutionContext context, byte* source, byte* destination)
    {
        foreach (CopyBox box in _boxes)
        {
            var work = new Work(box, source, destination);
            Parallel.Run(context.Pool, WorkSharing.Threads(box.Bytes, context.Threads), ref work);
        }
    }

    private readonly struct Work(CopyBox box, byte* source, byte* destination) : IParallelBody
    {
        public void Run(int worker, int workers) => box.Run(source, destination, worker, workers);
    }
}
