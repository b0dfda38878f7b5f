// Convolutions whose memory is not the common case: slices of larger tensors, one dimension, plain weights, u8 weights,
// zero points of channels and of the execution.
using Int8Runtime.Jit;
using Int8Runtime.TestKit;

namespace Int8Runtime.X64.Tests.Convolution;

public sealed class ConvolutionLayoutTests
{
    private static readonly KernelCache Cache = new();

    public static TheoryData<int, int> Windows => new() { { 1, 0 }, { 3, 1 }, { 3, 0 } };

    [Theory]
    [MemberData(nameof(Windows))]
    public void Source_and_destination_may_be_channel_slices_of_larger_tensors(int kernel, int padding)
    {
        int output = 9 + (2 * padding) - kernel + 1;
        foreach (DataType type in new[] { DataType.UInt8, DataType.Float32 })
        {
            MemoryDescriptor wideSource = new([2, 48, 9, 9], type, FormatTag.Nhwc), wideResult = new([2, 100, output, output], type, FormatTag.Nhwc);
            Check(new ConvolutionDescriptor
            {
                Source = wideSource.Slice([0, 12, 0, 0], [2, 24, 9, 9]),
                Weights = MemoryDescriptor.Any([37, 24, kernel, kernel], type == DataType.UInt8 ? DataType.Int8 : type),
                Destination = wideResult.Slice([0, 31, 0, 0], [2, 37, output, output]),
                PaddingBefore = [padding, padding],
                PaddingAfter = [padding, padding],
            }, Scaled(type));
        }
    }

    [Fact]
    public void One_spatial_dimension_is_a_row()
    {
        foreach (DataType type in new[] { DataType.Int8, DataType.Float32 })
        {
            Check(new ConvolutionDescriptor
            {
                Source = MemoryDescriptor.Any([2, 10, 30], type),
                Weights = MemoryDescriptor.Any([20, 5, 3], type),
                Destination = MemoryDescriptor.Any([2, 20, 15], type),
                Strides = [2],
                PaddingBefore = [1],
                PaddingAfter = [1],
                Groups = 2,
            }, Scaled(type));
        }
    }

    [Fact]
    public void Weights_in_a_plain_layout_are_packed_at_execution()
    {
        foreach (DataType type in new[] { DataType.UInt8, DataType.Float32 })
        {
            DataType weights = type == DataType.UInt8 ? DataType.Int8 : type;
            Check(Descriptor(type, new MemoryDescriptor([33, 7, 3, 3], weights)), Scaled(type));
        }
    }

    [Theory]
    [InlineData(128)]
    [InlineData(120)]
    [InlineData(0)]
    public void Unsigned_weights_have_any_zero_point(int zeroPoint) => Check(
        Descriptor(DataType.UInt8, MemoryDescriptor.Any([33, 7, 3, 3], DataType.UInt8)),
        Scaled(DataType.UInt8) with { WeightsZeroPoint = zeroPoint });

    [Fact]
    public void Each_output_channel_may_have_a_zero_point_of_its_weights() => Check(
        Descriptor(DataType.Int8, MemoryDescriptor.Any([33, 7, 3, 3], DataType.Int8)),
        Scaled(DataType.Int8) with { WeightsZeroPoint = ZeroPoint.PerChannel([.. Enumerable.Range(-16, 33)]) });

    [Fact]
    public void The_source_zero_point_may_be_given_at_execution()
    {
        foreach (DataType type in new[] { DataType.UInt8, DataType.Int8 })
            Check(
                Descriptor(type, MemoryDescriptor.Any([33, 7, 3, 3], DataType.Int8)),
                Scaled(type) with { SourceZeroPoint = ZeroPoint.Runtime });
    }

    [Fact]
    public void Executing_allocates_nothing()
    {
        using var engine = new TestEngine(CpuFeatures.Host.Isa, X64Implementations.Create(Cache, CpuFeatures.Host));
        if (Tiers.Generated.Count == 0)
            return; // without AVX2 there is no generated convolution to execute
        Primitive primitive = engine.Create(Descriptor(DataType.UInt8, MemoryDescriptor.Any([33, 7, 3, 3], DataType.Int8)), Scaled(DataType.UInt8));
        var descriptor = (ConvolutionDescriptor)primitive.Descriptor;
        using var source = new TensorMemory(descriptor.Source);
        using var weights = new TensorMemory(descriptor.Weights);
        using var destination = new TensorMemory(descriptor.Destination);
        using ExecutionStream stream = engine.CreateStream();
        var arguments = new ConvolutionArguments(source, weights, null, destination);
        primitive.Execute(stream, arguments);
        Assert.Equal(0, Allocations.Fewest(() => primitive.Execute(stream, arguments)));
    }

    [Theory]
    [InlineData(1, 1, 0)]
    [InlineData(3, 1, 1)]
    [InlineData(3, 2, 1)]
    [InlineData(2, 1, 0)]
    public void Three_spatial_dimensions_are_planes_of_lines(int kernel, int stride, int padding)
    {
        int Extent(int input) => ((input + (2 * padding) - kernel) / stride) + 1;
        foreach (DataType type in new[] { DataType.UInt8, DataType.Int8, DataType.Float32 })
        {
            Check(new ConvolutionDescriptor
            {
                Source = MemoryDescriptor.Any([2, 5, 6, 7, 5], type),
                Weights = MemoryDescriptor.Any([19, 5, kernel, kernel, kernel], type == DataType.Float32 ? type : DataType.Int8),
                Destination = MemoryDescriptor.Any([2, 19, Extent(6), Extent(7), Extent(5)], type),
                Strides = [stride, stride, stride],
                PaddingBefore = [padding, padding, padding],
                PaddingAfter = [padding, padding, padding],
            }, Scaled(type));
        }
    }

    private static ConvolutionDescriptor Descriptor(DataType type, MemoryDescriptor weights) => new()
    {
        Source = new([1, 7, 8, 8], type, FormatTag.Nhwc),
        Weights = weights,
        Destination = new([1, 33, 8, 8], type, FormatTag.Nhwc),
        PaddingBefore = [1, 1],
        PaddingAfter = [1, 1],
    };

    private static PrimitiveAttributes Scaled(DataType type) => type == DataType.Float32
        ? new() { PostOps = [PostOp.Relu()] }
        : new()
        {
            SourceZeroPoint = 5,
            SourceScale = QuantizationScale.PerTensor(0.01f),
            DestinationScale = QuantizationScale.PerTensor(0.7f),
            DestinationZeroPoint = 3,
            PostOps = [PostOp.Relu()],
        };

    private static void Check(ConvolutionDescriptor descriptor, PrimitiveAttributes attributes)
    {
        foreach ((string tier, Isa isa) in Tiers.Generated)
        {
            foreach (GuardPlacement placement in Enum.GetValues<GuardPlacement>())
            {
                using var engine = new TestEngine(isa, [new BrgemmConvolution(Cache, CpuFeatures.Host)], threads: 2);
                PrimitiveCheck.AgainstReference(
                    engine, descriptor, attributes,
                    new CheckOptions { Seed = 3, Placement = placement, RuntimeZeroPoint = 9, Tolerance = Tolerance.ForFloatSum(1000) });
            }
        }
    }
}
