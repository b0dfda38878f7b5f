// Padding is the real number 0 and takes part in no product, whether it is left out or materialised.
using Int8Runtime.Jit;
using Int8Runtime.TestKit;

namespace Int8Runtime.X64.Tests.Convolution;

public sealed unsafe class PaddingTests
{
    private static readonly KernelCache Cache = new();

    /// <summary>0 · ∞ would be NaN, so an infinite weight shows whether its tap was multiplied where it lies outside.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void An_infinite_weight_does_not_meet_the_padding(int stride)
    {
        int output = ((7 - 1) / stride) + 1;
        var descriptor = new ConvolutionDescriptor
        {
            Source = MemoryDescriptor.Any([1, 3, 7, 7], DataType.Float32),
            Weights = MemoryDescriptor.Any([20, 3, 3, 3], DataType.Float32),
            Destination = MemoryDescriptor.Any([1, 20, output, output], DataType.Float32),
            Strides = [stride, stride],
            PaddingBefore = [1, 1],
            PaddingAfter = [1, 1],
        };
        foreach ((string tier, Isa isa) in Tiers.Generated)
        {
            using var engine = new TestEngine(isa, [new BrgemmConvolution(Cache, CpuFeatures.Host)]);
            using Primitive primitive = engine.Create(descriptor);
            var planned = (ConvolutionDescriptor)primitive.Descriptor;
            using var source = new TensorMemory(planned.Source);
            using var plain = new TensorMemory(new MemoryDescriptor(descriptor.Weights.Dimensions, DataType.Float32));
            using var destination = new TensorMemory(planned.Destination);
            new Span<float>(source.Data, 3 * 7 * 7).Fill(1);
            var weights = new Span<float>(plain.Data, 20 * 3 * 9);
            weights.Fill(1);
            for (int i = 0; i < weights.Length; i += 9)
                weights[i] = float.PositiveInfinity; // the upper left tap
            using TensorMemory packed = WeightsPacking.Pack(engine, plain, planned.Weights);
            using ExecutionStream stream = engine.CreateStream();
            primitive.Execute(stream, new ConvolutionArguments(source, packed, null, destination));
            var results = new ReadOnlySpan<float>(destination.Data, output * output * 20);
            for (int i = 0; i < results.Length; i++)
            {
                (int y, int x) = Math.DivRem(i / 20, output);
                bool meetsPadding = y == 0 || x == 0;
                Assert.True(float.IsPositiveInfinity(results[i]) == !meetsPadding && !float.IsNaN(results[i]), $"{tier}: {results[i]} at {y}, {x}");
            }
        }
    }

    /// <summary>Windows that lie beyond the source as a whole, tiles of which no row meets a tap, and one that spans several tiles.</summary>
    [Theory]
    [InlineData(5, 5, 4, 1)]
    [InlineData(9, 3, 8, 1)]
    [InlineData(3, 40, 2, 3)]
    [InlineData(3, 6, 5, 1)]
    public void Wide_padding_is_exact(int kernel, int width, int padding, int stride)
    {
        int output = ((width + (2 * padding) - kernel) / stride) + 1;
        foreach (DataType type in new[] { DataType.UInt8, DataType.Int8 })
        {
            var descriptor = new ConvolutionDescriptor
            {
                Source = MemoryDescriptor.Any([1, 8, width, width], type),
                Weights = MemoryDescriptor.Any([24, 8, kernel, kernel], DataType.Int8),
                Destination = MemoryDescriptor.Any([1, 24, output, output], DataType.Int32),
                Strides = [stride, stride],
                PaddingBefore = [padding, padding],
                PaddingAfter = [padding, padding],
            };
            foreach ((string _, Isa isa) in Tiers.Generated)
            {
                using var engine = new TestEngine(isa, [new BrgemmConvolution(Cache, CpuFeatures.Host)]);
                PrimitiveCheck.AgainstReference(engine, descriptor, PrimitiveAttributes.Default, new CheckOptions());
            }
        }
    }
}
