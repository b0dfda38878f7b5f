// Convolutions whose rows or pixels are further apart than the 32-bit displacements of kernels reach: refused, not computed wrongly.
using Int8Runtime.Jit;

namespace Int8Runtime.X64.Tests.Convolution;

public sealed class LargeConvolutionTests
{
    [Fact]
    public void Rows_that_are_copied_have_less_than_a_gibibyte()
    {
        // The zero point asks for padding that is multiplied, so that rows are copied.
        DispatchReport report = Explain(
            Descriptor(MemoryDescriptor.Any([1, 64, 80_000_000], DataType.UInt8), padding: 1),
            new PrimitiveAttributes { SourceZeroPoint = 3 });
        Assert.Contains(report.Rejections, refusal => refusal.Reason == RejectionReason.Shape
            && refusal.Detail.Contains("copied rows of 5120000128 bytes", StringComparison.Ordinal));
        Assert.Null(report.Chosen);
    }

    [Fact]
    public void Pixels_lie_at_most_32_mebibytes_apart()
    {
        foreach (long step in (long[])[1L << 30, 1L << 33])
        {
            MemoryDescriptor source = MemoryDescriptor.Strided([1, 64, 8], DataType.UInt8, [8 * step, 1, step]);
            DispatchReport report = Explain(Descriptor(source, padding: 0), PrimitiveAttributes.Default);
            Assert.Contains(report.Rejections, refusal => refusal.Reason == RejectionReason.Layout
                && refusal.Detail.Contains($"pixels {step} bytes apart", StringComparison.Ordinal));
        }
    }

    [Fact]
    public void Displacements_within_a_tile_bound_its_size()
    {
        var registers = new BrgemmRegisters(Total: 32, Product: 0, Epilogue: 2);
        var far = new BlockingProblem(registers, Rows: 100, Vectors: 8, Steps: 16, VectorBytes: 64, RowStep: 300_000_000);
        Assert.All(far.Candidates(), tile => Assert.InRange(tile.Rows, 1, int.MaxValue / 300_000_000));
        var tall = new BlockingProblem(registers, Rows: 100, Vectors: 8, Steps: 5_000_000, VectorBytes: 64, RowStep: 20_000_000);
        Assert.All(tall.Candidates(), tile => Assert.InRange(tile.Vectors, 1, 3));
        Assert.InRange(far.Choose(new KernelTile(28, 1)).Rows, 1, int.MaxValue / 300_000_000);
    }

    /// <summary>A window that is met once may have any stride, and windows of any size are planned or refused.</summary>
    [Fact]
    public void Strides_and_windows_that_32_bits_do_not_count_are_planned_or_refused()
    {
        MemoryDescriptor source = MemoryDescriptor.Any([1, 64, 8], DataType.UInt8);
        foreach (int kernel in (int[])[1, 3])
            foreach (int zeroPoint in (int[])[0, 3])
                foreach (int groups in (int[])[1, 64])
                    Explain(
                        new ConvolutionDescriptor
                        {
                            Source = source, Weights = MemoryDescriptor.Any([64, 64 / groups, kernel], DataType.Int8), Groups = groups,
                            Destination = MemoryDescriptor.Any([1, 64, 1], DataType.UInt8), Strides = [2_000_000_000], PaddingBefore = [1],
                        },
                        new PrimitiveAttributes { SourceZeroPoint = zeroPoint });
        foreach (DataType type in (DataType[])[DataType.UInt8, DataType.Float32])
            Explain(
                new ConvolutionDescriptor
                {
                    Source = MemoryDescriptor.Any([1, 2, 65_536, 65_536, 1], type), Groups = 2,
                    Weights = MemoryDescriptor.Any([2, 1, 65_536, 65_536, 1], type == DataType.UInt8 ? DataType.Int8 : type),
                    Destination = MemoryDescriptor.Any([1, 2, 1, 1, 1], type),
                },
                PrimitiveAttributes.Default);
    }

    private static ConvolutionDescriptor Descriptor(MemoryDescriptor source, int padding) => new()
    {
        Source = source,
        Weights = MemoryDescriptor.Any([64, 64, 1 + (2 * padding)], DataType.Int8),
        Destination = MemoryDescriptor.Any(source.Dimensions, DataType.UInt8),
        PaddingBefore = [padding],
        PaddingAfter = [padding],
    };

    private static DispatchReport Explain(ConvolutionDescriptor descriptor, PrimitiveAttributes attributes)
    {
        using Engine engine = VectorEngines.Create(VectorEngines.Tiers.Last());
        return engine.Explain(descriptor, attributes);
    }
}
