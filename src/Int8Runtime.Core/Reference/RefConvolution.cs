// Normative convolution: nested loops over logical indices.
namespace Int8Runtime.Reference;

/// <summary>
/// Convolution as its definition reads. Integer operands are summed in 32-bit two's complement as (src − zp_src)·(w − zp_w);
/// f32 operands are summed by fused multiply-add in the order channel, kernel row, kernel column.
/// </summary>
internal sealed unsafe class RefConvolution : IImplementation
{
    /// <inheritdoc/>
    public PrimitiveKind Kind => PrimitiveKind.Convolution;

    /// <inheritdoc/>
    public string Name => "ref_conv:any";

    /// <inheritdoc/>
    public PlanResult TryPlan(PlanRequest request)
    {
        var descriptor = (ConvolutionDescriptor)request.Descriptor;
        bool integer = descriptor.Source.DataType.IsInt8() && descriptor.Weights.DataType.IsInt8();
        bool floating = descriptor.Source.DataType.IsFloatingPoint() && descriptor.Weights.DataType.IsFloatingPoint();
        if (!integer && !floating)
            return new Rejection(Name, RejectionReason.DataTypes, $"{descriptor.Source.DataType.ToShortName()} source with {descriptor.Weights.DataType.ToShortName()} weights");
        descriptor = descriptor with
        {
            Source = Plain(descriptor.Source), Weights = Plain(descriptor.Weights), Destination = Plain(descriptor.Destination),
        };
        return new Plan(descriptor, request.Attributes, integer);
    }

    /// <summary>Row-major where the layout was left open.</summary>
    internal static MemoryDescriptor Plain(MemoryDescriptor descriptor) =>
        descriptor.IsAny ? new MemoryDescriptor(descriptor.Dimensions, descriptor.DataType) : descriptor;

    private sealed class Plan(ConvolutionDescriptor descriptor, PrimitiveAttributes attributes, bool integer) : PrimitivePlan
    {
        public override string Name => "ref_conv:any";

        public override PrimitiveDescriptor Descriptor => descriptor;

        public override void Execute(in ExecutionContext context)
        {
            ref readonly ExecutionArguments arguments = ref context.Arguments;
            DataType accumulator = integer ? DataType.Int32 : DataType.Float32;
            MemoryDescriptor destination = descriptor.Destination;
            Epilogue epilogue = Epilogue.Create(
                attributes, accumulator, destination.DataType, destination.Dimensions[1], descriptor.Bias is not null,
                RefEpilogue.ReadRuntime(attributes, in arguments));
            var bias = (float*)arguments[ArgumentSlot.Bias];
            int zeroPoint = RefEpilogue.SourceZeroPoint(attributes, in arguments);
            Span<int> index = stackalloc int[destination.Rank];
            index.Clear();
            if (destination.ElementCount == 0)
                return;
            do
            {
                int channel = index[1];
                if (integer)
                {
                    int sum = SumIntegers(in arguments, index, zeroPoint);
                    if (epilogue.StoresAccumulator)
                        ((int*)arguments[ArgumentSlot.Destination])[destination.OffsetOf(index)] = sum;
                    else
                        RefEpilogue.Finish(epilogue, sum, channel, bias is null ? 0 : bias[channel], in arguments, destination, index);
                }
                else
                {
                    float sum = SumFloats(in arguments, index);
                    RefEpilogue.Finish(epilogue, sum, channel, bias is null ? 0 : bias[channel], in arguments, destination, index);
                }
            }
            while (IndexSpace.Next(index, destination.Dimensions));
        }

        private int SumIntegers(in ExecutionArguments arguments, ReadOnlySpan<int> output, int zeroPoint)
        {
            int sum = 0;
            int weightZeroPoint = attributes.WeightsZeroPoint?.At(output[1]) ?? 0;
            Span<int> source = stackalloc int[output.Length];
            Span<int> tap = stackalloc int[output.Length];
            tap.Clear();
            tap[0] = output[1];
            do
            {
                if (!Locate(output, tap, source))
                    continue;
                int x = ScalarAccess.LoadInteger(arguments[ArgumentSlot.Source], descriptor.Source.DataType, descriptor.Source.OffsetOf(source));
                int w = ScalarAccess.LoadInteger(arguments[ArgumentSlot.Weights], descriptor.Weights.DataType, descriptor.Weights.OffsetOf(tap));
                sum = unchecked(sum + ((x - zeroPoint) * (w - weightZeroPoint)));
            }
            while (IndexSpace.Next(tap, descriptor.Weights.Dimensions, from: 1));
            return sum;
        }

        private float SumFloats(in ExecutionArguments arguments, ReadOnlySpan<int> output)
        {
            float sum = 0;
            Span<int> source = stackalloc int[output.Length];
            Span<int> tap = stackalloc int[output.Length];
            tap.Clear();
            tap[0] = output[1];
            do
            {
                if (!Locate(output, tap, source))
                    continue;
                float x = ScalarAccess.Load(arguments[ArgumentSlot.Source], descriptor.Source.DataType, descriptor.Source.OffsetOf(source));
                float w = ScalarAccess.Load(arguments[ArgumentSlot.Weights], descriptor.Weights.DataType, descriptor.Weights.OffsetOf(tap));
                sum = MathF.FusedMultiplyAdd(x, w, sum);
            }
            while (IndexSpace.Next(tap, descriptor.Weights.Dimensions, from: 1));
            return sum;
        }

        // The source index that a tap [o, c, k…] reads for an output index; false where it lies in the padding.
        private bool Locate(ReadOnlySpan<int> output, ReadOnlySpan<int> tap, Span<int> source)
        {
            int outputsPerGroup = descriptor.Weights.Dimensions[0] / descriptor.Groups;
            source[0] = output[0];
            source[1] = (output[1] / outputsPerGroup * descriptor.Weights.Dimensions[1]) + tap[1];
            for (int a = 0; a < descriptor.SpatialRank; a++)
            {
                int position = (output[a + 2] * descriptor.Stride(a)) - descriptor.Before(a) + (tap[a + 2] * descriptor.Dilation(a));
                if ((uint)position >= (uint)descriptor.Source.Dimensions[a + 2])
                    return false;
                source[a + 2] = position;
            }

            return true;
        }
    }
}
