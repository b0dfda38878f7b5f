// Pointers handed to one execution of a primitive.
using System.Runtime.CompilerServices;

namespace Int8Runtime;

/// <summary>The roles of memory in an execution.</summary>
public enum ArgumentSlot
{
    /// <summary>The (first) source.</summary>
    Source,

    /// <summary>The second source of a binary primitive.</summary>
    Source1,

    /// <summary>The weights, in the layout the primitive asked for.</summary>
    Weights,

    /// <summary>The bias, of the type and dimensions that the descriptor names.</summary>
    Bias,

    /// <summary>The destination.</summary>
    Destination,

    /// <summary>One f32: the source scale of <see cref="QuantizationScale.Runtime"/>.</summary>
    SourceScale,

    /// <summary>One s32: the source zero point of <see cref="ZeroPoint.Runtime"/>.</summary>
    SourceZeroPoint,

    /// <summary>One f32: the destination scale of <see cref="QuantizationScale.Runtime"/>.</summary>
    DestinationScale,

    /// <summary>One s32: the destination zero point of <see cref="ZeroPoint.Runtime"/>.</summary>
    DestinationZeroPoint,

    /// <summary>Factors of a normalization.</summary>
    NormalizationScale,

    /// <summary>Addends of a normalization.</summary>
    NormalizationShift,

    /// <summary>The condition of a selection.</summary>
    Condition,

    /// <summary>Means of a normalization, read or written.</summary>
    NormalizationMean,

    /// <summary>Variances of a normalization, read or written.</summary>
    NormalizationVariance,

    /// <summary>
    /// f32: the weights' scale of <see cref="QuantizationScale.Runtime"/>, or those of each output channel of
    /// <see cref="QuantizationScale.RuntimePerChannel"/>.
    /// </summary>
    WeightsScale,

    /// <summary>One s32: the weights' zero point of <see cref="ZeroPoint.Runtime"/>.</summary>
    WeightsZeroPoint,

    /// <summary>Scratch memory of the caller, for primitives with <see cref="ScratchpadMode.User"/>.</summary>
    Scratchpad,

    /// <summary>The bias of a <see cref="DepthwisePostOp"/>, whose weights are an operand of the chain.</summary>
    DepthwiseBias,

    /// <summary>One f32: the second source's scale of <see cref="QuantizationScale.Runtime"/>.</summary>
    Source1Scale,

    /// <summary>One s32: the second source's zero point of <see cref="ZeroPoint.Runtime"/>.</summary>
    Source1ZeroPoint,

    /// <summary>Written by a reorder: <see cref="ReorderDescriptor.SignedSourceCompensation"/>.</summary>
    SignedSourceCompensation,

    /// <summary>Written by a reorder: <see cref="ReorderDescriptor.ZeroPointCompensation"/>.</summary>
    ZeroPointCompensation,

    /// <summary>Operand of the first post-op of the chain; operand of post-op i is at this value plus i.</summary>
    PostOp0 = 32,
}

/// <summary>A fixed table of pointers, one for each <see cref="ArgumentSlot"/>.</summary>
public unsafe struct ExecutionArguments
{
    private const int SlotCount = (int)ArgumentSlot.PostOp0 + PostOp.MaximumChainLength;

    private Table _pointers;

    /// <summary>The pointer of a slot; null if the slot is not used.</summary>
    public void* this[ArgumentSlot slot]
    {
        readonly get => (void*)_pointers[(int)slot];
        set => _pointers[(int)slot] = (nint)value;
    }

    /// <summary>Sets a slot to the memory's start.</summary>
    /// <exception cref="ArgumentNullException"><paramref name="memory"/> is null.</exception>
    public void Set(ArgumentSlot slot, TensorMemory memory)
    {
        ArgumentNullException.ThrowIfNull(memory);
        this[slot] = memory.Data;
    }

    /// <summary>The operand of the post-op at <paramref name="index"/> of the chain.</summary>
    public readonly void* PostOpOperand(int index) => this[ArgumentSlot.PostOp0 + index];

    /// <summary>Sets the operand of the post-op at <paramref name="index"/> of the chain.</summary>
    public void SetPostOpOperand(int index, TensorMemory memory) => Set(ArgumentSlot.PostOp0 + index, memory);

    [InlineArray(SlotCount)]
    private struct Table
    {
        private nint _first;
    }
}

/// <summary>Arguments of one primitive kind, which know how to fill the table.</summary>
public interface IPrimitiveArguments
{
    /// <summary>Checks the memory against the primitive and fills the table.</summary>
    /// <exception cref="ArgumentException">A tensor does not have the descriptor that the primitive expects.</exception>
    void Bind(PrimitiveDescriptor descriptor, ref ExecutionArguments arguments);
}

/// <summary>What a plan sees of one execution.</summary>
internal readonly unsafe ref struct ExecutionContext
{
    private readonly ref readonly ExecutionArguments _arguments;

    /// <summary>Creates the context of one execution.</summary>
    public ExecutionContext(
        in ExecutionArguments arguments, IThreadPool pool, int threads, byte* scratch, ReadOnlySpan<ExecutionArguments> stages = default)
    {
        _arguments = ref arguments;
        Stages = stages;
        Pool = pool;
        Threads = threads;
        Scratch = scratch;
    }

    /// <summary>The memory of this execution.</summary>
    public ref readonly ExecutionArguments Arguments => ref _arguments;

    /// <summary>The memory of each primitive of a chain that is executed as one; empty for others.</summary>
    public ReadOnlySpan<ExecutionArguments> Stages { get; }

    /// <summary>Where parallel work runs.</summary>
    public IThreadPool Pool { get; }

    /// <summary>Number of threads to use, including the caller.</summary>
    public int Threads { get; }

    /// <summary><see cref="PrimitivePlan.ScratchBytes"/> bytes, 64-byte aligned.</summary>
    public byte* Scratch { get; }

    /// <summary>Runs <paramref name="body"/> on up to <see cref="Threads"/> workers and waits for all of them.</summary>
    public void Run<TBody>(scoped ref TBody body)
        where TBody : struct, IParallelBody, allows ref struct => Parallel.Run(Pool, Threads, ref body);
}
