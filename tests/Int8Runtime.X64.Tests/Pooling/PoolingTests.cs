// Pooling against the normative reference: algorithms, types, windows, borders, requantization and post-ops on every tier.
using FsCheck;
using FsCheck.Fluent;
using Int8Runtime.Jit;
using Int8Runtime.Reference;
using Int8Runtime.TestKit;

namespace Int8Runtime.X64.Tests.Pooling;

public sealed class PoolingTests
{
    private static readonly PoolingAlgorithm[] Algorithms = Enum.GetValues<PoolingAlgorithm>();

    [Fact]
    public unsafe void Largest_elements_of_s32_keep_all_their_bits()
    {
        var layout = new MemoryDescriptor([1, 21, 4, 6], DataType.Int32, FormatTag.Nhwc);
        var result = new MemoryDescriptor([1, 21, 2, 3], DataType.Int32, FormatTag.Nhwc);
        var descriptor = new PoolingDescriptor { Algorithm = PoolingAlgorithm.Max, Kernel = [2, 2], Strides = [2, 2],
            Source = layout, Destination = result };
        using TensorMemory source = new(layout), destination = new(result);
        Span<int> values = source.AsSpan<int>();
        for (int i = 0; i < values.Length; i++)
            values[i] = (i % 2 == 0 ? int.MaxValue : int.MinValue / 2) - (i * 7);
        foreach (Engine engine in (Engine[])[new ReferenceEngine(),
            .. Tiers.Generated.Select(tier => new TestEngine(tier.Isa, [new JitPooling(KernelCache.Shared)]))])
        {
            using (engine)
            using (ExecutionStream stream = engine.CreateStream())
            {
                engine.Create(descriptor).Execute(stream, new UnaryArguments(source, destination));
                for (int i = 0; i < 6 * 21; i++)
                {
                    int channel = i % 21, first = (((i / 21 / 3 * 2 * 6) + (i / 21 % 3 * 2)) * 21) + channel;
                    int expected = Math.Max(Math.Max(values[first], values[first + 21]),
                        Math.Max(values[first + (6 * 21)], values[first + (7 * 21)]));
                    Assert.Equal(expected, destination.AsSpan<int>()[i]);
                }
            }
        }
    }

    [Fact]
    public void Any_problem_gives_the_reference_bits_on_every_tier() =>
        Properties.Check(AnyProblem, CheckOnAllTiers, count: 200);

    [Theory]
    [InlineData(DataType.UInt8)]
    [InlineData(DataType.Int8)]
    [InlineData(DataType.Float32)]
    public void Global_pooling_reduces_whole_images(DataType type)
    {
        foreach (PoolingAlgorithm algorithm in Algorithms)
            foreach (int channels in (int[])[1, 31, 64, 300])
                CheckOnAllTiers(new Problem(
                    Pool(algorithm, type, type, channels, (7, 9), (7, 9), (1, 1), (1, 1), 0, 0, ceil: false),
                    new PrimitiveAttributes(), new CheckOptions { Fill = FillKind.Extremes }));
    }

    [Theory]
    [InlineData(DataType.Float32)]
    [InlineData(DataType.UInt8)]
    [InlineData(DataType.Int8)]
    [InlineData(DataType.Int32)]
    public void Average_of_bytes_is_requantized(DataType destination) => CheckOnAllTiers(new Problem(
        Pool(PoolingAlgorithm.AverageIncludePadding, DataType.UInt8, destination, 50, (8, 8), (3, 3), (2, 2), (1, 1), 1, 1, ceil: true),
        new PrimitiveAttributes
        {
            SourceScale = QuantizationScale.PerTensor(0.02f), SourceZeroPoint = 77,
            DestinationScale = destination == DataType.Float32 ? null : QuantizationScale.PerTensor(0.013f),
        },
        new CheckOptions()));

    [Theory]
    [InlineData(256, 256, 0, int.MinValue)] // the most elements
    [InlineData(300, 120, 0, 7)] // more than 2¹⁵ elements
    [InlineData(3, 5, 2, -2_000_000_001)] // padding adds the zero point
    public void Averages_of_s32_are_rounded_once(int height, int width, int padding, int zeroPoint)
    {
        foreach (PoolingAlgorithm algorithm in Algorithms.Where(algorithm => algorithm != PoolingAlgorithm.Max))
            foreach (DataType destination in (DataType[])[DataType.Int32, DataType.Float32])
                CheckOnAllTiers(new Problem(
                    Pool(algorithm, DataType.Int32, destination, 5, (height, width), (height, width), (1, 1), (1, 1), padding,
                        padding, ceil: false),
                    new PrimitiveAttributes { SourceZeroPoint = zeroPoint }, new CheckOptions { Fill = FillKind.Extremes }));
    }

    [Theory]
    [InlineData(int.MinValue)]
    [InlineData(int.MaxValue)]
    [InlineData(123_456_789)]
    public void The_largest_sums_of_s32_fit(int value)
    {
        PoolingDescriptor descriptor = Pool(
            PoolingAlgorithm.AverageExcludePadding, DataType.Int32, DataType.Float32, 3, (256, 256), (256, 256), (1, 1), (1, 1),
            0, 0, ceil: false);
        using TensorMemory source = new(descriptor.Source), destination = new(descriptor.Destination);
        source.AsSpan<int>().Fill(value);
        foreach ((string _, Isa isa) in Tiers.Generated)
        {
            using var engine = new TestEngine(isa, [new JitPooling(KernelCache.Shared)]);
            using ExecutionStream stream = engine.CreateStream();
            engine.Create(descriptor).Execute(stream, new UnaryArguments(source, destination));
            Assert.All(destination.AsSpan<float>().ToArray(), mean => Assert.Equal((float)value, mean)); // the sum is value·2¹⁶
        }
    }

    [Fact]
    public void Maximum_skips_not_a_number() => CheckOnAllTiers(new Problem(
        Pool(PoolingAlgorithm.Max, DataType.Float32, DataType.Float32, 45, (11, 11), (3, 3), (1, 1), (1, 1), 1, 1, ceil: false),
        new PrimitiveAttributes(), new CheckOptions { Fill = FillKind.SpecialFloats }));

    [Fact]
    public void Three_and_one_dimensions_are_served()
    {
        Gen<Problem> problems =
            from rank in Gen.Elements(1, 3, 3)
            from algorithm in Gen.Elements(Algorithms)
            from type in Gen.Elements(DataType.UInt8, DataType.Int8, DataType.Float32, DataType.BFloat16)
            from channels in Arbitraries.Channels
            from extents in Gen.Choose(3, 6).ArrayOf(rank)
            from kernel in Gen.Choose(1, 3).ArrayOf(rank)
            from strides in Gen.Choose(1, 2).ArrayOf(rank)
            from before in Gen.Choose(0, 2).ArrayOf(rank)
            from after in Gen.Choose(0, 2).ArrayOf(rank)
            let outputs = extents.Select((extent, a) => ((extent + before[a] + after[a] - kernel[a]) / strides[a]) + 1)
            from options in Arbitraries.Options()
            select new Problem(
                new PoolingDescriptor
                {
                    Algorithm = algorithm, Kernel = Shape.Create(kernel), Strides = Shape.Create(strides),
                    PaddingBefore = Shape.Create(before), PaddingAfter = Shape.Create(after),
                    Source = new([2, channels, .. extents], type, FormatTag.ChannelsLast(rank + 2)),
                    Destination = new([2, channels, .. outputs], type, FormatTag.ChannelsLast(rank + 2)),
                },
                new PrimitiveAttributes { SourceZeroPoint = type.IsInt8() ? 3 : null }, options);
        Properties.Check(problems, CheckOnAllTiers, count: 80);
    }

    /// <summary>Windows that are mostly padding: the count of their elements has more than 32 bits, the source rows are few.</summary>
    [Fact]
    public void Windows_of_more_than_32_bits_of_elements_are_averaged()
    {
        const int Window = 1 << 16;
        MemoryDescriptor layout = new([1, 1, 1, 1], DataType.Float32, FormatTag.Nhwc);
        var descriptor = new PoolingDescriptor
        {
            Algorithm = PoolingAlgorithm.AverageIncludePadding, Source = layout, Destination = layout, Kernel = [Window, Window],
            PaddingAfter = [Window - 1, Window - 1],
        };
        using TensorMemory source = new(layout), destination = new(layout);
        source.AsSpan<float>()[0] = 3;
        foreach ((string _, Isa isa) in Tiers.Generated)
        {
            using var engine = new TestEngine(isa, [new JitPooling(KernelCache.Shared)]);
            using ExecutionStream stream = engine.CreateStream();
            Primitive pooling = engine.Create(descriptor);
            pooling.Execute(stream, new UnaryArguments(source, destination));
            Assert.Equal(3 / ((float)Window * Window), destination.AsSpan<float>()[0]);
            Assert.InRange(pooling.ScratchBytes, 0, 4096);
        }
    }

    [Fact]
    public void Negative_padding_cuts_the_source()
    {
        foreach (PoolingAlgorithm algorithm in Algorithms)
            foreach ((int before, int after) in new[] { (-1, -2), (0, -1), (-2, 0), (1, -1) })
            {
                PoolingDescriptor descriptor = Pool(
                    algorithm, DataType.Float32, DataType.Float32, 5, (9, 8), (3, 3), (2, 2), (1, 1), 0, 0, ceil: false);
                CheckOnAllTiers(new Problem(
                    descriptor with
                    {
                        PaddingBefore = [before, before], PaddingAfter = [after, after],
                        Destination = new([2, 5, 3, 3], DataType.Float32, FormatTag.Nhwc),
                    },
                    new PrimitiveAttributes(), new CheckOptions()));
            }
    }

    [Fact]
    public void Windows_that_contradict_the_source_are_refused_with_a_reason()
    {
        PoolingDescriptor problem = Pool(
            PoolingAlgorithm.Max, DataType.UInt8, DataType.UInt8, 8, (6, 6), (2, 2), (2, 2), (1, 1), 0, 0, ceil: false);
        Assert.Contains("Strides has 1 entries", Message(problem with { Strides = [2] }), StringComparison.Ordinal);
        Assert.Contains("PaddingAfter has 3 entries", Message(problem with { PaddingAfter = [1, 1, 1] }), StringComparison.Ordinal);
        Assert.Contains("32 bits do not count", Message(problem with { Dilations = [1 << 30, 1] }), StringComparison.Ordinal);
        Assert.Contains("32 bits do not count", Message(problem with { PaddingBefore = [int.MaxValue, 0] }), StringComparison.Ordinal);

        static string Message(PoolingDescriptor descriptor) =>
            Assert.Throws<ArgumentException>(() => descriptor.Validate(PrimitiveAttributes.Default)).Message;
    }

    [Fact]
    public void Other_layouts_are_reordered()
    {
        Gen<Problem> problems =
            from problem in AnyProblem
            let pooling = (PoolingDescriptor)problem.Descriptor
            where pooling.Source.Dimensions[1] > 1
            from source in Gen.Elements("abcd", "aBcd16b", "aBcd8b", "acdb").Select(FormatTag.Parse)
            from destination in Gen.Elements("abcd", "aBcd16b", "bacd").Select(FormatTag.Parse)
            select problem with
            {
                Descriptor = pooling with
                {
                    Source = new(pooling.Source.Dimensions, pooling.Source.DataType, source),
                    Destination = new(pooling.Destination.Dimensions, pooling.Destination.DataType, destination),
                },
            };
        Properties.Check(problems, problem =>
        {
            foreach ((string _, Isa isa) in Tiers.Generated)
            {
                using var engine = new TestEngine(isa, [new LayoutDetour([new JitPooling(KernelCache.Shared)], KernelCache.Shared)]);
                string chosen = PrimitiveCheck.AgainstReference(engine, problem.Descriptor, problem.Attributes, problem.Options);
                Assert.Contains(":reordered", chosen, StringComparison.Ordinal);
            }
        }, 80);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    public void Thread_counts_give_the_same_result(int threads)
    {
        using var engine = new TestEngine(CpuFeatures.Host.Isa, [new JitPooling(KernelCache.Shared)], threads);
        foreach (PoolingAlgorithm algorithm in Algorithms)
            foreach (int window in (int[])[3, 6])
                PrimitiveCheck.AgainstReference(
                    engine, Pool(algorithm, DataType.UInt8, DataType.UInt8, 700, (6, 6), (window, window), (1, 1), (1, 1), 1, 1,
                        ceil: false),
                    new PrimitiveAttributes { SourceZeroPoint = 4 });
    }

    [Fact]
    public void Kernels_stay_inside_their_instruction_set()
    {
        foreach ((string _, Isa isa) in IsaTiers.All.Where(t => t.Isa.HasFlag(IsaTiers.Sse41)))
            foreach (CallingAbi abi in (CallingAbi[])[CallingAbi.SystemV, CallingAbi.Windows])
                foreach (PoolingKernelSpec spec in Specs(isa))
                    KernelVerifier.Verify(new PoolingKernelGenerator().Generate(spec, isa, abi));
    }

    [Fact]
    public void Refusals_name_the_reason()
    {
        PoolingDescriptor problem = Pool(
            PoolingAlgorithm.Max, DataType.UInt8, DataType.UInt8, 8, (6, 6), (2, 2), (2, 2), (1, 1), 0, 0, ceil: false);
        AssertRefused(RejectionReason.Layout, problem with { Source = new(problem.Source.Dimensions, DataType.UInt8) });
        AssertRefused(RejectionReason.DataTypes, problem with { Source = problem.Source.WithDataType(DataType.Int64) });
        AssertRefused(RejectionReason.Shape, problem with
        {
            Algorithm = PoolingAlgorithm.AverageExcludePadding, Source = new([2, 8, 257, 256], DataType.Int32, FormatTag.Nhwc),
            Kernel = [257, 256],
        });
    }

    [Fact]
    public void Execution_allocates_nothing()
    {
        PoolingDescriptor problem = Pool(
            PoolingAlgorithm.AverageExcludePadding, DataType.UInt8, DataType.UInt8, 72, (9, 9), (3, 3), (2, 2), (1, 1), 1, 1, ceil: false);
        using var engine = new TestEngine(CpuFeatures.Host.Isa, [new JitPooling(KernelCache.Shared)]);
        using Primitive primitive = engine.Create(problem);
        using ExecutionStream stream = engine.CreateStream();
        using TensorMemory x = new(problem.Source), y = new(problem.Destination);
        var arguments = new UnaryArguments(x, y);
        primitive.Execute(stream, arguments);
        Assert.Equal(0, Allocations.Fewest(() => primitive.Execute(stream, arguments)));
    }

    private static Gen<Problem> AnyProblem =>
        from algorithm in Gen.Elements(Algorithms)
        from types in Gen.Elements(
            (DataType.UInt8, DataType.UInt8), (DataType.Int8, DataType.Int8), (DataType.UInt8, DataType.Float32),
            (DataType.Int8, DataType.UInt8), (DataType.Float32, DataType.Float32), (DataType.Float32, DataType.UInt8),
            (DataType.Int32, DataType.Int32), (DataType.Int32, DataType.Float32), (DataType.BFloat16, DataType.BFloat16),
            (DataType.Float16, DataType.Float16),
            (DataType.Int8, DataType.Float16), (DataType.BFloat16, DataType.UInt8))
        from channels in Arbitraries.Channels
        from height in Gen.Choose(1, 13)
        from width in Gen.Choose(1, 13)
        from kernel in Gen.Elements((1, 1), (2, 2), (3, 3), (3, 3), (5, 5), (1, 9), (9, 2))
        from stride in Gen.Elements((1, 1), (2, 2), (3, 3), (2, 1))
        from dilation in Gen.Elements((1, 1), (1, 1), (2, 2), (1, 3))
        from before in Gen.Choose(0, 3)
        from after in Gen.Choose(0, 3)
        from ceil in Gen.Elements(false, true)
        let descriptor = Pool(algorithm, types.Item1, types.Item2, channels, (height, width), kernel, stride, dilation, before, after, ceil)
        where descriptor.Destination.ElementCount > 0
        from requantizes in Gen.Elements(false, true)
        from sourceScale in Arbitraries.Scale
        from sourceZeroPoint in Arbitraries.ZeroPoint(types.Item1)
        from destinationScale in Arbitraries.Scale
        from destinationZeroPoint in Arbitraries.ZeroPoint(types.Item2)
        from postOps in Arbitraries.PostOps(descriptor.Destination)
        from options in Arbitraries.Options()
        let quantizedSource = !types.Item1.IsFloatingPoint()
        let quantizedDestination = requantizes && !types.Item2.IsFloatingPoint()
        select new Problem(
            descriptor,
            new PrimitiveAttributes
            {
                SourceScale = quantizedSource ? QuantizationScale.PerTensor(sourceScale) : null,
                SourceZeroPoint = quantizedSource ? ZeroPoint.PerTensor(sourceZeroPoint) : null,
                DestinationScale = quantizedDestination ? QuantizationScale.PerTensor(destinationScale) : null,
                DestinationZeroPoint = quantizedDestination ? ZeroPoint.PerTensor(destinationZeroPoint) : null,
                PostOps = requantizes ? postOps : [],
            },
            options);

    private static PoolingDescriptor Pool(
        PoolingAlgorithm algorithm, DataType source, DataType destination, int channels, (int H, int W) extent,
        (int H, int W) kernel, (int H, int W) stride, (int H, int W) dilation, int before, int after, bool ceil)
    {
        int oh = Outputs(extent.H, kernel.H, stride.H, dilation.H), ow = Outputs(extent.W, kernel.W, stride.W, dilation.W);
        return new PoolingDescriptor
        {
            Algorithm = algorithm,
            Source = new([2, channels, extent.H, extent.W], source, FormatTag.Nhwc),
            Destination = new([2, channels, oh, ow], destination, FormatTag.Nhwc),
            Kernel = [kernel.H, kernel.W], Strides = [stride.H, stride.W], Dilations = [dilation.H, dilation.W],
            PaddingBefore = [before, before], PaddingAfter = [after, after],
        };

        // In ceil mode the last window may reach beyond the padding but starts inside it.
        int Outputs(int size, int k, int s, int d)
        {
            int rest = size + before + after - (((k - 1) * d) + 1);
            if (rest < 0)
                return 0;
            int result = ((ceil ? rest + s - 1 : rest) / s) + 1;
            return ((result - 1) * s) - before < size + after ? result : result - 1;
        }
    }

    private static void CheckOnAllTiers(Problem problem)
    {
        foreach ((string _, Isa isa) in Tiers.Generated)
        {
            using var engine = new TestEngine(isa, [new JitPooling(KernelCache.Shared)]);
            string chosen = PrimitiveCheck.AgainstReference(engine, problem.Descriptor, problem.Attributes, problem.Options);
            Assert.StartsWith("jit_pool:", chosen, StringComparison.Ordinal);
        }
    }

    private static void AssertRefused(RejectionReason reason, PoolingDescriptor descriptor)
    {
        PlanResult result = new JitPooling(KernelCache.Shared).TryPlan(
            new PlanRequest(descriptor, PrimitiveAttributes.Default, IsaTiers.Avx2, 1));
        Assert.Equal(reason, result.Rejection?.Reason);
    }

    private static IEnumerable<PoolingKernelSpec> Specs(Isa isa)
    {
        IsaTraits traits = IsaTraits.For(isa);
        foreach (PoolingReduction reduction in Enum.GetValues<PoolingReduction>())
            foreach (DataType source in (DataType[])[DataType.UInt8, DataType.Int8, DataType.Float32])
                foreach (bool isTail in (bool[])[false, true])
                    foreach (int unrolled in (int[])[0, 3])
                    {
                        bool raw = reduction == PoolingReduction.ByteMaximum;
                        if (raw && source == DataType.Float32)
                            continue;
                        int channels = (4 * ChannelBlock.LanesOf(traits, raw)) - (isTail ? 3 : 0);
                        yield return new PoolingKernelSpec(
                            reduction, source, unrolled, 96, 80, channels, source == DataType.Int8, source == DataType.Int8,
                            raw ? null : EpilogueOf(channels));
                    }
    }

    private static EpilogueSpec EpilogueOf(int channels)
    {
        Epilogue epilogue = Epilogue.CreateForValues(
            new PrimitiveAttributes { PostOps = [PostOp.Sum(0.5f, 3), PostOp.Eltwise(EltwiseAlgorithm.Swish, 1)] }, DataType.UInt8);
        return EpiloguePlan.TryCreate(
            epilogue, DataType.Float32, bias: null, new MemoryDescriptor([1, channels, 4, 4], DataType.UInt8, FormatTag.Nhwc), out _)!.Spec;
    }
}
