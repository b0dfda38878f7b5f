// Convolutions of random shapes on every tier that the host can be limited to.
using FsCheck;
using FsCheck.Fluent;
using Int8Runtime.Jit;
using Int8Runtime.TestKit;

namespace Int8Runtime.X64.Tests.Convolution;

public sealed class BrgemmConvolutionTests
{
    private static readonly KernelCache Cache = new();

    [Fact]
    public void Integer_convolutions_are_exact_on_every_tier()
    {
        foreach ((string tier, Isa isa) in Tiers.Generated)
            Properties.Check(Arbitraries.IntegerConvolution, problem => Check(isa, problem), 60);
    }

    [Fact]
    public void Float_convolutions_stay_within_the_bound_of_a_sum()
    {
        foreach ((string tier, Isa isa) in Tiers.Generated)
            Properties.Check(Arbitraries.FloatConvolution.Where(problem => problem.IsLinear()), problem => Check(isa, problem), 40);
    }

    /// <summary>Panels of weights and sources larger than the caches: kernels ask for both ahead, and read only what is theirs.</summary>
    [Theory]
    [InlineData(DataType.Float32, 256, 1, 24)]
    [InlineData(DataType.Float32, 64, 3, 48)]
    [InlineData(DataType.UInt8, 1024, 1, 24)]
    [InlineData(DataType.BFloat16, 512, 1, 24)]
    public void Layers_larger_than_the_caches_are_exact(DataType type, int channels, int kernel, int size)
    {
        var descriptor = new ConvolutionDescriptor
        {
            Source = MemoryDescriptor.Any([1, channels, size, size], type),
            Weights = MemoryDescriptor.Any([18, channels, kernel, kernel], type.IsFloatingPoint() ? type : DataType.Int8),
            Destination = MemoryDescriptor.Any([1, 18, size, size], type.IsFloatingPoint() ? type : DataType.Int32),
            PaddingBefore = [kernel / 2, kernel / 2],
            PaddingAfter = [kernel / 2, kernel / 2],
        };
        var options = new CheckOptions
        {
            Tolerance = type.IsFloatingPoint() ? Arbitraries.FloatSum(type, channels * kernel * kernel) : default,
        };
        foreach ((string _, Isa isa) in Tiers.Generated)
        {
            using var engine = new TestEngine(isa, [new BrgemmConvolution(Cache, CpuFeatures.Host)]);
            PrimitiveCheck.AgainstReference(engine, descriptor, PrimitiveAttributes.Default, options);
        }
    }

    /// <summary>Dilated windows that reach beyond the source, some of their taps with every pixel of a line.</summary>
    [Theory]
    [InlineData(3, 2, 1, 9, 2, 2)]
    [InlineData(3, 6, 1, 19, 6, 6)]
    [InlineData(3, 12, 1, 7, 12, 12)]
    [InlineData(5, 3, 2, 11, 4, 7)]
    [InlineData(2, 4, 1, 6, 0, 4)]
    public void Dilated_windows_leave_out_padding(int kernel, int dilation, int stride, int size, int before, int after)
    {
        int output = ((size + before + after - (dilation * (kernel - 1)) - 1) / stride) + 1;
        foreach ((DataType type, int channels) in new[]
        {
            (DataType.UInt8, 16), (DataType.UInt8, 5), (DataType.Int8, 8), (DataType.Float32, 3), (DataType.BFloat16, 6),
        })
        {
            var descriptor = new ConvolutionDescriptor
            {
                Source = MemoryDescriptor.Any([2, channels, size, size], type),
                Weights = MemoryDescriptor.Any([19, channels, kernel, kernel], type.IsFloatingPoint() ? type : DataType.Int8),
                Destination = MemoryDescriptor.Any([2, 19, output, output], type.IsFloatingPoint() ? type : DataType.Int32),
                Strides = [stride, stride],
                Dilations = [dilation, dilation],
                PaddingBefore = [before, before],
                PaddingAfter = [after, after],
            };
            var options = new CheckOptions
            {
                Tolerance = type.IsFloatingPoint() ? Arbitraries.FloatSum(type, channels * kernel * kernel) : default,
            };
            foreach ((string _, Isa isa) in Tiers.Generated)
            {
                using var engine = new TestEngine(isa, [new BrgemmConvolution(Cache, CpuFeatures.Host)]);
                PrimitiveCheck.AgainstReference(engine, descriptor, PrimitiveAttributes.Default, options);
                if (type != DataType.Float32)
                    continue;
                using Primitive primitive = engine.Create(descriptor);
                Assert.Contains("direct rows without padding", primitive.Details, StringComparison.Ordinal);
            }
        }
    }

    /// <summary>
    /// Short lines, whose tiles span several: windows that reach beyond one or both borders, strides, a last band with fewer lines, and
    /// sources that are read directly (u8), shifted (s8) or copied (an odd number of channels).
    /// </summary>
    [Theory]
    [InlineData(3, 7, 1, 1, 1)]
    [InlineData(3, 7, 2, 1, 1)]
    [InlineData(5, 3, 1, 2, 2)]
    [InlineData(5, 2, 1, 2, 3)]
    [InlineData(3, 5, 2, 0, 1)]
    [InlineData(2, 6, 1, 1, 0)]
    [InlineData(1, 4, 2, 0, 0)]
    [InlineData(3, 1, 1, 1, 1)]
    public void Tiles_that_span_lines_are_exact(int kernel, int size, int stride, int before, int after)
    {
        int output = ((size + before + after - kernel) / stride) + 1, spanning = 0;
        foreach ((DataType type, int channels) in new[]
        {
            (DataType.UInt8, 16), (DataType.UInt8, 5), (DataType.Int8, 8), (DataType.Float32, 3), (DataType.BFloat16, 6),
        })
        {
            DataType weights = type.IsFloatingPoint() ? type : DataType.Int8;
            var descriptor = new ConvolutionDescriptor
            {
                Source = MemoryDescriptor.Any([2, channels, size, size], type),
                Weights = MemoryDescriptor.Any([40, channels, kernel, kernel], weights),
                Destination = MemoryDescriptor.Any([2, 40, output, output], type.IsFloatingPoint() ? type : DataType.Int32),
                Strides = [stride, stride],
                PaddingBefore = [before, before],
                PaddingAfter = [after, after],
            };
            var options = new CheckOptions
            {
                Tolerance = type.IsFloatingPoint() ? Arbitraries.FloatSum(type, channels * kernel * kernel) : default,
            };
            foreach ((string _, Isa isa) in Tiers.Generated)
            {
                using var engine = new TestEngine(isa, [new BrgemmConvolution(Cache, CpuFeatures.Host)]) { Tile = new KernelTile(2 * output, 1) };
                PrimitiveCheck.AgainstReference(engine, descriptor, PrimitiveAttributes.Default, options);
                using Primitive primitive = engine.Create(descriptor);
                spanning += primitive.Details.Contains(" lines, ", StringComparison.Ordinal) ? 1 : 0;
            }
        }

        Assert.True(output == 1 || spanning > 0, "no tile spanned lines");
    }

    /// <summary>Integer weights of real sources stay integers where they outweigh the activations, and elsewhere become f32 when they are packed.</summary>
    [Fact]
    public void Integer_weights_of_real_sources_stay_within_the_bound_of_a_sum_on_every_tier()
    {
        Gen<Problem> problems =
            from source in Gen.Elements(DataType.Float32, DataType.Float32, DataType.BFloat16)
            from weights in Gen.Elements(DataType.Int8, DataType.UInt8, DataType.Int4, DataType.UInt4)
            from groups in Gen.Elements(1, 1, 2)
            from inputs in Gen.Choose(1, 20)
            from outputs in Gen.OneOf(Gen.Choose(1, 24), Gen.Elements(40, 65))
            from kernel in Gen.Choose(1, 3)
            from size in Gen.Choose(3, 9)
            from stride in Gen.Choose(1, 2)
            from padding in Gen.Choose(0, kernel - 1)
            from batch in Gen.Choose(1, 2)
            from scales in Gen.Choose(1, 16).ArrayOf(groups * outputs)
            from zeroPoints in Gen.Choose(weights.IntegerRange().Min, weights.IntegerRange().Max).ArrayOf(groups * outputs)
            from quantization in Gen.Choose(0, 2)
            from postOps in Gen.Elements<PostOpChain>([], [PostOp.Relu(0.25f)], [PostOp.Sum(0.5f)])
            from options in Arbitraries.Options(Arbitraries.FloatSum(source, 64 * kernel * kernel * inputs))
            let output = ((size + (2 * padding) - kernel) / stride) + 1
            select new Problem(
                new ConvolutionDescriptor
                {
                    Source = new([batch, groups * inputs, size, size], source, FormatTag.Nhwc),
                    Weights = MemoryDescriptor.Any([groups * outputs, inputs, kernel, kernel], weights),
                    Bias = outputs % 2 == 0 ? new MemoryDescriptor([groups * outputs], DataType.Float32) : null,
                    Destination = new([batch, groups * outputs, output, output], source, FormatTag.Nhwc),
                    Strides = [stride, stride],
                    PaddingBefore = [padding, padding],
                    PaddingAfter = [padding, padding],
                    Groups = groups,
                },
                new PrimitiveAttributes
                {
                    // Small scales keep sums of integers in the range of the bound.
                    WeightsScale = quantization == 0
                        ? QuantizationScale.PerTensor(1 / 256f) : QuantizationScale.PerChannel([.. scales.Select(s => s / 4096f)]),
                    WeightsZeroPoint = quantization == 2 ? ZeroPoint.PerChannel(zeroPoints) : null,
                    PostOps = postOps,
                },
                options);
        foreach ((string _, Isa isa) in Tiers.Generated)
        {
            int compact = 0, expanded = 0;
            Properties.Check(problems, problem =>
            {
                Check(isa, problem);
                using var engine = new TestEngine(isa, [new BrgemmConvolution(Cache, CpuFeatures.Host)]);
                using Primitive primitive = engine.Create(problem.Descriptor, problem.Attributes);
                var descriptor = (ConvolutionDescriptor)problem.Descriptor;
                Assert.Equal(descriptor.IsMostlyWeights, primitive.Details.Contains("-bit weights expanded by blocks", StringComparison.Ordinal));
                _ = descriptor.IsMostlyWeights ? compact++ : expanded++;
            }, 20);
            Assert.True(compact > 1 && expanded > 1, $"{compact} problems with integers in memory, {expanded} without");
        }
    }

    private static void Check(Isa isa, Problem problem)
    {
        using var engine = new TestEngine(isa, [new BrgemmConvolution(Cache, CpuFeatures.Host)], threads: 1 + (problem.Options.Seed % 2));
        PrimitiveCheck.AgainstReference(engine, problem.Descriptor, problem.Attributes, problem.Options);
    }
}
