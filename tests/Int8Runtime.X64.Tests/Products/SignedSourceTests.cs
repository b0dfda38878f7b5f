// Signed activations on hardware that multiplies unsigned by signed bytes (requirements I01 to I05), and the bias and sum of an
// int8 convolution (J01).
using Int8Runtime.Jit;
using Int8Runtime.TestKit;

namespace Int8Runtime.X64.Tests.Products;

public sealed class SignedSourceTests
{
    private static readonly KernelCache Cache = new();

    [Fact]
    public void I01_signed_convolution_equals_the_direct_sum()
    {
        foreach (int groups in new[] { 1, 2, 24 })
            Check(Convolution(DataType.Int8, DataType.Int32, 24, 24, groups, (3, 1, 1, 1, 1)), PrimitiveAttributes.Default);
    }

    /// <summary>
    /// What is slower is one more instruction for each word of the source, which a tile multiplies with several vectors of weights; the
    /// products are as many.
    /// </summary>
    [Fact]
    public void I02_signed_sources_cost_one_instruction_for_each_load()
    {
        const int SetUp = 2; // the vector of 128s and its place among the constants
        foreach (Isa isa in new[] { IsaTiers.Avx512Vnni, IsaTiers.Avx2Vnni })
        {
            (int rows, int vectors) = isa.HasFlag(Isa.Avx512) ? (6, 4) : (3, 3);
            string[] Lines(DotProductKind kind) => [.. Disassembler.Format(new BrgemmGenerator().Generate(Tile(kind, rows, vectors), isa))
                .Split('\n').Where(line => !line.TrimStart().StartsWith(';'))];
            string[] unsigned = Lines(DotProductKind.UInt8), signed = Lines(DotProductKind.Int8);
            int Count(string[] lines, string instruction) => lines.Count(line => line.Contains(instruction, StringComparison.Ordinal));
            int loads = Count(unsigned, "vpbroadcastd");
            Assert.True(loads >= rows);
            Assert.Equal(loads * vectors, Count(unsigned, "vpdpbusd"));
            Assert.Equal(loads * vectors, Count(signed, "vpdpbusd"));
            Assert.InRange(signed.Length - unsigned.Length, loads, loads + SetUp);
        }
    }

    private static BrgemmSpec Tile(DotProductKind product, int rows, int vectors) => new()
    {
        Product = product, Rows = rows, Vectors = vectors, SourceStride = 64, DestinationStride = 1024, RunSteps = 16, WeightsStride = 4096,
        Epilogue = new EpilogueSpec { Accumulator = DataType.Int32, Destination = DataType.Int32, StoresAccumulator = true },
    };

    [Fact]
    public void I03_signed_extremes_are_shifted_without_loss()
    {
        ConvolutionDescriptor descriptor = Convolution(DataType.Int8, DataType.Int32, 33, 17, 1, (3, 1, 1, 1, 1));
        Check(descriptor, PrimitiveAttributes.Default, FillKind.Extremes);
        Check(descriptor, new PrimitiveAttributes { SourceZeroPoint = -128 }, FillKind.Extremes);
        Check(descriptor, new PrimitiveAttributes { SourceZeroPoint = 127 }, FillKind.Extremes);
    }

    [Fact]
    public void I04_the_compensation_is_part_of_the_packed_weights()
    {
        // A source of zeros: whatever is not compensated for would be left over.
        foreach ((string _, Isa isa) in Tiers.Generated)
        {
            using var engine = new TestEngine(isa, X64Implementations.Create(Cache, CpuFeatures.Host));
            ConvolutionDescriptor descriptor = Convolution(DataType.Int8, DataType.Int32, 16, 16, 1, (3, 1, 1, 1, 1));
            Primitive primitive = engine.Create(descriptor);
            using var source = new TensorMemory(descriptor.Source);
            using var plain = new TensorMemory(new MemoryDescriptor(descriptor.Weights.Dimensions, DataType.Int8));
            using var destination = new TensorMemory(descriptor.Destination);
            TensorFill.Random(plain, 7, FillKind.Extremes);
            using TensorMemory weights = WeightsPacking.Pack(engine, plain, primitive.Weights);
            using ExecutionStream stream = engine.CreateStream();
            primitive.Execute(stream, new ConvolutionArguments(source, weights, null, destination));
            unsafe
            {
                Assert.False(new ReadOnlySpan<int>(destination.Data, (int)descriptor.Destination.ElementCount).ContainsAnyExcept(0));
            }
        }
    }

    /// <summary>Padding is the shifted zero point for every mix of padding, stride and dilation, also where a side has none.</summary>
    [Theory]
    [InlineData(1, 0)]
    [InlineData(1, 13)]
    [InlineData(12, 0)]
    [InlineData(12, -7)]
    public void I05_borders_are_exact_for_every_padding_stride_and_dilation(int groups, int zeroPoint)
    {
        foreach (int kernel in new[] { 2, 3 })
            foreach (int stride in new[] { 1, 2 })
                foreach (int dilation in new[] { 1, 2 })
                    foreach ((int before, int after) in new[] { (1, 1), (0, 1), (2, 0), (3, 2) })
                        Check(
                            Convolution(DataType.Int8, DataType.Int32, 12, 12, groups, (kernel, stride, dilation, before, after)),
                            new PrimitiveAttributes { SourceZeroPoint = zeroPoint }, hostOnly: true);
    }

    [Fact]
    public void J01_bias_of_s32_and_a_sum_with_its_own_type_and_scale()
    {
        ConvolutionDescriptor descriptor = Convolution(DataType.UInt8, DataType.Int8, 16, 20, 1, (1, 1, 1, 0, 0)) with
        {
            Bias = new MemoryDescriptor([20], DataType.Int32),
        };
        Check(descriptor, new PrimitiveAttributes
        {
            SourceScale = QuantizationScale.PerTensor(0.02f),
            WeightsScale = QuantizationScale.PerTensor(0.01f),
            DestinationScale = QuantizationScale.PerTensor(4000f),
            PostOps = [PostOp.Sum(0.5f, 3, DataType.UInt8), PostOp.Relu()],
        });
    }

    private static ConvolutionDescriptor Convolution(
        DataType source, DataType destination, int inputs, int outputs, int groups,
        (int Kernel, int Stride, int Dilation, int Before, int After) axis)
    {
        const int Extent = 7;
        int output = ((Extent + axis.Before + axis.After - ((axis.Kernel - 1) * axis.Dilation) - 1) / axis.Stride) + 1;
        return new ConvolutionDescriptor
        {
            Source = new([1, inputs, Extent, Extent], source, FormatTag.Nhwc),
            Weights = MemoryDescriptor.Any([outputs, inputs / groups, axis.Kernel, axis.Kernel], DataType.Int8),
            Destination = new([1, outputs, output, output], destination, FormatTag.Nhwc),
            Strides = [axis.Stride, axis.Stride],
            Dilations = [axis.Dilation, axis.Dilation],
            PaddingBefore = [axis.Before, axis.Before],
            PaddingAfter = [axis.After, axis.After],
            Groups = groups,
        };
    }

    private static void Check(
        ConvolutionDescriptor descriptor, PrimitiveAttributes attributes, FillKind fill = FillKind.Typical, bool hostOnly = false)
    {
        foreach ((string _, Isa isa) in hostOnly ? Tiers.Generated.TakeLast(1) : Tiers.Generated)
        {
            using var engine = new TestEngine(isa, X64Implementations.Create(Cache, CpuFeatures.Host));
            PrimitiveCheck.AgainstReference(engine, descriptor, attributes, new CheckOptions { Seed = 3, Fill = fill });
        }
    }
}
