// Matrix products that 32 bits do not count: refused with a reason or planned, but neither computed wrongly nor ended by an exception.
using Int8Runtime.Jit;

namespace Int8Runtime.X64.Tests.MatMul;

public sealed class LargeProductTests
{
    [Fact]
    public void Rows_lie_less_than_2_gibibytes_apart()
    {
        MemoryDescriptor near = new([4, 64], DataType.Float32);
        MemoryDescriptor far = MemoryDescriptor.Strided([4, 64], DataType.Float32, [1L << 30, 1]);
        MemoryDescriptor back = MemoryDescriptor.Strided([4, 64], DataType.Float32, [-1L << 30, 1], offset: 3L << 30);
        foreach ((MemoryDescriptor source, MemoryDescriptor destination) in new[] { (far, near), (back, near), (near, far) })
        {
            AssertRefused(Product(source, MemoryDescriptor.Any([64, 64], DataType.Float32), destination), RejectionReason.Layout,
                "2 GiB apart");
            AssertRefused(
                new InnerProductDescriptor
                {
                    Source = source, Weights = MemoryDescriptor.Any([64, 64], DataType.Float32), Destination = destination,
                },
                RejectionReason.Layout, "2 GiB apart");
        }
    }

    [Fact]
    public void Rows_of_the_destination_bound_the_tile()
    {
        MemoryDescriptor destination = MemoryDescriptor.Strided([8, 64], DataType.Float32, [1L << 27, 1]); // 512 MiB
        MemoryDescriptor source = new([8, 64], DataType.Float32);
        AssertPlanned(Product(source, MemoryDescriptor.Any([64, 64], DataType.Float32), destination));
    }

    [Fact]
    public void A_tile_of_all_rows_reaches_the_last_one()
    {
        MemoryDescriptor source = MemoryDescriptor.Strided([4, 64], DataType.Float32, [1L << 28, 1]); // 1 GiB
        MemoryDescriptor destination = new([4, 64], DataType.Float32);
        AssertPlanned(Product(source, MemoryDescriptor.Any([64, 64], DataType.Int8), destination));
    }

    [Fact]
    public void Products_and_vectors_are_counted_by_32_bits()
    {
        MemoryDescriptor batch = MemoryDescriptor.Any([65536, 65536, 1, 1], DataType.UInt8);
        AssertRefused(Product(batch, batch.WithDataType(DataType.Int8), batch), RejectionReason.Shape, "4294967296 products");

        MemoryDescriptor vector = MemoryDescriptor.Any([1, 2_147_483_647], DataType.UInt8);
        MemoryDescriptor column = MemoryDescriptor.Any([2_147_483_647, 1], DataType.Int8);
        MemoryDescriptor single = MemoryDescriptor.Any([1, 1], DataType.Float32);
        AssertRefused(Product(vector, column, single), RejectionReason.Shape, "2 GiB");
        AssertRefused(Product(single, vector.WithDataType(DataType.Float32), vector.WithDataType(DataType.Float32)),
            RejectionReason.Shape, "2147483647 columns");
    }

    /// <summary>Residuals of split weights take more room than the weights themselves.</summary>
    [Fact]
    public void Sums_with_residuals_are_planned_or_refused()
    {
        foreach (int sum in (int[])[80_000_000, 100_000_000, 134_000_000])
        {
            MemoryDescriptor source = MemoryDescriptor.Any([1, sum], DataType.UInt8), weights = MemoryDescriptor.Any([sum, 1], DataType.Int8);
            foreach (Isa isa in VectorEngines.Tiers)
            {
                using Engine engine = VectorEngines.Create(isa);
                DispatchReport report = engine.Explain(
                    Product(source, weights, MemoryDescriptor.Any([1, 1], DataType.Float32)),
                    new PrimitiveAttributes { NumericMode = NumericMode.ExactPairs });
                Assert.True(report.Chosen is not null
                    || report.Rejections.Any(refusal => refusal.Detail.Contains("2 GiB", StringComparison.Ordinal)), $"{report}");
            }
        }
    }

    [Fact]
    public void Rows_of_batches_are_joined_while_32_bits_count_them()
    {
        MemoryDescriptor source = new([65536, 65536, 1], DataType.Float32), destination = new([65536, 65536, 64], DataType.Float32);
        AssertPlanned(Product(source, MemoryDescriptor.Any([1, 1, 64], DataType.Float32), destination));
    }

    [Fact]
    public void Samples_of_more_elements_than_32_bits_count_are_refused()
    {
        MemoryDescriptor image = MemoryDescriptor.Any([1, 65536, 65536], DataType.UInt8);
        AssertRefused(
            new InnerProductDescriptor
            {
                Source = image, Weights = image.WithDataType(DataType.Int8), Destination = MemoryDescriptor.Any([1, 1], DataType.Float32),
            },
            RejectionReason.Shape, "4294967296 elements");
    }

    /// <summary>A zero point of each place of K is the same in all rows and takes no room for each of them.</summary>
    [Fact]
    public void Zero_points_of_places_are_not_repeated_for_rows()
    {
        MemoryDescriptor source = new([1 << 20, 64], DataType.UInt8), weights = MemoryDescriptor.Any([64, 16], DataType.Int8);
        var attributes = new PrimitiveAttributes
        {
            SourceZeroPoint = ZeroPoint.PerChannel([.. Enumerable.Range(0, 64)]),
            WeightsScale = QuantizationScale.PerGroup([.. Enumerable.Repeat(0.5f, 4 * 16)], 16),
        };
        long before = GC.GetAllocatedBytesForCurrentThread();
        using Engine engine = VectorEngines.Create(VectorEngines.Tiers.Last());
        Primitive primitive = engine.Create(
            Product(source, weights, MemoryDescriptor.Any([1 << 20, 16], DataType.Float32)), attributes);
        Assert.StartsWith("dequantized_matmul", primitive.ImplementationName, StringComparison.Ordinal);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 64 << 20);
    }

    private static MatMulDescriptor Product(MemoryDescriptor source, MemoryDescriptor weights, MemoryDescriptor destination) =>
        new() { Source = source, Weights = weights, Destination = destination };

    private static void AssertPlanned(PrimitiveDescriptor descriptor)
    {
        foreach (Isa isa in VectorEngines.Tiers)
        {
            using Engine engine = VectorEngines.Create(isa);
            Assert.StartsWith("brgemm_", engine.Create(descriptor).ImplementationName, StringComparison.Ordinal);
        }
    }

    private static void AssertRefused(PrimitiveDescriptor descriptor, RejectionReason reason, string detail)
    {
        foreach (Isa isa in VectorEngines.Tiers)
        {
            using Engine engine = VectorEngines.Create(isa);
            DispatchReport report = engine.Explain(descriptor);
            Assert.Null(report.Chosen);
            Assert.Contains(report.Rejections, refusal => refusal.Reason == reason
                && refusal.Detail.Contains(detail, StringComparison.Ordinal));
        }
    }
}
