// Tensors whose strides are negative: views that run backwards along rows, columns or channels.
using Int8Runtime.Jit;
using Int8Runtime.TestKit;

namespace Int8Runtime.X64.Tests;

public sealed class ReversedTensorTests
{
    private static readonly Isa[] TestedTiers = [IsaTiers.Avx2, IsaTiers.Avx512];

    public static TheoryData<int, bool> Reversals => new()
    {
        { 3, true }, { 2, true }, { 1, true }, { 3, false }, { 2, false }, { 1, false },
    };

    [Theory]
    [MemberData(nameof(Reversals))]
    public void Convolutions_take_them(int dimension, bool isSource)
    {
        foreach ((int channels, int groups, int kernel) in ((int, int, int)[])[(32, 1, 1), (32, 1, 3), (12, 2, 3), (70, 70, 3)])
        {
            foreach (DataType type in (DataType[])[DataType.UInt8, DataType.Float32])
            {
                Shape shape = [2, channels, 6, 7];
                (MemoryDescriptor source, MemoryDescriptor destination) = Images(shape, shape, type, dimension, isSource);
                Check(new ConvolutionDescriptor
                {
                    Source = source, Destination = destination, Groups = groups,
                    Weights = MemoryDescriptor.Any(
                        [channels, channels / groups, kernel, kernel], type == DataType.UInt8 ? DataType.Int8 : type),
                    PaddingBefore = [kernel / 2, kernel / 2], PaddingAfter = [kernel / 2, kernel / 2],
                });
            }
        }
    }

    [Theory]
    [MemberData(nameof(Reversals))]
    public void Pooling_and_resampling_take_them(int dimension, bool isSource)
    {
        foreach (DataType type in (DataType[])[DataType.UInt8, DataType.Float32])
        {
            (MemoryDescriptor source, MemoryDescriptor destination) = Images([2, 37, 6, 8], [2, 37, 3, 4], type, dimension, isSource);
            foreach (PoolingAlgorithm algorithm in (PoolingAlgorithm[])[PoolingAlgorithm.Max, PoolingAlgorithm.AverageExcludePadding])
                Check(new PoolingDescriptor
                {
                    Algorithm = algorithm, Source = source, Destination = destination, Kernel = [2, 2], Strides = [2, 2],
                });
            foreach (ResamplingAlgorithm algorithm in Enum.GetValues<ResamplingAlgorithm>())
                Check(new ResamplingDescriptor { Algorithm = algorithm, Source = source, Destination = destination });
        }
    }

    [Theory]
    [MemberData(nameof(Reversals))]
    public void Vector_primitives_take_them(int dimension, bool isSource)
    {
        Shape shape = [2, 37, 6, 8];
        (MemoryDescriptor source, MemoryDescriptor destination) = Images(shape, shape, DataType.Float32, dimension, isSource);
        Check(new ReorderDescriptor { Source = source, Destination = destination });
        Check(new ReorderDescriptor { Source = source, Destination = destination.WithDataType(DataType.UInt8) });
        Check(new BinaryDescriptor { Algorithm = BinaryAlgorithm.Maximum, Source = source, Source1 = source, Destination = destination });
        for (int axis = 1; axis < 4; axis++)
            Check(new SoftmaxDescriptor { Source = source, Destination = destination, Axis = axis });
        Check(new ReductionDescriptor
        {
            Algorithm = ReductionAlgorithm.Max, Source = source, Destination = new([2, 1, 6, 1], DataType.Float32),
        });
        Check(new LrnDescriptor { Source = source, Destination = destination, LocalSize = 5 });
    }

    private static (MemoryDescriptor Source, MemoryDescriptor Destination) Images(
        Shape source, Shape destination, DataType type, int dimension, bool isSource)
    {
        MemoryDescriptor from = new(source, type, FormatTag.Nhwc), to = new(destination, type, FormatTag.Nhwc);
        return isSource ? (Reverse(from, dimension), to) : (from, Reverse(to, dimension));
    }

    private static MemoryDescriptor Reverse(MemoryDescriptor tensor, int dimension)
    {
        long[] strides = [.. tensor.Strides];
        long offset = strides[dimension] * (tensor.Dimensions[dimension] - 1);
        strides[dimension] = -strides[dimension];
        return MemoryDescriptor.Strided(tensor.Dimensions, tensor.DataType, strides, offset);
    }

    private static void Check(PrimitiveDescriptor descriptor)
    {
        Tolerance tolerance = Tolerance.Within(1e-4, 1e-4);
        foreach (Isa isa in TestedTiers.Where(isa => CpuFeatures.Host.Isa.HasFlag(isa)))
        {
            using Engine engine = VectorEngines.Create(isa);
            PrimitiveCheck.AgainstReference(engine, descriptor, PrimitiveAttributes.Default, new CheckOptions { Tolerance = tolerance });
        }
    }
}
