// The numbers that belong to an EpilogueSpec, laid out for kernels.
namespace Int8Runtime.X64;

/// <summary>A post-op with the way its operand meets the lanes.</summary>
/// <param name="PostOp">The post-op.</param>
/// <param name="Mode">For one with an operand: which elements the lanes meet.</param>
/// <param name="Constant">For <see cref="OperandMode.Constant"/>: the operand.</param>
/// <param name="Quantization">Scale and zero point of the operand, if it has them.</param>
internal readonly record struct PlacedPostOp(
    PostOp PostOp, OperandMode Mode = OperandMode.None, float Constant = 0, OperandQuantization? Quantization = null);

/// <summary>
/// An <see cref="Epilogue"/> prepared for generated code: the spec that keys the kernel, and the memory that the kernel reads.
/// A plan creates it once and fills <see cref="EpilogueArguments"/> at each execution. Where scales or zero points are given at
/// execution, the numbers are written into scratch memory first.
/// </summary>
internal sealed unsafe class EpiloguePlan
{
    /// <summary>Bytes of a constant slot: a splat as wide as the widest vector.</summary>
    public const int SlotBytes = 64;

    // The zero point of an 8-bit destination that may be added in words.
    private const int LargestWordZeroPoint = 32000;

    private const int BiasIndex = -1;

    private readonly Epilogue _epilogue;
    private readonly AlignedFloats _constants, _scale;
    private readonly AlignedFloats? _zeroPoints;
    private readonly OperandPlace[] _operands;
    private readonly (int Slot, OperandQuantization Quantization)[] _quantizations; // of operands, those given at execution
    private readonly bool _isRuntime;

    private EpiloguePlan(
        EpilogueSpec spec, Epilogue epilogue, AlignedFloats constants, OperandPlace[] operands,
        (int Slot, OperandQuantization Quantization)[] quantizations)
    {
        (Spec, _epilogue, _constants, _operands, _quantizations) = (spec, epilogue, constants, operands, quantizations);
        _isRuntime = epilogue.IsRuntime || quantizations.Length > 0;
        _scale = AlignedFloats.Copy(epilogue.Scale);
        if (epilogue.OutputZeroPoints is { } zeroPoints)
            _zeroPoints = AlignedFloats.Copy([.. zeroPoints.Select(BitConverter.Int32BitsToSingle)]);
    }

    /// <summary>What the code depends on.</summary>
    public EpilogueSpec Spec { get; }

    /// <summary>Whether operands differ from image to image, so that <see cref="SelectImage"/> must be called for each.</summary>
    public bool MovesPerImage => Array.Exists(_operands, operand => operand.BatchStride != 0);

    /// <summary>Bytes kept alive.</summary>
    public long SizeInBytes => _constants.SizeInBytes + _scale.SizeInBytes;

    /// <summary>Bytes for the numbers of an execution; 0 where all are constants. A multiple of 64.</summary>
    public long ScratchBytes => _isRuntime
        ? (((long)Spec.SlotCount * SlotBytes) + ((long)_epilogue.Scale.Length * sizeof(float))
            + (2 * SlotBytes) - 1) / SlotBytes * SlotBytes
        : 0;

    /// <summary>
    /// Prepares an epilogue for a kernel that writes tiles of <paramref name="destination"/> with the channels (dimension 1)
    /// in consecutive lanes.
    /// </summary>
    /// <param name="epilogue">The planned arithmetic.</param>
    /// <param name="accumulator">s32 or f32.</param>
    /// <param name="bias">The bias that is given at execution: one dimension of channels, or the destination's rank; null for none.</param>
    /// <param name="destination">The destination.</param>
    /// <param name="refusal">What is not served, if the result is null.</param>
    public static EpiloguePlan? TryCreate(
        Epilogue epilogue, DataType accumulator, MemoryDescriptor? bias, MemoryDescriptor destination, out string refusal)
    {
        refusal = "";
        var operands = new List<OperandPlace>();
        var chain = new PlacedPostOp[epilogue.PostOps.Count];
        for (int i = 0; i < chain.Length; i++)
        {
            if (epilogue.PostOps[i] is DepthwisePostOp)
            {
                refusal = "a depthwise post-op, which takes rows instead of elements";
                return null;
            }

            chain[i] = new PlacedPostOp(epilogue.PostOps[i]);
            if (epilogue.PostOps[i] is not OperandPostOp postOp)
                continue;
            if (OperandPlace.Of(i, postOp.Operand, destination) is not { } place)
            {
                refusal = $"the operand {postOp.Operand} of a post-op needs one element, one for each channel, or the destination's layout";
                return null;
            }

            chain[i] = new PlacedPostOp(postOp, place.Mode);
            operands.Add(place);
        }

        OperandMode biasMode = OperandMode.None;
        if (bias is not null)
        {
            if (OperandPlace.Of(BiasIndex, OfChannels(bias, destination), destination) is not { } place)
            {
                refusal = $"the bias {bias} needs one element, one for each channel, or the destination's layout";
                return null;
            }

            biasMode = place.Mode;
            operands.Add(place);
        }

        bool common = epilogue.HasRuntimeScale
            ? epilogue.Attributes.WeightsScale is not { Granularity: QuantizationGranularity.PerChannel }
            : !epilogue.Scale.AsSpan().ContainsAnyExcept(epilogue.Scale[0]);
        OperandMode scale = !common ? OperandMode.PerChannel
            : epilogue.Scale[0] == 1f && !epilogue.HasRuntimeScale ? OperandMode.None : OperandMode.PerTensor;
        return Create(epilogue, accumulator, scale, biasMode, bias?.DataType ?? DataType.Float32, chain, [.. operands]);
    }

    /// <summary>Whether kernels that write tiles of <paramref name="destination"/> can read an operand where it lies.</summary>
    public static bool Serves(MemoryDescriptor operand, MemoryDescriptor destination) =>
        OperandPlace.Of(0, OfChannels(operand, destination), destination) is not null;

    /// <summary>Prepares an epilogue of f32 values whose operands the caller places and moves itself.</summary>
    /// <param name="epilogue">What follows the post-ops; its own scale, bias and post-ops are not used.</param>
    /// <param name="chain">The post-ops.</param>
    /// <param name="zeroPoints">How s32 values of an operand, the one behind those of the chain, meet the lanes after rounding.</param>
    public static EpiloguePlan ForRuns(
        Epilogue epilogue, ReadOnlySpan<PlacedPostOp> chain, OperandMode zeroPoints = OperandMode.None) =>
        Create(epilogue, DataType.Float32, OperandMode.None, OperandMode.None, DataType.Float32, chain, [], zeroPoints);

    /// <summary>
    /// Prepares what follows values that a kernel has computed itself; null if a post-op has an operand, whose place such a
    /// kernel does not know.
    /// </summary>
    /// <param name="epilogue">An epilogue of <see cref="Epilogue.CreateForValues"/>.</param>
    public static EpiloguePlan? TryForValues(Epilogue epilogue) =>
        epilogue.PostOps.Any(postOp => postOp is OperandPostOp) ? null : ForValues(epilogue, _ => OperandMode.None, out _);

    /// <summary>Prepares what follows values that a kernel has computed itself; the caller places the operands of post-ops.</summary>
    /// <param name="epilogue">An epilogue of <see cref="Epilogue.CreateForValues"/>.</param>
    /// <param name="modeOf">How the operand of a post-op, given by its number among those with operands, meets the lanes.</param>
    /// <param name="operands">Place in the kernel's chain and in the attributes of each post-op with an operand.</param>
    public static EpiloguePlan ForValues(Epilogue epilogue, Func<int, OperandMode> modeOf, out (int Place, int PostOp)[] operands)
    {
        var chain = new List<PlacedPostOp>();
        var placed = new List<(int, int)>();
        if (HasFactor(epilogue))
        {
            PostOp factor = PostOp.Binary(BinaryAlgorithm.Multiply, new MemoryDescriptor([1], DataType.Float32));
            chain.Add(new PlacedPostOp(factor, OperandMode.Constant, epilogue.Scale[0]));
        }

        for (int i = 0; i < epilogue.PostOps.Count; i++)
        {
            OperandMode mode = OperandMode.None;
            if (epilogue.PostOps[i] is OperandPostOp)
            {
                mode = modeOf(placed.Count);
                placed.Add((chain.Count, i));
            }

            chain.Add(new PlacedPostOp(epilogue.PostOps[i], mode));
        }

        operands = [.. placed];
        return ForRuns(epilogue, [.. chain]);
    }

    /// <summary>Whether values of <see cref="Epilogue.CreateForValues"/> are multiplied before the post-ops.</summary>
    public static bool HasFactor(Epilogue epilogue) => epilogue.Scale[0] != 1f || epilogue.HasRuntimeScale;

    /// <summary>Writes the numbers of an execution; does nothing where all are constants.</summary>
    /// <param name="arguments">Memory of the execution.</param>
    /// <param name="scratch"><see cref="ScratchBytes"/> bytes, 64-byte aligned; used until the execution ends.</param>
    /// <exception cref="ArgumentException">A zero point that is given now is too large for an 8-bit destination.</exception>
    public void WriteNumbers(in ExecutionArguments arguments, byte* scratch)
    {
        if (!_isRuntime)
            return;
        new ReadOnlySpan<byte>(_constants.Data, Spec.SlotCount * SlotBytes).CopyTo(new Span<byte>(scratch, Spec.SlotCount * SlotBytes));
        if (_epilogue.IsRuntime)
            WriteNumbers(RuntimeQuantization.Read(_epilogue.Attributes, in arguments), (float*)scratch, ScaleIn(scratch));
        foreach ((int slot, OperandQuantization quantization) in _quantizations)
        {
            Splat((float*)scratch, slot, quantization.ScaleIn(in arguments));
            Splat((float*)scratch, slot + 1, quantization.ZeroPointIn(in arguments));
        }
    }

    /// <summary>Points at the numbers; operands and bias are left to the caller.</summary>
    /// <param name="scratch">What <see cref="WriteNumbers(in ExecutionArguments, byte*)"/> wrote.</param>
    /// <param name="table">Receives the pointers.</param>
    public void PrepareNumbers(byte* scratch, ref EpilogueArguments table)
    {
        table.Constants = _isRuntime ? scratch : (byte*)_constants.Data;
        table.Scale = _isRuntime ? ScaleIn(scratch) : _scale.Data;
        table.ZeroPoints = _zeroPoints is null ? null : (int*)_zeroPoints.Data;
    }

    /// <summary>Fills the pointers of an execution; those of the first image where operands move.</summary>
    /// <param name="arguments">Memory of the execution.</param>
    /// <param name="destination">The destination.</param>
    /// <param name="scratch"><see cref="ScratchBytes"/> bytes, 64-byte aligned; used until the execution ends.</param>
    /// <param name="table">Receives the pointers.</param>
    /// <exception cref="ArgumentException">A zero point that is given now is too large for an 8-bit destination.</exception>
    public void Prepare(in ExecutionArguments arguments, MemoryDescriptor destination, byte* scratch, out EpilogueArguments table)
    {
        table = default;
        WriteNumbers(in arguments, scratch);
        PrepareNumbers(scratch, ref table);
        table.DestinationOrigin = (byte*)arguments[ArgumentSlot.Destination] + (destination.Offset * destination.DataType.SizeInBytes());
        foreach (OperandPlace operand in _operands)
            Point(in arguments, operand, 0, ref table);
    }

    /// <summary>Moves operands that differ from image to image to image <paramref name="image"/>.</summary>
    public void SelectImage(in ExecutionArguments arguments, int image, ref EpilogueArguments table)
    {
        foreach (OperandPlace operand in _operands)
            if (operand.BatchStride != 0)
                Point(in arguments, operand, image, ref table);
    }

    private static void Point(in ExecutionArguments arguments, OperandPlace operand, int image, ref EpilogueArguments table)
    {
        var data = (byte*)(operand.Index == BiasIndex ? arguments[ArgumentSlot.Bias] : arguments.PostOpOperand(operand.Index));
        data += operand.Offset + (image * operand.BatchStride);
        if (operand.Index == BiasIndex)
            table.Bias = data;
        else
            table.Operands[operand.Index] = (nint)data;
    }

    // A bias of one dimension, seen as a tensor of the destination's rank.
    private static MemoryDescriptor OfChannels(MemoryDescriptor bias, MemoryDescriptor destination)
    {
        if (bias.Rank == destination.Rank || bias.Rank != 1)
            return bias;
        Shape dimensions = Shape.Filled(destination.Rank, 1).With(1, bias.Dimensions[0]);
        var strides = new long[destination.Rank];
        strides[1] = bias.Strides[0];
        return MemoryDescriptor.Strided(dimensions, bias.DataType, strides, bias.Offset);
    }

    private static EpiloguePlan Create(
        Epilogue epilogue, DataType accumulator, OperandMode scale, OperandMode bias, DataType biasType,
        ReadOnlySpan<PlacedPostOp> chain, OperandPlace[] operands, OperandMode zeroPoints = OperandMode.None)
    {
        var numbers = new List<float>();
        var quantizations = new List<(int, OperandQuantization)>();
        var postOps = new PostOpSpec[chain.Length];
        for (int i = 0; i < postOps.Length; i++)
        {
            int slot = numbers.Count;
            PlacedPostOp placed = chain[i];
            (float first, float second) = EpilogueFactors.NumbersOf(placed.PostOp, 1);
            switch (placed.PostOp)
            {
                case SumPostOp sum:
                    DataType type = sum.DataType == DataType.Undefined ? epilogue.DestinationType : sum.DataType;
                    postOps[i] = new SumSpec(type, sum.ZeroPoint != 0, slot);
                    numbers.AddRange(sum.ZeroPoint != 0 ? [first, second] : [first]);
                    break;
                case EltwisePostOp eltwise:
                    postOps[i] = EltwiseSpec.Of(eltwise.Algorithm, eltwise.Alpha, eltwise.Beta, slot);
                    numbers.AddRange([first, second]);
                    break;
                case OperandPostOp postOp:
                    bool quantized = placed.Quantization is not null;
                    DataType operandType = postOp.Operand.DataType;
                    postOps[i] = postOp is BinaryPostOp binary
                        ? new BinarySpec(binary.Algorithm, operandType, placed.Mode, i, quantized, slot)
                        : new PReluSpec(operandType, placed.Mode, i, quantized, slot);
                    if (placed.Mode == OperandMode.Constant)
                        numbers.Add(placed.Constant);
                    else if (placed.Quantization is { } q)
                        numbers.AddRange([q.Scale, q.ZeroPoint]);
                    if (placed.Quantization is { IsRuntime: true } given)
                        quantizations.Add((slot, given));
                    break;
            }
        }

        bool integer = !epilogue.DestinationType.IsFloatingPoint(), bytes = epilogue.DestinationType.IsInt8();
        int lowerByte = LowerByte(epilogue.DestinationType, epilogue.LowerBound, epilogue.OutputZeroPoint);
        bool narrowed = epilogue.IsRuntime && epilogue.PostOps.Count < epilogue.Attributes.PostOps.Count;
        var spec = new EpilogueSpec
        {
            Accumulator = accumulator,
            Destination = epilogue.DestinationType,
            Scale = scale,
            Bias = bias,
            BiasType = biasType,
            ScalesBias = bias != OperandMode.None
                && (epilogue.BiasMultiplier != 1f
                    || (epilogue.HasRuntimeDestinationScale && EpilogueFactors.Folds(epilogue.Attributes.PostOps))),
            PostOps = new ValueList<PostOpSpec>(postOps),
            Multiplies = epilogue.Multiplies,
            ClampsBelow = epilogue.LowerBound > float.NegativeInfinity,
            ClampsAbove = epilogue.UpperBound < float.PositiveInfinity,
            HasZeroPoint = integer && (epilogue.OutputZeroPoint != 0 || epilogue.HasRuntimeZeroPoint),
            ZeroPoints = epilogue.OutputZeroPoints is null ? zeroPoints : OperandMode.PerChannel,
            ZeroPointsOperand = zeroPoints == OperandMode.None ? null : chain.Length,
            FitsWords = Math.Abs((long)epilogue.OutputZeroPoint) <= LargestWordZeroPoint,
            HasLowerByte = bytes && (narrowed || lowerByte > epilogue.DestinationType.IntegerRange().Min),
            StoresAccumulator = epilogue.StoresAccumulator,
        };
        numbers.AddRange(
        [
            epilogue.BiasMultiplier, epilogue.OutputMultiplier, epilogue.LowerBound, epilogue.UpperBound,
            BitConverter.Int32BitsToSingle(epilogue.OutputZeroPoint), InBytes(lowerByte), InWords(epilogue.OutputZeroPoint),
        ]);
        return new EpiloguePlan(spec, epilogue, AlignedFloats.Splats([.. numbers]), operands, [.. quantizations]);
    }

    private float* ScaleIn(byte* scratch) => (float*)(scratch + (Spec.SlotCount * SlotBytes));

    // The numbers of an execution, by the same formulas as Epilogue.Create and without allocating. The chain ends with the
    // epilogue's post-ops; before them there may be a factor, and steps whose numbers are constants.
    private void WriteNumbers(RuntimeQuantization runtime, float* slots, float* scale)
    {
        PrimitiveAttributes attributes = _epilogue.Attributes;
        EpilogueFactors factors = EpilogueFactors.Of(attributes, runtime);
        DataType type = _epilogue.DestinationType;
        if (_epilogue.HasRuntimeZeroPoint && type.IsInt8() && Math.Abs((long)factors.ZeroPoint) > LargestWordZeroPoint)
            throw new ArgumentException(
                $"The destination zero point {factors.ZeroPoint} that was given at execution is beyond ±{LargestWordZeroPoint}.");
        for (int c = 0; c < _epilogue.Scale.Length; c++)
            scale[c] = factors.ScaleOf(EpilogueFactors.WeightsScale(attributes, runtime, c));
        int count = _epilogue.PostOps.Count, own = Spec.PostOps.Count - count;
        if (Spec.Scale == OperandMode.None && _epilogue.HasRuntimeScale)
            Splat(slots, Spec.PostOps[own - 1].Constant, scale[0]);
        for (int i = 0; i < count; i++)
        {
            PostOpSpec postOp = Spec.PostOps[own + i];
            if (postOp is OperandSpec)
                continue;
            (float first, float second) = EpilogueFactors.NumbersOf(attributes.PostOps[i], factors.PostOpFactor);
            Splat(slots, postOp.Constant, first);
            if (postOp.ConstantCount > 1)
                Splat(slots, postOp.Constant + 1, second);
        }

        int zeroPoint = _epilogue.OutputZeroPoints is null ? factors.ZeroPoint : 0;
        (float lower, float upper) = _epilogue.OutputZeroPoints is null
            ? Epilogue.BoundsOf(type, zeroPoint) : _epilogue.OuterBounds;
        for (int i = attributes.PostOps.Count - 1; i >= count; i--)
            Epilogue.TryNarrow(attributes.PostOps[i], factors.PostOpFactor, ref lower, ref upper);
        Splat(slots, Spec.BiasFactorSlot, factors.BiasMultiplier);
        Splat(slots, Spec.MultiplierSlot, factors.Multiplier);
        Splat(slots, Spec.LowerSlot, lower);
        Splat(slots, Spec.UpperSlot, upper);
        Splat(slots, Spec.ZeroPointSlot, BitConverter.Int32BitsToSingle(zeroPoint));
        Splat(slots, Spec.LowerByteSlot, InBytes(LowerByte(type, lower, zeroPoint)));
        Splat(slots, Spec.ZeroPointWordSlot, InWords(zeroPoint));
    }

    private static float InBytes(int value) => BitConverter.Int32BitsToSingle((byte)value * 0x01010101);

    private static float InWords(int value) => BitConverter.Int32BitsToSingle((value & 0xFFFF) * 0x00010001);

    private static void Splat(float* slots, int slot, float value) =>
        new Span<float>(slots + (slot * (SlotBytes / sizeof(float))), SlotBytes / sizeof(float)).Fill(value);

    // The lower bound of an 8-bit destination after rounding, with the zero point.
    private static int LowerByte(DataType type, float lower, int zeroPoint)
    {
        if (!type.IsInt8())
            return 0;
        (int min, int max) = type.IntegerRange();
        return (int)Math.Clamp(Math.Round((double)lower, MidpointRounding.ToEven) + zeroPoint, min, max);
    }
}
