// The numbers that belong to an EpilogueSpec, laid out for kernels.
namespace Int8Runtime.X64;

/// <summary>A post-op with the way its operand meets the lanes.</summary>
/// <param name="PostOp">The post-op.</param>
/// <param name="Mode">For a binary one: which elements the lanes meet.</param>
/// <param name="Constant">For <see cref="OperandMode.Constant"/>: the operand.</param>
/// <param name="Quantization">Scale and zero point of the operand, if it has them.</param>
internal readonly record struct PlacedPostOp(
    PostOp PostOp, OperandMode Mode = OperandMode.None, float Constant = 0, (float Scale, int ZeroPoint)? Quantization = null);

/// <summary>
/// An <see cref="Epilogue"/> prepared for generated code: the spec that keys the kernel, and the memory that the kernel reads.
/// A plan creates it once and fills <see cref="EpilogueArguments"/> at each execution.
/// </summary>
internal sealed unsafe class EpiloguePlan
{
    /// <summary>Bytes of a constant slot: a splat as wide as the widest vector.</summary>
    public const int SlotBytes = 64;

    private readonly AlignedFloats _constants;
    private readonly AlignedFloats _scale;
    private readonly (int Index, long Offset, long BatchStride)[] _operands;

    private EpiloguePlan(EpilogueSpec spec, AlignedFloats constants, AlignedFloats scale, (int, long, long)[] operands) =>
        (Spec, _constants, _scale, _operands) = (spec, constants, scale, operands);

    /// <summary>What the code depends on.</summary>
    public EpilogueSpec Spec { get; }

    /// <summary>Whether operands differ from image to image, so that <see cref="SelectImage"/> must be called for each.</summary>
    public bool MovesPerImage => Array.Exists(_operands, operand => operand.BatchStride != 0);

    /// <summary>Bytes kept alive.</summary>
    public long SizeInBytes => _constants.SizeInBytes + _scale.SizeInBytes;

    /// <summary>
    /// Prepares an epilogue for a kernel that writes tiles of <paramref name="destination"/> with the channels (dimension 1)
    /// in consecutive lanes.
    /// </summary>
    /// <param name="epilogue">The planned arithmetic.</param>
    /// <param name="accumulator">s32 or f32.</param>
    /// <param name="hasBias">Whether a bias, one for each channel, is given at execution.</param>
    /// <param name="destination">The destination.</param>
    /// <param name="refusal">What is not served, if the result is null.</param>
    public static EpiloguePlan? TryCreate(
        Epilogue epilogue, DataType accumulator, bool hasBias, MemoryDescriptor destination, out string refusal)
    {
        refusal = "";
        var operands = new List<(int, long, long)>();
        var chain = new PlacedPostOp[epilogue.PostOps.Count];
        for (int i = 0; i < chain.Length; i++)
        {
            chain[i] = new PlacedPostOp(epilogue.PostOps[i]);
            if (epilogue.PostOps[i] is not BinaryPostOp binary)
                continue;
            if (TileModeOf(binary.Operand, destination, out long batchStride) is not { } mode)
            {
                refusal = $"the operand {binary.Operand} of a binary post-op needs one element, one for each channel, or the destination's layout";
                return null;
            }

            int size = binary.Operand.DataType.SizeInBytes();
            chain[i] = new PlacedPostOp(binary, mode);
            operands.Add((i, binary.Operand.Offset * size, batchStride * size));
        }

        bool common = !epilogue.Scale.AsSpan().ContainsAnyExcept(epilogue.Scale[0]);
        OperandMode scale = !common ? OperandMode.PerChannel
            : epilogue.Scale[0] == 1f ? OperandMode.None : OperandMode.PerTensor;
        return Create(epilogue, accumulator, scale, hasBias ? OperandMode.PerChannel : OperandMode.None, chain, [.. operands]);
    }

    /// <summary>Prepares an epilogue of f32 values whose operands the caller places and moves itself.</summary>
    /// <param name="epilogue">What follows the post-ops; its own scale, bias and post-ops are not used.</param>
    /// <param name="chain">The post-ops.</param>
    public static EpiloguePlan ForRuns(Epilogue epilogue, ReadOnlySpan<PlacedPostOp> chain) =>
        Create(epilogue, DataType.Float32, OperandMode.None, OperandMode.None, chain, []);

    /// <summary>
    /// Prepares what follows values that a kernel has computed itself; null if a post-op has an operand, whose place such a
    /// kernel does not know.
    /// </summary>
    /// <param name="epilogue">An epilogue of <see cref="Epilogue.CreateForValues"/>.</param>
    public static EpiloguePlan? TryForValues(Epilogue epilogue) =>
        epilogue.PostOps.Any(postOp => postOp is BinaryPostOp) ? null : ForValues(epilogue, _ => OperandMode.None, out _);

    /// <summary>Prepares what follows values that a kernel has computed itself; the caller places the operands of post-ops.</summary>
    /// <param name="epilogue">An epilogue of <see cref="Epilogue.CreateForValues"/>.</param>
    /// <param name="modeOf">How the operand of a post-op, given by its number among those with operands, meets the lanes.</param>
    /// <param name="operands">Place in the kernel's chain and in the attributes of each post-op with an operand.</param>
    public static EpiloguePlan ForValues(Epilogue epilogue, Func<int, OperandMode> modeOf, out (int Place, int PostOp)[] operands)
    {
        var chain = new List<PlacedPostOp>();
        var placed = new List<(int, int)>();
        if (epilogue.Scale[0] != 1f)
        {
            PostOp factor = PostOp.Binary(BinaryAlgorithm.Multiply, new MemoryDescriptor([1], DataType.Float32));
            chain.Add(new PlacedPostOp(factor, OperandMode.Constant, epilogue.Scale[0]));
        }

        for (int i = 0; i < epilogue.PostOps.Count; i++)
        {
            OperandMode mode = OperandMode.None;
            if (epilogue.PostOps[i] is BinaryPostOp)
            {
                mode = modeOf(placed.Count);
                placed.Add((chain.Count, i));
            }

            chain.Add(new PlacedPostOp(epilogue.PostOps[i], mode));
        }

        operands = [.. placed];
        return ForRuns(epilogue, [.. chain]);
    }

    /// <summary>Fills what belongs to the plan; operands and bias are left to the caller.</summary>
    public void PrepareConstants(ref EpilogueArguments table)
    {
        table.Constants = (byte*)_constants.Data;
        table.Scale = _scale.Data;
    }

    /// <summary>Fills the pointers of an execution; those of the first image where operands move.</summary>
    public void Prepare(in ExecutionArguments arguments, MemoryDescriptor destination, out EpilogueArguments table)
    {
        table = default;
        PrepareConstants(ref table);
        table.Bias = (float*)arguments[ArgumentSlot.Bias];
        table.DestinationOrigin = (byte*)arguments[ArgumentSlot.Destination] + (destination.Offset * destination.DataType.SizeInBytes());
        foreach ((int index, long offset, _) in _operands)
            table.Operands[index] = (nint)((byte*)arguments.PostOpOperand(index) + offset);
    }

    /// <summary>Moves operands that differ from image to image to image <paramref name="image"/>.</summary>
    public void SelectImage(in ExecutionArguments arguments, int image, ref EpilogueArguments table)
    {
        foreach ((int index, long offset, long stride) in _operands)
            if (stride != 0)
                table.Operands[index] = (nint)((byte*)arguments.PostOpOperand(index) + offset + (image * stride));
    }

    private static EpiloguePlan Create(
        Epilogue epilogue, DataType accumulator, OperandMode scale, OperandMode bias, ReadOnlySpan<PlacedPostOp> chain,
        (int, long, long)[] operands)
    {
        var numbers = new List<float>();
        var postOps = new PostOpSpec[chain.Length];
        for (int i = 0; i < postOps.Length; i++)
        {
            int slot = numbers.Count;
            switch (chain[i].PostOp)
            {
                case SumPostOp sum:
                    DataType type = sum.DataType == DataType.Undefined ? epilogue.DestinationType : sum.DataType;
                    postOps[i] = new SumSpec(type, sum.ZeroPoint != 0, slot);
                    numbers.AddRange(sum.ZeroPoint != 0 ? [sum.Scale, sum.ZeroPoint] : [sum.Scale]);
                    break;
                case EltwisePostOp eltwise:
                    postOps[i] = EltwiseSpec.Of(eltwise.Algorithm, eltwise.Alpha, eltwise.Beta, slot);
                    numbers.AddRange([eltwise.Alpha, eltwise.Beta]);
                    break;
                case BinaryPostOp binary:
                    (float Scale, int ZeroPoint)? quantization = chain[i].Quantization;
                    postOps[i] = new BinarySpec(
                        binary.Algorithm, binary.Operand.DataType, chain[i].Mode, i, quantization is not null, slot);
                    if (chain[i].Mode == OperandMode.Constant)
                        numbers.Add(chain[i].Constant);
                    else if (quantization is { } q)
                        numbers.AddRange([q.Scale, q.ZeroPoint]);
                    break;
            }
        }

        bool integer = !epilogue.DestinationType.IsFloatingPoint();
        int lowerByte = LowerByte(epilogue);
        var spec = new EpilogueSpec
        {
            Accumulator = accumulator,
            Destination = epilogue.DestinationType,
            Scale = scale,
            Bias = bias,
            ScalesBias = bias != OperandMode.None && epilogue.BiasMultiplier != 1f,
            PostOps = new ValueList<PostOpSpec>(postOps),
            Multiplies = epilogue.OutputMultiplier != 1f,
            ClampsBelow = epilogue.LowerBound > float.NegativeInfinity,
            ClampsAbove = epilogue.UpperBound < float.PositiveInfinity,
            HasZeroPoint = integer && epilogue.OutputZeroPoint != 0,
            HasLowerByte = epilogue.DestinationType.IsInt8() && lowerByte > epilogue.DestinationType.IntegerRange().Min,
            StoresAccumulator = epilogue.StoresAccumulator,
        };
        numbers.AddRange(
        [
            epilogue.BiasMultiplier, epilogue.OutputMultiplier, epilogue.LowerBound, epilogue.UpperBound,
            BitConverter.Int32BitsToSingle(epilogue.OutputZeroPoint),
            BitConverter.Int32BitsToSingle((byte)lowerByte * 0x01010101),
            BitConverter.Int32BitsToSingle((epilogue.OutputZeroPoint & 0xFFFF) * 0x00010001),
        ]);
        return new EpiloguePlan(spec, AlignedFloats.Splats([.. numbers]), AlignedFloats.Copy(epilogue.Scale), operands);
    }

    // The lower bound of an 8-bit destination after rounding, with the zero point.
    private static int LowerByte(Epilogue epilogue)
    {
        if (!epilogue.DestinationType.IsInt8())
            return 0;
        (int min, int max) = epilogue.DestinationType.IntegerRange();
        return (int)Math.Clamp(Math.Round((double)epilogue.LowerBound, MidpointRounding.ToEven) + epilogue.OutputZeroPoint, min, max);
    }

    // How a tile with channels in its lanes meets an operand; null where it cannot.
    private static OperandMode? TileModeOf(MemoryDescriptor operand, MemoryDescriptor destination, out long batchStride)
    {
        batchStride = 0;
        if (!operand.IsStrided || !operand.InnerBlocks.IsEmpty)
            return null;
        bool beyondChannels = false;
        for (int d = 2; d < operand.Rank; d++)
            beyondChannels |= operand.Dimensions[d] != 1;
        int channels = operand.Rank > 1 ? operand.Dimensions[1] : 1;
        int images = operand.Rank > 0 ? operand.Dimensions[0] : 1;
        if (operand.ElementCount == 1)
            return OperandMode.PerTensor;
        if (!beyondChannels && (channels > 1 || destination.Dimensions[1] == 1) && (channels == 1 || operand.Strides[1] == 1))
        {
            batchStride = images > 1 ? operand.Strides[0] : 0;
            return OperandMode.PerChannel;
        }

        if (operand.Dimensions != destination.Dimensions)
            return null;
        for (int d = 0; d < operand.Rank; d++)
            if (operand.Dimensions[d] > 1 && operand.Strides[d] != destination.Strides[d])
                return null;
        return OperandMode.PerElement;
    }
}
