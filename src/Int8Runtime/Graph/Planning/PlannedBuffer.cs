// Memory of a plan: intervals of steps during which a part of the arena is in use.
using Int8Runtime.Graph.Lowering;

namespace Int8Runtime.Graph.Planning;

/// <summary>A part of the arena of a request.</summary>
internal sealed class PlannedBuffer(long bytes)
{
    /// <summary>Size in bytes.</summary>
    public long Bytes { get; } = bytes;

    /// <summary>The first step that touches it.</summary>
    public int FirstStep { get; set; } = int.MaxValue;

    /// <summary>The last step that touches it.</summary>
    public int LastStep { get; set; } = -1;

    /// <summary>Whether the caller writes it; its content then stays from run to run.</summary>
    public bool IsInput { get; init; }

    /// <summary>Whether the caller reads it.</summary>
    public bool IsOutput { get; set; }

    /// <summary>Place in the arena, a multiple of <see cref="MemoryPlanner.Alignment"/>.</summary>
    public long Offset { get; set; }

    /// <summary>Reads of tensors in this buffer by operations that are not planned yet; the caller counts as one.</summary>
    public int PendingReads { get; set; }

    /// <summary>Extends the interval by a step.</summary>
    public void Touch(int step)
    {
        FirstStep = Math.Min(FirstStep, step);
        LastStep = Math.Max(LastStep, step);
    }

    /// <summary>Whether both are in use during some step.</summary>
    public bool Overlaps(PlannedBuffer other) => FirstStep <= other.LastStep && other.FirstStep <= LastStep;
}

/// <summary>A tensor in memory: in the arena, or a constant of the plan.</summary>
/// <param name="Descriptor">Layout; offsets count from the start of the buffer or constant.</param>
/// <param name="Buffer">The buffer; null for a constant.</param>
/// <param name="Constant">The constant; null for a buffer.</param>
internal sealed record Location(MemoryDescriptor Descriptor, PlannedBuffer? Buffer, StoredTensor? Constant)
{
    public Location(MemoryDescriptor descriptor, PlannedBuffer buffer)
        : this(descriptor, buffer, null)
    {
    }

    /// <summary>The memory in a request with this arena.</summary>
    public TensorMemory Resolve(TensorMemory arena) => Buffer is { } buffer ? arena.View(Descriptor, buffer.Offset) : Constant!.Memory;
}
