// Resampling against the normative reference: algorithms, coordinates, types, quantization and post-ops on every tier.
using FsCheck;
using FsCheck.Fluent;
using Int8Runtime.Jit;
using Int8Runtime.TestKit;

namespace Int8Runtime.X64.Tests.Resampling;

public sealed class ResamplingTests
{
    private static readonly DataType[] Types =
        [DataType.Float32, DataType.UInt8, DataType.Int8, DataType.Int32, DataType.BFloat16, DataType.Float16];

    [Fact]
    public void Any_problem_gives_the_reference_bits_on_every_tier() =>
        Properties.Check(AnyProblem, CheckOnAllTiers, count: 250);

    [Fact]
    public void Every_pair_of_types_is_served()
    {
        foreach (DataType source in Types)
            foreach (DataType destination in Types)
                foreach (ResamplingAlgorithm algorithm in Enum.GetValues<ResamplingAlgorithm>())
                    CheckOnAllTiers(new Problem(
                        Resample(algorithm, source, destination, 21, [5, 4], [7, 9]), PrimitiveAttributes.Default,
                        new CheckOptions { Fill = source == DataType.Float32 ? FillKind.Typical : FillKind.Extremes }));
    }

    [Fact]
    public void Elements_that_are_only_chosen_keep_their_bits() => CheckOnAllTiers(new Problem(
        Resample(ResamplingAlgorithm.Nearest, DataType.Float32, DataType.Float32, 45, [5, 5], [8, 3]), PrimitiveAttributes.Default,
        new CheckOptions { Fill = FillKind.SpecialFloats }));

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    public void Thread_counts_give_the_same_result(int threads)
    {
        using var engine = new TestEngine(CpuFeatures.Host.Isa, [new JitResampling(KernelCache.Shared)], threads);
        foreach (ResamplingAlgorithm algorithm in Enum.GetValues<ResamplingAlgorithm>())
            PrimitiveCheck.AgainstReference(engine, Resample(algorithm, DataType.UInt8, DataType.UInt8, 300, [11, 13], [22, 39]));
    }

    [Fact]
    public void Kernels_stay_inside_their_instruction_set()
    {
        Epilogue epilogue = Epilogue.CreateForValues(
            new PrimitiveAttributes { PostOps = [PostOp.Sum(0.5f, 3), PostOp.Eltwise(EltwiseAlgorithm.Swish, 1)] }, DataType.UInt8);
        EpilogueSpec spec = EpiloguePlan.TryCreate(
            epilogue, DataType.Float32, bias: null, new MemoryDescriptor([1, 70, 4, 4], DataType.UInt8, FormatTag.Nhwc), out _)!.Spec;
        foreach ((string _, Isa isa) in IsaTiers.All.Where(t => t.Isa.HasFlag(IsaTiers.Sse41)))
            foreach (CallingAbi abi in (CallingAbi[])[CallingAbi.SystemV, CallingAbi.Windows])
                foreach (DataType type in Types)
                    foreach (int rows in (int[])[0, 1, 2, 4])
                        KernelVerifier.Verify(new ResamplingKernelGenerator().Generate(
                            new ResamplingKernelSpec(
                                type, rows, rows > 0, 70, (4 * IsaTraits.For(isa).Lanes32) - 3, rows > 1, rows == 0 ? null : spec),
                            isa, abi));
    }

    [Fact]
    public void Refusals_name_the_reason()
    {
        ResamplingDescriptor problem = Resample(ResamplingAlgorithm.Linear, DataType.UInt8, DataType.UInt8, 8, [6, 6], [12, 12]);
        AssertRefused(RejectionReason.Layout, problem with { Source = new([2, 8, 6, 6], DataType.UInt8, FormatTag.Nchw) });
        AssertRefused(RejectionReason.DataTypes, problem with { Source = new([2, 8, 6, 6], DataType.Float64, FormatTag.Nhwc) });
        AssertRefused(RejectionReason.PostOps, problem, new PrimitiveAttributes
        {
            PostOps = [PostOp.Binary(BinaryAlgorithm.Add, new MemoryDescriptor([2, 1, 12, 12], DataType.Float32))],
        });
    }

    private static CoordinateMap[] Maps(int source, int destination) =>
    [
        CoordinateMap.HalfPixel(source, destination), new(0, source, destination, 0),
        new(0, source - 1, Math.Max(1, destination - 1), 0), new(0.5, 1, 1.7, -0.5), new(0, -1, 1, source),
    ];

    private static Gen<Problem> AnyProblem { get; } =
        from algorithm in Gen.Elements(Enum.GetValues<ResamplingAlgorithm>())
        from rounding in Gen.Elements(Enum.GetValues<ResamplingRounding>())
        from sourceType in Gen.Elements(Types)
        from destinationType in Gen.OneOf(Gen.Constant(sourceType), Gen.Elements(Types))
        from rank in Gen.Elements(1, 2, 2, 3)
        from channels in Arbitraries.Channels
        from source in Gen.Choose(1, 6).ArrayOf(rank)
        from destination in Gen.Choose(1, 8).ArrayOf(rank)
        let descriptor = Resample(algorithm, sourceType, destinationType, channels, source, destination)
        from chosen in Gen.Choose(0, 4).ArrayOf(rank)
        from requantizes in Gen.Elements(false, true)
        from sourceScale in Arbitraries.Scale
        from sourceZeroPoint in Arbitraries.ZeroPoint(sourceType)
        from destinationScale in Arbitraries.Scale
        from destinationZeroPoint in Arbitraries.ZeroPoint(destinationType)
        from postOps in Arbitraries.PostOps(descriptor.Destination)
        from options in Arbitraries.Options()
        let quantizedSource = !sourceType.IsFloatingPoint()
        let quantizedDestination = requantizes && !destinationType.IsFloatingPoint()
        select new Problem(
            descriptor with { Rounding = rounding,
                Coordinates = [.. chosen.Select((m, axis) => Maps(source[axis], destination[axis])[m])] },
            new PrimitiveAttributes
            {
                SourceScale = quantizedSource ? QuantizationScale.PerTensor(sourceScale) : null,
                SourceZeroPoint = quantizedSource ? ZeroPoint.PerTensor(sourceZeroPoint) : null,
                DestinationScale = quantizedDestination ? QuantizationScale.PerTensor(destinationScale) : null,
                DestinationZeroPoint = quantizedDestination ? ZeroPoint.PerTensor(destinationZeroPoint) : null,
                PostOps = requantizes ? postOps : [],
            },
            options);

    private static ResamplingDescriptor Resample(
        ResamplingAlgorithm algorithm, DataType sourceType, DataType destinationType, int channels, int[] source,
        int[] destination) => new()
    {
        Algorithm = algorithm,
        Source = new([2, channels, .. source], sourceType, FormatTag.ChannelsLast(source.Length + 2)),
        Destination = new([2, channels, .. destination], destinationType, FormatTag.ChannelsLast(source.Length + 2)),
    };

    private static void CheckOnAllTiers(Problem problem)
    {
        foreach ((string _, Isa isa) in Tiers.Generated)
        {
            using var engine = new TestEngine(isa, [new JitResampling(KernelCache.Shared)]);
            string chosen = PrimitiveCheck.AgainstReference(engine, problem.Descriptor, problem.Attributes, problem.Options);
            Assert.StartsWith("jit_resample:", chosen, StringComparison.Ordinal);
        }
    }

    private static void AssertRefused(RejectionReason reason, ResamplingDescriptor descriptor, PrimitiveAttributes? attributes = null)
    {
        PlanResult result = new JitResampling(KernelCache.Shared).TryPlan(
            new PlanRequest(descriptor, attributes ?? PrimitiveAttributes.Default, IsaTiers.Avx2, 1));
        Assert.Equal(reason, result.Rejection?.Reason);
    }
}
