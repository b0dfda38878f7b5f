// A run kernel with the operands that belong to it.
using Int8Runtime.Jit;

namespace Int8Runtime.X64;

/// <summary>One step between source and destination.</summary>
/// <param name="PostOp">What is done; for a binary function the operand's descriptor says how it is broadcast.</param>
/// <param name="Slot">For a binary function: the argument that holds the operand.</param>
/// <param name="Values">For a binary function whose operand belongs to the plan: the operand.</param>
/// <param name="Quantization">Scale and zero point of the operand, if it has them.</param>
/// <param name="FollowsRounding">
/// Whether this last step adds s32 values to the rounded ones, whose sums are inside s32, instead of adding f32 before.
/// </param>
internal sealed record ElementwiseStep(
    PostOp PostOp, ArgumentSlot Slot = default, AlignedFloats? Values = null, OperandQuantization? Quantization = null,
    bool FollowsRounding = false)
{
    /// <summary>The operand where it is a tensor whose pointer moves; a single number of the plan is a constant.</summary>
    public MemoryDescriptor? Tensor =>
        PostOp is OperandPostOp { Operand: var operand } && (Values is null || operand.ElementCount > 1) ? operand : null;
}

/// <summary>
/// What the steps begin with instead of the source: <c>condition ≠ 0 ? source : other</c>, or without a condition
/// <c>source &gt; 0 ? source : other·source</c>; source and other dequantized.
/// </summary>
/// <param name="Other">Argument <see cref="ArgumentSlot.Source1"/>.</param>
/// <param name="Condition">Argument <see cref="ArgumentSlot.Condition"/>; null for none.</param>
/// <param name="Attributes">Scales and zero points of both sources.</param>
internal sealed record Selection(MemoryDescriptor Other, MemoryDescriptor? Condition, PrimitiveAttributes Attributes)
{
    /// <summary>The tensors beside the source.</summary>
    public IEnumerable<MemoryDescriptor> Tensors => Condition is null ? [Other] : [Other, Condition];

    /// <summary>The arguments that hold them.</summary>
    public IEnumerable<ArgumentSlot> Slots =>
        Condition is null ? [ArgumentSlot.Source1] : [ArgumentSlot.Source1, ArgumentSlot.Condition];

    /// <summary>Scale and zero point of the source.</summary>
    public OperandQuantization Source { get; } = OperandQuantization.OfSource(Attributes);

    /// <summary>Scale and zero point of the other tensor.</summary>
    public OperandQuantization OtherSource { get; } = OperandQuantization.OfSource1(Attributes);

    /// <summary>Whether either is dequantized.</summary>
    public bool IsQuantized => !Source.IsIdentity || !OtherSource.IsIdentity;
}

/// <summary>
/// Rows of consecutive elements through a chain of steps. Tensors are numbered: 0 the destination, 1 the source, then the
/// operands of the steps that have one, and last the other source and the condition of a selection.
/// </summary>
internal sealed unsafe class RunStage
{
    private readonly IReadOnlyList<ElementwiseStep> _steps;
    private readonly int[] _tensorOfStep; // 0 where the step has no tensor
    private readonly long[] _operandStrides; // by step
    private readonly long _sourceStride, _destinationStride;
    private readonly EpiloguePlan _epilogue;
    private readonly CompiledKernel _kernel;
    private readonly Selection? _selection;
    private readonly int _other; // number of the selection's other source, which the condition follows
    private readonly long _otherStride, _conditionStride;

    private RunStage(
        IReadOnlyList<ElementwiseStep> steps, int[] tensorOfStep, Selection? selection, int other, EpiloguePlan epilogue,
        CompiledKernel kernel, Loop rows)
    {
        (_selection, _other) = (selection, other);
        if (selection is not null)
            _otherStride = rows.Strides[other];
        if (selection is { Condition: not null })
            _conditionStride = rows.Strides[other + 1];
        (_steps, _tensorOfStep, _epilogue, _kernel) = (steps, tensorOfStep, epilogue, kernel);
        (_destinationStride, _sourceStride) = (rows.Strides[0], rows.Strides[1]);
        _operandStrides = GC.AllocateArray<long>(EpilogueArguments.MaximumOperands, pinned: true);
        for (int i = 0; i < tensorOfStep.Length; i++)
            _operandStrides[i] = tensorOfStep[i] == 0 ? 0 : rows.Strides[tensorOfStep[i]];
    }

    /// <summary>Name of the kernel.</summary>
    public string KernelName => _kernel.Name;

    /// <summary>Bytes kept alive.</summary>
    public long SizeInBytes => _epilogue.SizeInBytes;

    /// <summary>Bytes for numbers that are given at execution; a multiple of 64.</summary>
    public long NumberBytes => _epilogue.ScratchBytes;

    /// <summary>Element sizes of destination, source and operands.</summary>
    public static int[] ElementSizes(
        DataType destination, DataType source, IReadOnlyList<ElementwiseStep> steps, Selection? selection = null)
    {
        List<int> sizes = [destination.SizeInBytes(), source.SizeInBytes()];
        foreach (ElementwiseStep step in steps)
            if (step.Tensor is { } tensor)
                sizes.Add(tensor.DataType.SizeInBytes());
        foreach (MemoryDescriptor tensor in selection?.Tensors ?? [])
            sizes.Add(tensor.DataType.SizeInBytes());
        return [.. sizes];
    }

    /// <summary>True if every tensor of a loop has consecutive elements, or one element for all.</summary>
    public static bool IsRun(Loop loop, ReadOnlySpan<int> sizes)
    {
        bool run = loop.Strides[0] == sizes[0];
        for (int t = 1; t < sizes.Length; t++)
            run &= loop.Strides[t] == sizes[t] || loop.Strides[t] == 0;
        return run;
    }

    /// <summary>Creates the stage.</summary>
    /// <param name="isa">Instruction sets of the kernel.</param>
    /// <param name="cache">Where kernels are kept.</param>
    /// <param name="source">Element type of the source.</param>
    /// <param name="steps">The chain.</param>
    /// <param name="epilogue">What follows it.</param>
    /// <param name="rows">The loop over rows.</param>
    /// <param name="run">The loop within a row, for which <see cref="IsRun"/> holds; null if rows are single elements.</param>
    /// <param name="selection">What replaces elements of the source.</param>
    public static RunStage Create(
        Isa isa, KernelCache cache, DataType source, IReadOnlyList<ElementwiseStep> steps, Epilogue epilogue, Loop rows, Loop? run,
        Selection? selection = null)
    {
        OperandMode ModeOf(int tensor) => run is not null && run.Strides[tensor] == 0 ? OperandMode.PerTensor : OperandMode.PerChannel;
        var chain = new PlacedPostOp[steps.Count(step => !step.FollowsRounding)];
        var tensorOf = new int[steps.Count];
        OperandMode zeroPoints = OperandMode.None;
        int next = 2;
        for (int i = 0; i < steps.Count; i++)
        {
            ElementwiseStep step = steps[i];
            if (step.Tensor is not null)
                tensorOf[i] = next++;
            if (step.FollowsRounding)
            {
                zeroPoints = ModeOf(tensorOf[i]);
            }
            else if (step.Tensor is not null)
            {
                chain[i] = new PlacedPostOp(step.PostOp, ModeOf(tensorOf[i]), Quantization: step.Quantization);
            }
            else
            {
                chain[i] = step.Values is { } value
                    ? new PlacedPostOp(step.PostOp, OperandMode.Constant, value.Data[0])
                    : new PlacedPostOp(step.PostOp);
            }
        }

        EpiloguePlan plan = EpiloguePlan.ForRuns(epilogue, chain, zeroPoints);
        RunSelectionSpec? choice = selection is null ? null : new RunSelectionSpec(
            selection.Other.DataType, ModeOf(next), selection.Condition?.DataType ?? DataType.Undefined,
            selection.Condition is null ? OperandMode.None : ModeOf(next + 1), selection.IsQuantized);
        CompiledKernel kernel = new RunGenerator().GetOrCreate(
            cache, new RunSpec(source, ModeOf(1), run is null, plan.Spec, choice), isa);
        return new RunStage(steps, tensorOf, selection, next, plan, kernel, rows);
    }

    /// <summary>Writes the numbers that are given at execution, once for all rows.</summary>
    /// <param name="arguments">Operands of the execution.</param>
    /// <param name="numbers"><see cref="NumberBytes"/> bytes, 64-byte aligned.</param>
    public void WriteNumbers(in ExecutionArguments arguments, byte* numbers) => _epilogue.WriteNumbers(in arguments, numbers);

    /// <summary>Computes rows.</summary>
    /// <param name="arguments">Operands of the execution.</param>
    /// <param name="numbers">What <see cref="WriteNumbers"/> wrote.</param>
    /// <param name="source">First element of the source.</param>
    /// <param name="destination">First element of the destination.</param>
    /// <param name="offsets">Byte offset of the first element in each tensor; those of source and destination are not used.</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="count">Elements of a row.</param>
    public void Invoke(
        in ExecutionArguments arguments, byte* numbers, byte* source, byte* destination, ReadOnlySpan<long> offsets, long rows, long count)
    {
        EpilogueArguments table = default;
        _epilogue.PrepareNumbers(numbers, ref table);
        for (int i = 0; i < _tensorOfStep.Length; i++)
        {
            if (_tensorOfStep[i] == 0)
                continue;
            ElementwiseStep step = _steps[i];
            byte* operand = step.Values is { } values ? (byte*)values.Data : (byte*)arguments[step.Slot];
            table.Operands[i] = (nint)(operand + offsets[_tensorOfStep[i]]);
        }

        var call = new RunArguments
        {
            Source = source,
            Destination = destination,
            Count = count,
            Rows = rows,
            SourceStride = _sourceStride,
            DestinationStride = _destinationStride,
            Epilogue = &table,
        };
        if (_selection is not null)
        {
            call.Other = (byte*)arguments[ArgumentSlot.Source1] + offsets[_other];
            (call.OtherStride, call.ConditionStride) = (_otherStride, _conditionStride);
            call.Scale = _selection.Source.ScaleIn(in arguments);
            call.ZeroPoint = _selection.Source.ZeroPointIn(in arguments);
            call.OtherScale = _selection.OtherSource.ScaleIn(in arguments);
            call.OtherZeroPoint = _selection.OtherSource.ZeroPointIn(in arguments);
            if (_selection.Condition is not null)
                call.Condition = (byte*)arguments[ArgumentSlot.Condition] + offsets[_other + 1];
        }

        fixed (long* strides = _operandStrides)
        {
            call.OperandStrides = strides;
            _kernel.Entry(&call);
        }

        GC.KeepAlive(this);
    }
}
