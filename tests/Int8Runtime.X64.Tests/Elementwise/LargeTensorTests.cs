// Problems with more rows or bytes than 32 bits count: planned, but too large to be executed here.
using Int8Runtime.Jit;
using Int8Runtime.TestKit;

namespace Int8Runtime.X64.Tests;

public sealed class LargeTensorTests
{
    [Fact]
    public void Iterations_of_more_than_32_bits_lie_where_the_loops_say()
    {
        const int Extent = 3000;
        var loops = new OuterLoops(
            [5, 7], new Loop(Extent, [Extent * (long)Extent, 1]), new Loop(Extent, [Extent, 0]), new Loop(Extent, [1, 2]));
        Assert.Equal(27_000_000_000, loops.Count);
        Span<long> offsets = stackalloc long[2];
        foreach (long iteration in (long[])[0, 1, Extent, 1234567, int.MaxValue + 1L, loops.Count - 1])
        {
            long second = 7 + (iteration / (Extent * Extent)) + (iteration % Extent * 2);
            loops.OffsetsOf(iteration, offsets);
            Assert.Equal((5 + iteration, second), (offsets[0], offsets[1]));
            Assert.Equal((5 + iteration, second), loops.OffsetsOf(iteration));
        }
    }

    [Fact]
    public void Vector_primitives_take_more_than_32_bits_of_rows()
    {
        // Broadcasts in turn, so that no two loops are one.
        Shape shape = [2000, 2000, 2000, 2, 3];
        MemoryDescriptor tensor = new(shape, DataType.Int8), operand = new([1, 2000, 1, 2, 1], DataType.Int8);
        long[] apart = [.. tensor.Strides.Select(stride => stride * 2)];
        MemoryDescriptor spread = MemoryDescriptor.Strided(shape, DataType.Int8, apart);
        AssertPlanned(new BinaryDescriptor
        {
            Algorithm = BinaryAlgorithm.Add, Source = tensor, Source1 = operand, Destination = tensor,
        });
        AssertPlanned(new SoftmaxDescriptor { Source = spread, Destination = tensor, Axis = 4 });
        AssertPlanned(new ReductionDescriptor
        {
            Algorithm = ReductionAlgorithm.Sum, Source = spread, Destination = new([2000, 2000, 2000, 2, 1], DataType.Float32),
        });
        AssertPlanned(new ReorderDescriptor { Source = spread, Destination = tensor.WithDataType(DataType.Int8) });
    }

    [Fact]
    public void Image_primitives_refuse_rows_that_32_bits_do_not_count()
    {
        MemoryDescriptor image = MemoryDescriptor.Any([1, 1, 70_000, 70_000, 4], DataType.UInt8);
        foreach (PrimitiveDescriptor descriptor in (PrimitiveDescriptor[])
        [
            new PoolingDescriptor { Algorithm = PoolingAlgorithm.Max, Source = image, Destination = image, Kernel = [1, 1, 1] },
            new ResamplingDescriptor { Algorithm = ResamplingAlgorithm.Nearest, Source = image, Destination = image },
        ])
        {
            using Engine engine = VectorEngines.Create(VectorEngines.Tiers.First());
            DispatchReport report = engine.Explain(descriptor);
            Assert.Null(report.Chosen);
            Assert.Contains(report.Rejections, refusal => refusal.Detail.Contains("fewer than 2³¹ rows", StringComparison.Ordinal));
        }
    }

    /// <summary>Runs of a set end at the last element, however near to 2³¹ it lies.</summary>
    [Fact]
    public unsafe void Sets_of_all_extents_are_divided_into_runs()
    {
        foreach (int extent in (int[])[1, 1024, 1025, int.MaxValue - 1023, int.MaxValue])
        {
            SetLoops loops = SetLoops.TryCreate(
                [true], perElement: false, new MemoryDescriptor([extent], DataType.Int8), new MemoryDescriptor([1], DataType.Float32),
                new MemoryDescriptor([1], DataType.Float32))!;
            SetArguments call = default;
            loops.Prepare(ref call);
            Assert.Equal((extent - 1L) / 1024 + 1, call.RunCount);
            Assert.Equal(extent, Enumerable.Range(0, (int)call.RunCount).Sum(run => call.Runs[run].Count));
            Assert.Equal(extent - call.Runs[call.RunCount - 1].Count, call.Runs[call.RunCount - 1].Source);
        }
    }

    /// <summary>Stretches and parts of rows end at the last element, however near to 2³¹ it lies.</summary>
    [Fact]
    public void Rows_of_all_extents_are_divided()
    {
        foreach (int extent in (int[])[1, 63, 64, 65, int.MaxValue - 64, int.MaxValue])
        {
            MemoryDescriptor tensor = new([2, extent], DataType.Int8);
            RowLoops rows = RowLoops.TryCreate(tensor, tensor, axis: 0, RowUnit.Consecutive, stretch: 64)!;
            Assert.Equal(((extent - 1L) / 64) + 1, rows.UnitCount);
            (long destination, long source, int count) = rows.Unit(rows.UnitCount - 1);
            Assert.Equal((extent, extent), (destination + count, source + count));
            for (int workers = 1, end = 0; workers < 4; workers++, end = 0)
            {
                for (int worker = 0; worker < workers; worker++)
                {
                    (int from, int to) = RunBox.PartOf(extent, worker, workers);
                    Assert.Equal(end, from);
                    Assert.InRange(to, from, extent);
                    end = to;
                }

                Assert.Equal(extent, end);
            }
        }
    }

    [Fact]
    public void Sets_of_too_many_runs_are_refused()
    {
        // No two dimensions are one loop, and elements along the last one are no neighbours.
        MemoryDescriptor source = MemoryDescriptor.Strided([4000, 4000, 4000], DataType.Int8, [100_000_000, 10_000, 2]);
        using Engine engine = VectorEngines.Create(VectorEngines.Tiers.First());
        DispatchReport report = engine.Explain(new ReductionDescriptor
        {
            Algorithm = ReductionAlgorithm.Sum, Source = source, Destination = new([1, 1, 1], DataType.Float32),
        });
        Assert.Contains(report.Rejections, refusal => refusal.Detail.Contains("2²⁵ runs", StringComparison.Ordinal));
    }

    [Fact]
    public void Statistics_that_32_bits_do_not_count_are_refused()
    {
        Shape shape = [70_000, 70_000, 2];
        MemoryDescriptor tensor = new(shape, DataType.Float32), statistics = new([70_000, 70_000], DataType.Float32);
        var descriptor = new LayerNormalizationDescriptor
        {
            Source = tensor, Destination = tensor, Axis = 2, Statistics = NormalizationStatistics.Stored, Mean = statistics, Variance = statistics,
        };
        using Engine engine = VectorEngines.Create(VectorEngines.Tiers.First()), reference = new ReferenceEngine();
        foreach (Engine each in (Engine[])[engine, reference])
        {
            DispatchReport report = each.Explain(descriptor);
            Assert.Null(report.Chosen);
            Assert.Contains(report.Rejections, refusal => refusal.Reason == RejectionReason.Shape
                && refusal.Detail.StartsWith("4900000000 ", StringComparison.Ordinal));
        }
    }

    private static void AssertPlanned(PrimitiveDescriptor descriptor)
    {
        foreach (Isa isa in VectorEngines.Tiers)
        {
            using Engine engine = VectorEngines.Create(isa);
            Assert.StartsWith("jit_", engine.Create(descriptor).ImplementationName, StringComparison.Ordinal);
        }
    }
}
