// LRN within a channel, made of generated code that exists:
//
//   squares = x²                                       element-wise, f32, channels last
//   means = average of squares over the window          pooling that counts padding: Σ x² / n, padding adds nothing
//   y = (k + α·means)^−β · x                            element-wise
using Int8Runtime.Jit;

namespace Int8Runtime.X64;

/// <summary>LRN within a channel on any layout.</summary>
internal sealed class LrnWithinChannel(KernelCache cache, Isa tier)
    : VectorImplementation(cache, "jit_lrn_within", tier)
{
    /// <inheritdoc/>
    public override PrimitiveKind Kind => PrimitiveKind.Lrn;

    /// <inheritdoc/>
    protected override PlanResult TryPlan(PlanRequest request, Isa isa)
    {
        var descriptor = (LrnDescriptor)request.Descriptor;
        PrimitiveAttributes attributes = request.Attributes;
        MemoryDescriptor source = Plain(descriptor.Source), destination = Like(descriptor.Destination, source);
        descriptor = descriptor with { Source = source, Destination = destination };
        if ((RefuseTensors(source, destination) ?? RefuseQuantization(attributes)) is { } refused)
            return refused;
        if (descriptor.Algorithm != LrnAlgorithm.WithinChannel)
            return Refuse(RejectionReason.Algorithm, "windows across channels");

        int rank = source.Rank;
        var values = new MemoryDescriptor(source.Dimensions, DataType.Float32, FormatTag.ChannelsLast(rank));
        PrimitivePlan? pooling = null;
        if (rank > 2)
        {
            PlanResult pooled = new JitPooling(Cache).TryPlan(new PlanRequest(PoolingOf(descriptor, values),
                PrimitiveAttributes.Default, isa, request.Threads));
            if (pooled.Rejection is { } refusal)
                return Refuse(refusal.Reason, refusal.Detail);
            pooling = pooled.Plan;
        }

        Epilogue epilogue = Epilogue.CreateForValues(attributes, destination.DataType);
        Epilogue plain = Epilogue.CreateForValues(PrimitiveAttributes.Default, DataType.Float32);
        var squares = new ElementwiseSteps()
            .AddDequantization(attributes.SourceScale, attributes.SourceZeroPoint, rank, 0)
            .Add(PostOp.Eltwise(EltwiseAlgorithm.Square));
        var results = new ElementwiseSteps()
            .Add(PostOp.Eltwise(EltwiseAlgorithm.Linear, descriptor.Alpha, descriptor.K))
            .Add(PostOp.Eltwise(EltwiseAlgorithm.Pow, 1, -descriptor.Beta))
            .Add(BinaryAlgorithm.Multiply, source, ArgumentSlot.Source1, OperandQuantization.OfSource(attributes))
            .AddPostOps(epilogue, rank);
        return ElementwisePlan.TryCreate(isa, Cache, source, values, squares.Steps, plain) is { } first
            && ElementwisePlan.TryCreate(isa, Cache, values, destination, results.Steps, epilogue) is { } last
            ? new StagedPlan(Name, descriptor, values.SizeInBytes, first, pooling, last, request.Threads)
            : Refuse(RejectionReason.Layout, $"{source} and {destination} are blocked differently");
    }

    private static PoolingDescriptor PoolingOf(LrnDescriptor descriptor, MemoryDescriptor values)
    {
        int spatial = values.Rank - 2;
        Shape ones = Shape.Filled(spatial, 1);
        return new PoolingDescriptor
        {
            Algorithm = PoolingAlgorithm.AverageIncludePadding, Source = values, Destination = values,
            Kernel = Shape.Filled(spatial, descriptor.LocalSize), Strides = ones, Dilations = ones,
            PaddingBefore = Shape.Filled(spatial, (descriptor.LocalSize - 1) / 2),
            PaddingAfter = Shape.Filled(spatial, descriptor.LocalSize / 2),
        };
    }
}
