// Normative evaluation of the arithmetic between accumulator and store.
namespace Int8Runtime.Reference;

/// <summary>Applies an <see cref="Epilogue"/> to one accumulator at a time.</summary>
internal static unsafe class RefEpilogue
{
    /// <summary>Finishes one element of the destination.</summary>
    /// <param name="epilogue">The planned arithmetic.</param>
    /// <param name="accumulator">The sum as f32.</param>
    /// <param name="channel">Output channel, which selects scale and bias.</param>
    /// <param name="bias">Bias of the channel, or 0.</param>
    /// <param name="arguments">Operands of binary post-ops.</param>
    /// <param name="destination">Descriptor of the destination.</param>
    /// <param name="index">Logical index of the element.</param>
    public static void Finish(
        Epilogue epilogue, float accumulator, int channel, float bias, in ExecutionArguments arguments,
        MemoryDescriptor destination, ReadOnlySpan<int> index)
    {
        float value = MathF.FusedMultiplyAdd(accumulator, epilogue.Scale[channel], bias * epilogue.BiasMultiplier);
        Store(epilogue, value, channel, in arguments, destination, index);
    }

    /// <summary>Finishes one element whose real value a primitive without weights has computed.</summary>
    public static void FinishValue(
        Epilogue epilogue, float value, in ExecutionArguments arguments, MemoryDescriptor destination, ReadOnlySpan<int> index)
    {
        float scale = epilogue.Scale[0];
        Store(epilogue, scale == 1f ? value : value * scale, 0, in arguments, destination, index);
    }

    private static void Store(
        Epilogue epilogue, float value, int channel, in ExecutionArguments arguments, MemoryDescriptor destination, ReadOnlySpan<int> index)
    {
        void* data = arguments[ArgumentSlot.Destination];
        long offset = destination.OffsetOf(index);
        value = ApplyPostOps(epilogue.PostOps, value, in arguments, destination.DataType, data, offset, index);
        if (epilogue.OutputMultiplier != 1f)
            value *= epilogue.OutputMultiplier;
        if (epilogue.Clamps)
            value = EltwiseMath.Clamp(value, epilogue.LowerBound, epilogue.UpperBound);
        ScalarAccess.Store(
            data, destination.DataType, offset, value, epilogue.OutputZeroPoints?[channel] ?? epilogue.OutputZeroPoint);
    }

    /// <summary>Applies a chain of post-ops to one value.</summary>
    public static float ApplyPostOps(
        PostOpChain postOps, float value, in ExecutionArguments arguments, DataType destinationType, void* destination,
        long destinationOffset, ReadOnlySpan<int> index)
    {
        Span<int> operandIndex = stackalloc int[index.Length];
        for (int i = 0; i < postOps.Count; i++)
        {
            switch (postOps[i])
            {
                case SumPostOp sum:
                    DataType type = sum.DataType == DataType.Undefined ? destinationType : sum.DataType;
                    float previous = ScalarAccess.Load(destination, type, destinationOffset) - sum.ZeroPoint;
                    value = MathF.FusedMultiplyAdd(sum.Scale, previous, value);
                    break;
                case EltwisePostOp eltwise:
                    value = EltwiseMath.Evaluate(eltwise.Algorithm, value, eltwise.Alpha, eltwise.Beta);
                    break;
                case BinaryPostOp binary:
                    value = EltwiseMath.Evaluate(
                        binary.Algorithm, value, LoadBroadcast(arguments.PostOpOperand(i), binary.Operand, index, operandIndex));
                    break;
                case PReluPostOp prelu:
                    float slope = LoadBroadcast(arguments.PostOpOperand(i), prelu.Operand, index, operandIndex);
                    value = value > 0 ? value : slope * value;
                    break;
            }
        }

        return value;
    }

    /// <summary>The element of a tensor that an index meets, where extents of 1 are broadcast.</summary>
    /// <param name="data">The tensor.</param>
    /// <param name="operand">Its descriptor.</param>
    /// <param name="index">Index in the destination.</param>
    /// <param name="scratch">As long as <paramref name="index"/>; overwritten.</param>
    public static float LoadBroadcast(void* data, MemoryDescriptor operand, ReadOnlySpan<int> index, Span<int> scratch)
    {
        for (int d = 0; d < index.Length; d++)
            scratch[d] = operand.Dimensions[d] == 1 ? 0 : index[d];
        return ScalarAccess.Load(data, operand.DataType, operand.OffsetOf(scratch));
    }

    /// <summary>Run-time scales and zero points of an execution.</summary>
    public static RuntimeQuantization ReadRuntime(PrimitiveAttributes attributes, in ExecutionArguments arguments) =>
        RuntimeQuantization.Read(attributes, in arguments);

    /// <summary>The source's scale, constant or from the arguments; 1 if not set.</summary>
    public static float SourceScale(PrimitiveAttributes attributes, in ExecutionArguments arguments) =>
        ScaleOf(attributes.SourceScale, in arguments, ArgumentSlot.SourceScale);

    /// <summary>The source's zero point (of the first channel where they differ), constant or from the arguments.</summary>
    public static int SourceZeroPoint(PrimitiveAttributes attributes, in ExecutionArguments arguments) =>
        ZeroPointOf(attributes.SourceZeroPoint, in arguments, ArgumentSlot.SourceZeroPoint);

    /// <summary>The second source's scale, constant or from the arguments; 1 if not set.</summary>
    public static float Source1Scale(PrimitiveAttributes attributes, in ExecutionArguments arguments) =>
        ScaleOf(attributes.Source1Scale, in arguments, ArgumentSlot.Source1Scale);

    /// <summary>The second source's zero point, constant or from the arguments.</summary>
    public static int Source1ZeroPoint(PrimitiveAttributes attributes, in ExecutionArguments arguments) =>
        ZeroPointOf(attributes.Source1ZeroPoint, in arguments, ArgumentSlot.Source1ZeroPoint);

    /// <summary>The weights' zero point of a channel, constant or from the arguments.</summary>
    public static int WeightsZeroPoint(PrimitiveAttributes attributes, int channel, in ExecutionArguments arguments) =>
        ZeroPointOf(attributes.WeightsZeroPoint, in arguments, ArgumentSlot.WeightsZeroPoint, channel);

    /// <summary>A scale of an execution; 1 if not set.</summary>
    public static float ScaleOf(QuantizationScale? scale, in ExecutionArguments arguments, ArgumentSlot slot, int channel = 0) =>
        scale is null ? 1f : scale.IsRuntime ? *(float*)arguments[slot] : scale.At(channel);

    /// <summary>A zero point of an execution; 0 if not set.</summary>
    public static int ZeroPointOf(ZeroPoint? zeroPoint, in ExecutionArguments arguments, ArgumentSlot slot, int channel = 0) =>
        zeroPoint is null ? 0 : zeroPoint.IsRuntime ? *(int*)arguments[slot] : zeroPoint.At(channel);
}
