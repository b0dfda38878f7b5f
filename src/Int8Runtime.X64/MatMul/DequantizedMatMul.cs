// Matrix products of 8-bit operands whose scales or zero points differ along K: the source becomes f32 in scratch memory.
using Int8Runtime.Jit;

namespace Int8Runtime.X64;

/// <summary>
/// Dequantizes the source, each row in groups along K, by a generated loop and multiplies it as f32 by weights that stay bytes and are
/// dequantized where they are read, as weights of any f32 source are. Integer sums would end at the borders of groups.
/// </summary>
/// <param name="product">The product of f32 by 8-bit weights.</param>
/// <param name="cache">Where kernels are kept.</param>
internal sealed class DequantizedMatMul(IImplementation product, KernelCache cache) : IImplementation
{
    // Each has a number in the plan.
    private const int MostGroups = 1 << 28;

    /// <inheritdoc/>
    public PrimitiveKind Kind => PrimitiveKind.MatMul;

    /// <inheritdoc/>
    public string Name => "dequantized_matmul";

    /// <inheritdoc/>
    public PlanResult TryPlan(PlanRequest request)
    {
        if (KernelTier.Refusal(Name, request.Isa) is { } tier)
            return tier;
        var descriptor = (MatMulDescriptor)request.Descriptor;
        PrimitiveAttributes attributes = request.Attributes;
        MemoryDescriptor source = descriptor.Source.IsAny
            ? new MemoryDescriptor(descriptor.Source.Dimensions, descriptor.Source.DataType) : descriptor.Source;
        if (!ProductQuantization.Dequantizes(attributes, source.DataType))
            return new Rejection(Name, RejectionReason.SlowerThanNext, "no scales or zero points in groups of integers");
        if (!source.IsStrided || !source.InnerBlocks.IsEmpty)
            return new Rejection(Name, RejectionReason.Layout, $"source {source}");
        if (source.ElementCount == 0)
            return new Rejection(Name, RejectionReason.Shape, "nothing to compute");
        var real = new MemoryDescriptor(source.Dimensions, DataType.Float32);
        PlanResult inner = product.TryPlan(request with
        {
            Descriptor = descriptor with { Source = real },
            Attributes = attributes with
            {
                SourceScale = attributes.SourceScale is { GroupSize: > 0 } ? null : attributes.SourceScale,
                SourceZeroPoint = null, FloatMath = FloatMath.Strict,
            },
        });
        if (inner.Plan is not { } plan)
            return new Rejection(Name, inner.Rejection!.Reason, inner.Rejection.ToString());
        int group = GroupOf(attributes, descriptor.K);
        Shape extents = ExtentsOf(attributes, source.Dimensions, group);
        if (extents.ElementCount > MostGroups)
            return new Rejection(Name, RejectionReason.Shape, $"{extents.ElementCount} groups; at most {MostGroups}");
        if (Dequantization(request, source, real, group, extents) is not { } dequantization)
            return new Rejection(Name, RejectionReason.Layout, $"source {source}");
        return new Plan(
            $"{Name}:{plan.Name}", ((MatMulDescriptor)plan.Descriptor) with { Source = source }, dequantization, plan, real, request.Threads);
    }

    // The largest groups of K inside of which scale and zero point stay the same.
    private static int GroupOf(PrimitiveAttributes attributes, int sum)
    {
        int scales = attributes.SourceScale?.GroupSize ?? 0, zeros = IsOfEachPlace(attributes) ? 1 : attributes.SourceZeroPoint?.GroupSize ?? 0;
        return Divisor(scales == 0 ? sum : scales, zeros == 0 ? sum : zeros);
    }

    // Zero points of each place of K are the same in all rows.
    private static bool IsOfEachPlace(PrimitiveAttributes attributes) =>
        attributes.SourceZeroPoint is { Granularity: QuantizationGranularity.PerChannel };

    // The dimensions over which the numbers of groups vary, K seen as [groups, elements of a group]: the batch only where matrices differ.
    private static Shape ExtentsOf(PrimitiveAttributes attributes, Shape source, int group)
    {
        int sum = source[^1], rows = source[^2], batch = source.Rank - 2;
        bool perMatrix = Differ(attributes.SourceScale?.GroupSize, attributes.SourceScale?.Values.Length)
            || Differ(attributes.SourceZeroPoint?.GroupSize, attributes.SourceZeroPoint?.Values.Length);
        return [.. perMatrix ? source.Slice(0, batch) : Shape.Filled(batch, 1), rows, sum / group, 1];

        bool Differ(int? size, int? count) => size > 0 && count > sum / size * (long)rows;
    }

    // Numbers of a group are broadcast over its elements.
    private ElementwisePlan? Dequantization(PlanRequest request, MemoryDescriptor source, MemoryDescriptor real, int group, Shape extents)
    {
        PrimitiveAttributes attributes = request.Attributes;
        int sum = source.Dimensions[^1], rows = source.Dimensions[^2], rank = source.Rank;
        var steps = new ElementwiseSteps();
        ZeroPoint? zeroPoint = attributes.SourceZeroPoint;
        if (IsOfEachPlace(attributes))
            steps.AddDequantization(null, zeroPoint, Shape.Filled(rank + 1, 1).With(rank - 1, sum / group));
        else
            steps.AddDequantization(null, zeroPoint is { GroupSize: > 0 } ? Spread(zeroPoint) : zeroPoint, extents);
        if (attributes.SourceScale is { GroupSize: > 0 } scale)
            steps.Add(BinaryAlgorithm.Multiply, Places(place => scale.At(place)), extents);
        return ElementwisePlan.TryCreate(
            KernelTier.Of(request.Isa), cache, Split(source, group), Split(real, group), steps.Steps,
            Epilogue.CreateForValues(PrimitiveAttributes.Default, DataType.Float32));

        T[] Places<T>(Func<GroupPlace, T> at)
        {
            int groups = sum / group, each = rows * groups;
            return [.. Enumerable.Range(0, (int)extents.ElementCount).Select(
                i => at(new GroupPlace(i / each, i % each / groups, i % groups * group, rows, sum, IsSource: true)))];
        }

        ZeroPoint Spread(ZeroPoint groups) => ZeroPoint.PerChannel(Places(place => groups.At(place)));
    }

    private static MemoryDescriptor Split(MemoryDescriptor tensor, int group)
    {
        Shape dimensions = [.. tensor.Dimensions.Take(tensor.Rank - 1), tensor.Dimensions[^1] / group, group];
        long stride = tensor.Strides[^1];
        return MemoryDescriptor.Strided(
            dimensions, tensor.DataType, [.. tensor.Strides.Slice(0, tensor.Rank - 1), stride * group, stride], tensor.Offset);
    }

    private static int Divisor(int a, int b) => b == 0 ? a : Divisor(b, a % b);

    // Scratch: [the source as f32][scratch of either stage].
    private sealed unsafe class Plan(
        string name, MatMulDescriptor descriptor, ElementwisePlan dequantization, PrimitivePlan product, MemoryDescriptor real, int threads)
        : PrimitivePlan
    {
        private const int Alignment = 64;

        public override string Name => name;

        public override PrimitiveDescriptor Descriptor => descriptor;

        public override string Details => $"{dequantization.Details}; {product.Details}";

        public override long SizeInBytes => dequantization.SizeInBytes + product.SizeInBytes;

        public override long ScratchBytes => RealBytes + Math.Max(dequantization.ScratchBytes(threads), product.ScratchBytes);

        private long RealBytes => (real.SizeInBytes + Alignment - 1) / Alignment * Alignment;

        public override void Execute(in ExecutionContext context)
        {
            byte* scratch = context.Scratch + RealBytes;
            ExecutionArguments arguments = context.Arguments;
            arguments[ArgumentSlot.Destination] = context.Scratch;
            dequantization.Execute(new ExecutionContext(in arguments, context.Pool, context.Threads, scratch));
            arguments = context.Arguments;
            arguments[ArgumentSlot.Source] = context.Scratch;
            product.Execute(new ExecutionContext(in arguments, context.Pool, context.Threads, scratch));
        }
    }
}
