// Depthwise convolution against the normative reference: every product, tier, window and border.
using FsCheck;
using FsCheck.Fluent;
using Int8Runtime.Jit;
using Int8Runtime.TestKit;

namespace Int8Runtime.X64.Tests.Depthwise;

public sealed class DepthwiseTests
{
    [Fact]
    public void Integer_results_are_the_reference_bits_on_every_tier() =>
        Properties.Check(IntegerProblem, CheckOnAllTiers, count: 80);

    [Fact]
    public void Float_results_are_within_the_bound_of_the_sum_on_every_tier() =>
        Properties.Check(FloatProblem, CheckOnAllTiers, count: 50);

    [Theory]
    [InlineData(DataType.UInt8, 113)]
    [InlineData(DataType.Int8, -128)]
    [InlineData(DataType.Int8, 127)]
    public void Every_border_mix_acts_as_the_zero_point(DataType source, int zeroPoint)
    {
        foreach (int stride in (int[])[1, 2, 3])
            foreach (int dilation in (int[])[1, 2])
                foreach ((int before, int after) in ((int, int)[])[(0, 0), (1, 1), (0, 1), (2, 0), (2, 3)])
                    CheckOnAllTiers(
                        Conv(new Case(source, DataType.Int8, DataType.UInt8, 70, 7, 3, stride, dilation, before, after),
                            FillKind.Extremes, zeroPoint));
    }

    [Fact]
    public void Kernels_that_differ_have_names_that_differ()
    {
        var cache = new KernelCache();
        using Engine engine = new TestEngine(
            IsaTiers.Avx2, X64Implementations.Create(cache, CpuFeatures.Host), threads: 1);
        foreach (int zeroPoint in (int[])[0, 3])
            engine.Create(
                Conv(new Case(DataType.UInt8, DataType.Int8, DataType.UInt8, 32, 7, 3, 1, 1, 1, 1), FillKind.Extremes, zeroPoint).Descriptor,
                new PrimitiveAttributes { SourceZeroPoint = zeroPoint });
        string[] names = [.. cache.Kernels.Select(kernel => kernel.Name)];
        Assert.Equal(2, names.Length);
        Assert.Equal(names.Length, names.Distinct().Count());
    }

    [Fact]
    public void Window_larger_than_the_source_reads_only_padding_around_it() => CheckOnAllTiers(
        Conv(new Case(DataType.Int8, DataType.Int8, DataType.Int32, 33, 2, 7, 1, 1, 3, 3), FillKind.Extremes, -5));

    [Theory]
    [InlineData(DataType.Float32, 331, 1, 1)]
    [InlineData(DataType.Float32, 331, 2, 1)]
    [InlineData(DataType.UInt8, 1301, 1, 2)]
    [InlineData(DataType.Int8, 1301, 2, 1)]
    public void Rows_too_long_for_one_sweep_are_done_in_segments(DataType type, int channels, int stride, int dilation)
    {
        DataType weights = type == DataType.Float32 ? type : DataType.Int8;
        var row = new Case(type, weights, type, channels, 43, 3, stride, dilation, 1, 1);
        Problem problem = Conv(row, FillKind.Typical, 3);
        var descriptor = (ConvolutionDescriptor)problem.Descriptor;
        Shape source = [1, channels, 3, row.Extent], destination = [1, channels, (row with { Extent = 3 }).OutputExtent, row.OutputExtent];
        PostOpChain postOps = [new BinaryPostOp(BinaryAlgorithm.Add, new MemoryDescriptor(destination, DataType.Float32, FormatTag.Nhwc))];
        CheckOnAllTiers(problem with
        {
            Descriptor = descriptor with
            {
                Source = new(source, type, FormatTag.Nhwc), Destination = new(destination, type, FormatTag.Nhwc),
            },
            Attributes = type == DataType.Float32
                ? new PrimitiveAttributes { PostOps = postOps } : problem.Attributes with { PostOps = postOps },
            Options = problem.Options with { Tolerance = type == DataType.Float32 ? Arbitraries.FloatSum(type, 9) : default },
        });
    }

    [Fact]
    public void A_single_column_in_any_layout_is_padded_in_every_channel()
    {
        Problem problem = Conv(new Case(DataType.Int8, DataType.Int8, DataType.Int32, 33, 1, 5, 1, 1, 2, 2), FillKind.Extremes, -5);
        var descriptor = (ConvolutionDescriptor)problem.Descriptor;
        CheckOnAllTiers(problem with { Descriptor = descriptor with { Source = new(descriptor.Source.Dimensions, DataType.Int8) } });
    }

    [Fact]
    public void Weights_with_zero_points_take_the_word_product()
    {
        foreach (DataType weights in (DataType[])[DataType.UInt8, DataType.Int8])
        {
            Problem problem = Conv(new Case(DataType.UInt8, weights, DataType.Int32, 40, 6, 3, 1, 1, 1, 1), FillKind.Extremes, 7);
            int[] zeroPoints = [.. Enumerable.Range(0, 40).Select(c => weights == DataType.UInt8 ? c * 6 : (c * 6) - 120)];
            CheckOnAllTiers(
                problem with { Attributes = problem.Attributes with { WeightsZeroPoint = ZeroPoint.PerChannel(zeroPoints) } });
        }
    }

    [Theory]
    [InlineData(DataType.UInt8, 100)]
    [InlineData(DataType.UInt8, 0)]
    [InlineData(DataType.Int8, -100)]
    [InlineData(DataType.Int8, 127)]
    public void Values_that_are_huge_or_not_numbers_saturate_like_the_reference(DataType destination, int zeroPoint)
    {
        Problem problem = Conv(new Case(DataType.UInt8, DataType.Int8, destination, 96, 6, 3, 1, 1, 1, 1), FillKind.SpecialFloats, 3);
        foreach (PostOpChain postOps in (PostOpChain[])[[], [PostOp.Relu()], [PostOp.Relu(0.1f)]])
            CheckOnAllTiers(
                problem with { Attributes = problem.Attributes with { DestinationZeroPoint = zeroPoint, PostOps = postOps } });
    }

    [Fact]
    public void Pixels_with_gaps_keep_what_lies_between_them()
    {
        var descriptor = (ConvolutionDescriptor)Conv(
            new Case(DataType.UInt8, DataType.Int8, DataType.UInt8, 37, 5, 3, 1, 1, 1, 1), FillKind.Typical, 9).Descriptor;
        const int Pixel = 90, Side = 5;
        MemoryDescriptor Gapped(MemoryDescriptor d) =>
            MemoryDescriptor.Strided(d.Dimensions, d.DataType, [Pixel * Side * Side, 1, Pixel * Side, Pixel], offset: 11);
        descriptor = descriptor with { Source = Gapped(descriptor.Source), Destination = Gapped(descriptor.Destination) };
        CheckOnAllTiers(new Problem(descriptor, PrimitiveAttributes.Default, new CheckOptions()));
    }

    [Fact]
    public void One_spatial_dimension_is_a_row()
    {
        var descriptor = new ConvolutionDescriptor
        {
            Source = new([2, 20, 15], DataType.UInt8, FormatTag.ChannelsLast(3)),
            Weights = MemoryDescriptor.Any([20, 1, 4], DataType.Int8),
            Destination = new([2, 20, 8], DataType.Float32, FormatTag.ChannelsLast(3)),
            Strides = [2], PaddingBefore = [1], PaddingAfter = [2], Groups = 20,
        };
        CheckOnAllTiers(
            new Problem(descriptor, new PrimitiveAttributes { SourceZeroPoint = 30 }, new CheckOptions()));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Thread_counts_give_the_same_result(int threads)
    {
        Problem problem = Conv(new Case(DataType.Int8, DataType.Int8, DataType.Int8, 300, 7, 3, 1, 1, 1, 1), FillKind.Typical, 3);
        using var engine = new TestEngine(CpuFeatures.Host.Isa, [new DepthwiseConvolution(KernelCache.Shared)], threads);
        PrimitiveCheck.AgainstReference(engine, problem.Descriptor, problem.Attributes, problem.Options);
    }

    [Fact]
    public void Kernels_stay_inside_their_instruction_set()
    {
        foreach ((string _, Isa isa) in IsaTiers.All.Where(t => t.Isa.HasFlag(IsaTiers.Sse41)))
            foreach (CallingAbi abi in (CallingAbi[])[CallingAbi.SystemV, CallingAbi.Windows])
                foreach (DepthwiseKernelSpec spec in Specs(isa))
                    KernelVerifier.Verify(new DepthwiseKernelGenerator().Generate(spec, isa, abi));
    }

    [Fact]
    public void Zero_points_of_weights_may_be_given_at_execution()
    {
        foreach (DataType source in (DataType[])[DataType.UInt8, DataType.Int8])
            foreach (DataType weights in (DataType[])[DataType.UInt8, DataType.Int8])
                foreach (int channels in (int[])[3, 16, 37])
                {
                    Problem problem = Conv(new Case(source, weights, DataType.Int8, channels, 6, 3, 1, 1, 1, 1), FillKind.Typical, channels);
                    PrimitiveAttributes attributes = problem.Attributes with { WeightsZeroPoint = ZeroPoint.Runtime };
                    CheckOnAllTiers(problem with { Attributes = attributes });
                    CheckOnAllTiers(problem with { Attributes = attributes with { SourceZeroPoint = ZeroPoint.Runtime } });
                }
    }

    [Fact]
    public void Refusals_name_the_reason()
    {
        Problem problem = Conv(new Case(DataType.UInt8, DataType.Int8, DataType.UInt8, 16, 5, 3, 1, 1, 1, 1), FillKind.Typical, 0);
        var descriptor = (ConvolutionDescriptor)problem.Descriptor;
        AssertRefused(RejectionReason.Layout, descriptor with { Source = new(descriptor.Source.Dimensions, DataType.UInt8) });
        AssertRefused(RejectionReason.Shape, descriptor with { Groups = 1, Weights = MemoryDescriptor.Any([16, 16, 3, 3], DataType.Int8) });
        AssertRefused(RejectionReason.DataTypes, descriptor with { Source = descriptor.Source.WithDataType(DataType.BFloat16) });
        AssertRefused(RejectionReason.Quantization, descriptor, new PrimitiveAttributes { WeightsZeroPoint = 1000 });
        AssertRefused(RejectionReason.InstructionSet, descriptor, isa: Isa.None);
    }

    [Fact]
    public void Execution_allocates_nothing()
    {
        var descriptor = (ConvolutionDescriptor)Conv(
            new Case(DataType.UInt8, DataType.Int8, DataType.UInt8, 72, 9, 3, 1, 1, 1, 1), FillKind.Typical, 0).Descriptor;
        using var engine = new TestEngine(CpuFeatures.Host.Isa, [new DepthwiseConvolution(KernelCache.Shared)]);
        using Primitive primitive = engine.Create(descriptor, PrimitiveAttributes.Default);
        using ExecutionStream stream = engine.CreateStream();
        using TensorMemory x = new(descriptor.Source), w = new(primitive.Weights), b = new(descriptor.Bias!),
            y = new(descriptor.Destination);
        var arguments = new ConvolutionArguments(x, w, b, y);
        primitive.Execute(stream, arguments);
        Assert.Equal(0, Allocations.Fewest(() => primitive.Execute(stream, arguments)));
    }

    private static Gen<Case> AnyCase(Gen<DataType> source, Gen<DataType> weights, Gen<DataType> destination) =>
        from s in source
        from w in weights
        from d in destination
        from channels in Arbitraries.Channels.Where(count => count > 1) // one channel is a dense convolution
        from extent in Gen.Choose(1, 17)
        from kernel in Gen.Elements(1, 2, 3, 3, 3, 4, 5, 7)
        from stride in Gen.Elements(1, 1, 2, 3)
        from dilation in Gen.Elements(1, 1, 1, 2, 3)
        from before in Gen.Choose(0, 4)
        from after in Gen.Choose(0, 4)
        select new Case(s, w, d, channels, extent, kernel, stride, dilation, before, after);

    private static Gen<Problem> IntegerProblem =>
        from c in AnyCase(Arbitraries.Int8Type, Gen.Elements(DataType.Int8, DataType.Int8, DataType.UInt8), Arbitraries.DestinationType)
        where c.OutputExtent > 0
        let descriptor = Descriptor(c)
        from attributes in Arbitraries.IntegerProductAttributes(c.Source, descriptor.Destination, c.Channels)
        from options in Arbitraries.Options()
        select new Problem(descriptor, attributes, options);

    private static Gen<Problem> FloatProblem =>
        from types in Arbitraries.FloatTypes
        from c in AnyCase(Gen.Constant(types.Source), Gen.Constant(types.Weights), Gen.Constant(types.Destination))
        where c.OutputExtent > 0
        let descriptor = Descriptor(c)
        from postOps in Arbitraries.PostOps(descriptor.Destination)
        from options in Arbitraries.Options(Arbitraries.FloatSum(types.Destination, c.Kernel * c.Kernel))
        select new Problem(descriptor, new PrimitiveAttributes { PostOps = postOps }, options);

    private static Problem Conv(Case c, FillKind fill, int zeroPoint) => new(
        Descriptor(c),
        new PrimitiveAttributes
        {
            SourceScale = QuantizationScale.PerTensor(0.01f), SourceZeroPoint = zeroPoint,
            WeightsScale = QuantizationScale.PerChannel([.. Enumerable.Range(0, c.Channels).Select(i => 0.01f + (0.001f * i))]),
            DestinationZeroPoint = c.Destination == DataType.UInt8 ? 100 : 0,
        },
        new CheckOptions { Fill = fill, Seed = c.GetHashCode() & 0xFFFF });

    private static ConvolutionDescriptor Descriptor(Case c) => new()
    {
        Source = new([2, c.Channels, c.Extent, c.Extent], c.Source, FormatTag.Nhwc),
        Weights = MemoryDescriptor.Any([c.Channels, 1, c.Kernel, c.Kernel], c.Weights),
        Bias = c.Channels % 2 == 0 ? new MemoryDescriptor([c.Channels], DataType.Float32) : null,
        Destination = new([2, c.Channels, c.OutputExtent, c.OutputExtent], c.Destination, FormatTag.Nhwc),
        Strides = [c.Stride, c.Stride], Dilations = [c.Dilation, c.Dilation],
        PaddingBefore = [c.Before, c.Before], PaddingAfter = [c.After, c.After], Groups = c.Channels,
    };

    private static void CheckOnAllTiers(Problem problem)
    {
        foreach ((string _, Isa isa) in Tiers.Generated)
        {
            using var engine = new TestEngine(isa, [new DepthwiseConvolution(KernelCache.Shared)]);
            string chosen = PrimitiveCheck.AgainstReference(engine, problem.Descriptor, problem.Attributes, problem.Options);
            Assert.StartsWith("depthwise:", chosen, StringComparison.Ordinal);
        }
    }

    private static void AssertRefused(
        RejectionReason reason, ConvolutionDescriptor descriptor, PrimitiveAttributes? attributes = null, Isa? isa = null)
    {
        PlanResult result = new DepthwiseConvolution(KernelCache.Shared).TryPlan(
            new PlanRequest(descriptor, attributes ?? PrimitiveAttributes.Default, isa ?? IsaTiers.Avx2, 1));
        Assert.Equal(reason, result.Rejection?.Reason);
    }

    // Specs beyond what the host runs: every product the tier has, both store forms, resident and spilled rows, tails.
    private static IEnumerable<DepthwiseKernelSpec> Specs(Isa isa)
    {
        IsaTraits traits = IsaTraits.For(isa);
        foreach (TapProductKind product in Enum.GetValues<TapProductKind>())
        {
            if (product == TapProductKind.ByteQuads && !traits.HasVnni)
                continue;
            DataType source = product == TapProductKind.Fma ? DataType.Float32 : DataType.Int8;
            foreach (DataType destination in (DataType[])[DataType.UInt8, DataType.Float32])
            {
                foreach ((int kernel, int stride, int dilation) in ((int, int, int)[])[(3, 1, 1), (3, 2, 1), (5, 1, 2), (7, 1, 1)])
                {
                    TapGeometry geometry = TapGeometry.For(product, traits, kernel * kernel, channels: 100);
                    int block = geometry.BlockChannels;
                    foreach (int channels in (int[])[block, block - 3])
                        foreach (PostOpChain postOps in (PostOpChain[])[[], [PostOp.Sum(0.5f, 3), PostOp.Relu(0.1f)],
                            [PostOp.Eltwise(EltwiseAlgorithm.Swish, 1)]])
                            yield return new DepthwiseKernelSpec(
                                product, source, kernel, kernel, stride, dilation, 96, 96, geometry.Vectors, channels,
                                product != TapProductKind.Fma, SpecOf(product, destination, block, postOps));
                }
            }
        }
    }

    private static EpilogueSpec SpecOf(TapProductKind product, DataType destination, int channels, PostOpChain postOps)
    {
        DataType accumulator = product == TapProductKind.Fma ? DataType.Float32 : DataType.Int32;
        var attributes = new PrimitiveAttributes { SourceScale = QuantizationScale.PerTensor(0.1f), PostOps = postOps,
            DestinationZeroPoint = 3 };
        Epilogue epilogue = Epilogue.Create(attributes, accumulator, destination, channels, hasBias: true);
        return EpiloguePlan.TryCreate(
            epilogue, accumulator, new MemoryDescriptor([channels], DataType.Float32),
            new MemoryDescriptor([1, channels, 4, 4], destination, FormatTag.Nhwc), out _)!.Spec;
    }

    private sealed record Case(
        DataType Source, DataType Weights, DataType Destination, int Channels, int Extent, int Kernel, int Stride, int Dilation,
        int Before, int After)
    {
        public int OutputExtent
        {
            get
            {
                int window = ((Kernel - 1) * Dilation) + 1, padded = Extent + Before + After;
                return padded < window ? 0 : ((padded - window) / Stride) + 1;
            }
        }
    }
}
