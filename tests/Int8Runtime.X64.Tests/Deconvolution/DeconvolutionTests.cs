// Deconvolutions of random shapes on every tier, and the kinds of windows that fall into special phases.
using FsCheck.Fluent;
using Int8Runtime.Jit;
using Int8Runtime.TestKit;

namespace Int8Runtime.X64.Tests.Deconvolution;

public sealed class DeconvolutionTests
{
    private static readonly KernelCache Cache = new();

    [Fact]
    public void Integer_deconvolutions_are_exact_on_every_tier()
    {
        foreach ((string tier, Isa isa) in Tiers.Generated)
            Properties.Check(Arbitraries.IntegerDeconvolution,
                problem => Check(isa, problem.Descriptor, problem.Attributes, problem.Options), 40);
    }

    [Fact]
    public void Float_deconvolutions_stay_within_the_bound_of_a_sum()
    {
        foreach ((string tier, Isa isa) in Tiers.Generated)
            Properties.Check(
                Arbitraries.FloatDeconvolution.Where(problem => problem.IsLinear()),
                problem => Check(isa, problem.Descriptor, problem.Attributes, problem.Options), 30);
    }

    /// <summary>Each position between the strides would be a convolution with a plan of its own.</summary>
    [Fact]
    public void Strides_with_too_many_phases_are_refused()
    {
        var descriptor = new DeconvolutionDescriptor
        {
            Source = new([1, 1, 2, 2], DataType.Float32, FormatTag.Nhwc), Weights = MemoryDescriptor.Any([1, 1, 1, 1], DataType.Float32),
            Destination = new([1, 1, 30_001, 20_001], DataType.Float32, FormatTag.Nhwc), Strides = [30_000, 20_000],
        };
        using Engine engine = VectorEngines.Create(VectorEngines.Tiers.First());
        DispatchReport report = engine.Explain(descriptor);
        Assert.Null(report.Chosen);
        Assert.Contains(report.Rejections, refusal => refusal.Detail.Contains("600000000 phases", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(1, 3, 1)] // a window narrower than the stride: outputs that no tap reaches
    [InlineData(2, 4, 2)] // dilation and stride with a common divisor: whole phases without taps
    [InlineData(3, 2, 4)] // dilation twice the stride
    [InlineData(5, 2, 3)] // dilation and stride without a common divisor
    public void Phases_without_taps_and_dilated_phases_are_right(int kernel, int stride, int dilation)
    {
        foreach (DataType source in new[] { DataType.Float32, DataType.UInt8, DataType.Int8 })
        {
            DataType weights = source == DataType.Float32 ? source : DataType.Int8;
            for (int before = 0; before < 3; before++)
            {
                int extent = (4 * stride) + ((kernel - 1) * dilation) + 1;
                var descriptor = new DeconvolutionDescriptor
                {
                    Source = new([1, 6, 5, 5], source, FormatTag.Nhwc),
                    Weights = MemoryDescriptor.Any([8, 3, kernel, kernel], weights),
                    Bias = new([8], DataType.Float32),
                    Destination = new([1, 8, extent - before + stride - 1, extent], DataType.Float32, FormatTag.Nhwc),
                    Strides = [stride, stride],
                    Dilations = [dilation, dilation],
                    PaddingBefore = [before, 0],
                    Groups = 2,
                };
                PrimitiveAttributes attributes = source == DataType.Float32 ? PrimitiveAttributes.Default : new()
                {
                    SourceScale = QuantizationScale.PerTensor(0.1f), SourceZeroPoint = 7,
                    PostOps = [PostOp.Binary(BinaryAlgorithm.Add,
                        new(descriptor.Destination.Dimensions, DataType.Float32, FormatTag.Nhwc))],
                };
                foreach ((string tier, Isa isa) in Tiers.Generated)
                {
                    if (source != DataType.Float32)
                        Check(isa, descriptor, attributes with { WeightsZeroPoint = ZeroPoint.Runtime }, new CheckOptions());
                    var options = new CheckOptions { Seed = before + 1,
                        Tolerance = source == DataType.Float32 ? Tolerance.ForFloatSum(75) : default };
                    Check(isa, descriptor, attributes, options);
                    Check(isa, descriptor with { Weights = new([8, 3, kernel, kernel], weights) }, attributes, options);
                }
            }
        }
    }

    [Fact]
    public void Blocked_weights_and_operands_that_are_broadcast_over_any_dimensions_are_staged() => Properties.Check(
        from source in Gen.Elements(DataType.UInt8, DataType.Int8, DataType.Float32)
        from layout in Gen.Elements("abcd", "acdb", "aBcd8b")
        from weights in Gen.Elements("ABcd4b16a4b", "ABcd16b16a", "Acdb8a", "cdba")
        from groups in Gen.Elements(1, 2)
        from channels in Gen.Choose(1, 20)
        from mask in Gen.Choose(0, 15)
        from operand in Gen.Elements(DataType.Float32, DataType.BFloat16, DataType.Int8)
        from operandLayout in Gen.Elements("abcd", "acdb")
        from tier in Gen.Elements(VectorEngines.Tiers.ToArray())
        from options in Arbitraries.Options(source == DataType.Float32 ? Tolerance.ForFloatSum(9 * 20) : default)
        let destination = Shape.Create([2, 6 * groups, 9, 9])
        let broadcast = Shape.Create([.. destination.Select((extent, d) => (mask >> d & 1) != 0 ? extent : 1)])
        select (
            Descriptor: new DeconvolutionDescriptor
            {
                Source = new([2, channels * groups, 5, 5], source, FormatTag.Parse(layout)),
                Weights = new([6 * groups, channels, 3, 3], source == DataType.Float32 ? source : DataType.Int8, FormatTag.Parse(weights)),
                Bias = new([6 * groups], DataType.Float32), Destination = new(destination, source, FormatTag.Parse(layout)),
                Strides = [2, 2], PaddingBefore = [1, 1], PaddingAfter = [1, 1], Groups = groups,
            },
            Attributes: new PrimitiveAttributes
            {
                SourceScale = QuantizationScale.PerTensor(1 / 64f),
                PostOps = [PostOp.Binary(BinaryAlgorithm.Add, new(broadcast, operand, FormatTag.Parse(operandLayout))), PostOp.Relu()],
            },
            tier, options),
        problem =>
        {
            using Engine engine = VectorEngines.Create(problem.tier);
            PrimitiveCheck.AgainstReference(engine, problem.Descriptor, problem.Attributes, problem.options);
        }, 60);

    [Fact]
    public void One_dimension_is_served()
    {
        var descriptor = new DeconvolutionDescriptor
        {
            Source = new([2, 17, 6], DataType.UInt8, FormatTag.ChannelsLast(3)), Weights = MemoryDescriptor.Any([19, 17, 4], DataType.Int8),
            Destination = new([2, 19, 12], DataType.Int32, FormatTag.ChannelsLast(3)), Strides = [2], PaddingBefore = [1],
            PaddingAfter = [1],
        };
        foreach ((string tier, Isa isa) in Tiers.Generated)
            Check(isa, descriptor, PrimitiveAttributes.Default, new CheckOptions());
    }

    // No scalar convolution stands behind the generated ones here, so that a phase cannot fall to it.
    private static void Check(Isa isa, PrimitiveDescriptor descriptor, PrimitiveAttributes attributes, CheckOptions options)
    {
        var convolutions = new IImplementation[] { new DepthwiseConvolution(Cache), new BrgemmConvolution(Cache, CpuFeatures.Host) };
        using var engine = new TestEngine(isa, [new PhasedDeconvolution(convolutions)], threads: 1 + (options.Seed % 2));
        PrimitiveCheck.AgainstReference(engine, descriptor, attributes, options);
    }
}
