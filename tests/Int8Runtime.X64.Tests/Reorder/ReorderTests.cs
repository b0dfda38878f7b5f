// Reorder against the reference: every type pair, layout pair and kind of quantization, bit by bit.
using FsCheck;
using FsCheck.Fluent;
using Int8Runtime.TestKit;

namespace Int8Runtime.X64.Tests;

public sealed class ReorderTests
{
    [Fact]
    public void Every_pair_of_types_and_layouts_gives_the_bits_of_the_reference()
    {
        Gen<Problem> problems =
            from reorder in Reorders(Layouts.AnyType, Layouts.AnyType)
            let type = reorder.Destination.DataType
            from attributes in Quantization(reorder.Source.DataType, type, reorder.Source.Dimensions[1])
            from sum in Gen.Frequency(
                (4, Gen.Constant(PostOpChain.Empty)), (1, Gen.Constant<PostOpChain>([PostOp.Sum(0.5f, type.IsInt8() ? 3 : 0)])))
            from options in Arbitraries.Options()
            select new Problem(reorder, attributes with { PostOps = sum }, options);
        VectorEngines.CheckOnAllTiers(problems, 600);
    }

    [Fact]
    public void Any_s32_is_a_zero_point_and_scales_may_vary_over_two_dimensions()
    {
        Gen<Problem> problems =
            from reorder in ByRows(Reorders(Layouts.AnyType, Layouts.AnyType))
            from sourceScale in Arbitraries.ScaleOf(RowsOf(reorder))
            from scale in Arbitraries.ScaleOf(RowsOf(reorder))
            from sourceZeroPoint in Gen.Elements(0, -1, 300, -40_000, 16_000_000)
            from zeroPoint in Gen.Elements(0, -1, 2, 300, -40_000, 1_000_000_000)
            from runtime in Gen.Elements(true, false)
            from options in Arbitraries.Options()
            select new Problem(
                reorder,
                new PrimitiveAttributes
                {
                    SourceScale = sourceScale, SourceZeroPoint = sourceZeroPoint, DestinationScale = scale,
                    DestinationZeroPoint = reorder.Destination.DataType.IsFloatingPoint() ? null : runtime ? ZeroPoint.Runtime : zeroPoint,
                },
                options);
        VectorEngines.CheckOnAllTiers(problems, 200);
    }

    [Fact]
    public void Zero_points_of_s32_may_be_any_in_each_channel()
    {
        Gen<Problem> problems =
            from reorder in ByRows(Reorders(Layouts.AnyType, Gen.Constant(DataType.Int32)))
            from scale in Arbitraries.ScaleOf(RowsOf(reorder))
            from zeroPoints in Gen.Elements(0, -1, 3, 16_777_217, -2_000_000_011, int.MaxValue, int.MinValue).ArrayOf(RowsOf(reorder))
            from sum in Gen.Elements(PostOpChain.Empty, [PostOp.Sum(0.5f, 3)])
            from runtime in Gen.Elements(true, false)
            from options in Arbitraries.Options()
            select new Problem(
                reorder,
                new PrimitiveAttributes
                {
                    DestinationScale = runtime ? QuantizationScale.Runtime : scale,
                    DestinationZeroPoint = ZeroPoint.PerChannel(zeroPoints), PostOps = sum,
                },
                WithSpecialFloats(options, reorder));
        VectorEngines.CheckOnAllTiers(problems, 200);
    }

    [Fact]
    public void Copies_keep_every_bit_in_any_layout()
    {
        Gen<Problem> problems =
            from type in Layouts.AnyType
            from reorder in Reorders(Gen.Constant(type), Gen.Constant(type))
            from options in Arbitraries.Options()
            select new Problem(reorder, PrimitiveAttributes.Default, WithSpecialFloats(options, reorder));
        VectorEngines.CheckOnAllTiers(problems, 300);
    }

    private static Gen<ReorderDescriptor> Reorders(Gen<DataType> sourceTypes, Gen<DataType> types) =>
        from sourceType in sourceTypes
        from type in types
        from shape in Layouts.Images
        from source in Layouts.Tensor(shape, sourceType)
        from destination in Layouts.Tensor(shape, type)
        select new ReorderDescriptor { Source = source, Destination = destination };

    // Scales and zero points for each index of the first dimension, or of the first two.
    private static Gen<ReorderDescriptor> ByRows(Gen<ReorderDescriptor> reorders) =>
        from reorder in reorders
        from dimensions in Gen.Choose(1, 2)
        select reorder with { ChannelAxis = 0, ChannelDimensions = dimensions };

    private static int RowsOf(ReorderDescriptor reorder) =>
        reorder.Source.Dimensions[0] * (reorder.ChannelDimensions == 1 ? 1 : reorder.Source.Dimensions[1]);

    private static CheckOptions WithSpecialFloats(CheckOptions options, ReorderDescriptor reorder) =>
        options with { Fill = reorder.Source.DataType.IsFloatingPoint() ? FillKind.SpecialFloats : options.Fill };

    [Fact]
    public void Images_are_quantized_while_their_planes_become_pixels()
    {
        foreach (Isa isa in VectorEngines.Tiers)
        {
            using Engine engine = VectorEngines.Create(isa, threads: 2);
            foreach (int channels in (int[])[2, 3, 4, 5, 8, 19])
            {
                foreach ((FormatTag from, FormatTag to) in (IEnumerable<(FormatTag, FormatTag)>)
                    [(FormatTag.Nchw, FormatTag.Nhwc), (FormatTag.Nhwc, FormatTag.Nchw)])
                {
                    Shape shape = [2, channels, 33, 61];
                    var quantize = new ReorderDescriptor
                    {
                        Source = new MemoryDescriptor(shape, DataType.Float32, from),
                        Destination = new MemoryDescriptor(shape, DataType.UInt8, to),
                    };
                    var attributes = new PrimitiveAttributes
                    {
                        DestinationScale = QuantizationScale.PerTensor(0.0123f), DestinationZeroPoint = 114,
                    };
                    PrimitiveCheck.AgainstReference(
                        engine, quantize, attributes, new CheckOptions { Fill = FillKind.SpecialFloats });
                    var dequantize = new ReorderDescriptor
                    {
                        Source = quantize.Destination, Destination = quantize.Source.WithDataType(DataType.Float32),
                    };
                    PrimitiveCheck.AgainstReference(engine, dequantize, new PrimitiveAttributes
                    {
                        SourceScale = QuantizationScale.PerTensor(0.0123f), SourceZeroPoint = 114,
                    });
                }
            }
        }
    }

    [Fact]
    public void Weights_go_into_blocked_layouts_and_back()
    {
        foreach (string tag in (string[])["OIhw4i16o4i", "OIhw16i16o", "Ohwi16o", "oihw", "hwio"])
        {
            var plain = new MemoryDescriptor([37, 21, 3, 3], DataType.Int8, FormatTag.Oihw);
            var blocked = new MemoryDescriptor([37, 21, 3, 3], DataType.Int8, FormatTag.Parse(tag));
            VectorEngines.CheckOnAllTiers(
                new ReorderDescriptor { Source = plain, Destination = blocked }, PrimitiveAttributes.Default, new CheckOptions());
            VectorEngines.CheckOnAllTiers(
                new ReorderDescriptor { Source = blocked, Destination = plain }, PrimitiveAttributes.Default, new CheckOptions());
        }
    }

    [Fact]
    public void Compensations_are_the_sums_of_what_was_stored_in_any_layout()
    {
        Gen<Problem> problems =
            from shape in Layouts.Images
            from sourceType in Layouts.AnyType
            from source in Layouts.Tensor(shape, sourceType)
            from destination in Gen.OneOf(
                Layouts.Tensor(shape, DataType.Int8),
                Gen.Elements("ABcd4b16a4b", "ABcd2b8a4b", "BAcd16a16b4a", "Adcb16a")
                    .Select(tag => new MemoryDescriptor(shape, DataType.Int8, FormatTag.Parse(tag))))
            from scale in Arbitraries.ScaleOf(shape[1])
            from quantized in Gen.Elements(true, false)
            from signedSource in Layouts.BroadcastOf(shape)
            from zeroPoint in Layouts.BroadcastOf(shape)
            from which in Gen.Choose(1, 3)
            from options in Arbitraries.Options()
            select new Problem(
                new ReorderDescriptor
                {
                    Source = source, Destination = destination,
                    SignedSourceCompensation = (which & 1) != 0 ? new MemoryDescriptor(signedSource, DataType.Int32) : null,
                    ZeroPointCompensation = (which & 2) != 0 ? new MemoryDescriptor(zeroPoint, DataType.Int32) : null,
                },
                new PrimitiveAttributes { DestinationScale = quantized ? scale : null },
                options);
        VectorEngines.CheckOnAllTiers(problems, 200);
    }

    // 128·Σ of the largest sum that is served is still a number of f32 inside of s32; one weight more is refused.
    [Fact]
    public void The_largest_compensation_is_exact()
    {
        foreach (Isa isa in VectorEngines.Tiers)
        {
            using Engine engine = VectorEngines.Create(isa, threads: 2);
            using var weights = new TensorMemory(new MemoryDescriptor([2, 131_071], DataType.Int8));
            weights.AsSpan<sbyte>()[..131_071].Fill(-128);
            weights.AsSpan<sbyte>()[131_071..].Fill(127);
            using var stored = new TensorMemory(new MemoryDescriptor([2, 131_071], DataType.Int8, FormatTag.Parse("ba")));
            using var signedSource = new TensorMemory(new MemoryDescriptor([2, 1], DataType.Int32));
            using var zeroPoint = new TensorMemory(new MemoryDescriptor([2, 1], DataType.Int32));
            using ExecutionStream stream = engine.CreateStream();
            var descriptor = new ReorderDescriptor
            {
                Source = weights.Descriptor, Destination = stored.Descriptor,
                SignedSourceCompensation = signedSource.Descriptor, ZeroPointCompensation = zeroPoint.Descriptor,
            };
            engine.Create(descriptor).Execute(stream, new CompensatedReorderArguments(weights, stored, signedSource, zeroPoint));
            Assert.Equal([128 * 128 * 131_071, -128 * 127 * 131_071], signedSource.AsSpan<int>().ToArray());
            Assert.Equal([128 * 131_071, -127 * 131_071], zeroPoint.AsSpan<int>().ToArray());
            Assert.Throws<UnsupportedPrimitiveException>(() => engine.Create(descriptor with
            {
                Source = new([2, 131_072], DataType.Int8), Destination = new([2, 131_072], DataType.Int8),
            }));
        }
    }

    [Fact]
    public void Nothing_is_allocated()
    {
        foreach (Isa isa in VectorEngines.Tiers)
        {
            using Engine engine = VectorEngines.Create(isa);
            using var planes = new TensorMemory(new MemoryDescriptor([1, 3, 60, 70], DataType.Float32));
            using var pixels = new TensorMemory(new MemoryDescriptor([1, 3, 60, 70], DataType.UInt8, FormatTag.Nhwc));
            using ExecutionStream stream = engine.CreateStream();
            Primitive reorder = engine.Create(
                new ReorderDescriptor { Source = planes.Descriptor, Destination = pixels.Descriptor },
                new PrimitiveAttributes { DestinationScale = QuantizationScale.PerTensor(0.1f) });
            VectorEngines.CheckAllocatesNothing(reorder, stream, planes, pixels);
        }
    }

    private static Gen<PrimitiveAttributes> Quantization(DataType source, DataType destination, int channels) =>
        from sourceScale in Arbitraries.ScaleOf(channels)
        from sourceZeroPoints in Arbitraries.ZeroPoint(source).ArrayOf(channels)
        from scale in Arbitraries.ScaleOf(channels)
        from zeroPoints in Arbitraries.ZeroPoint(destination).ArrayOf(channels)
        from perChannel in Gen.Elements(true, false)
        from kind in Gen.Choose(0, 3)
        select new PrimitiveAttributes
        {
            SourceScale = (kind & 1) != 0 ? sourceScale : null,
            SourceZeroPoint = (kind & 1) == 0 || !source.IsInt8() ? null : ZeroPointOf(sourceZeroPoints, perChannel),
            DestinationScale = (kind & 2) != 0 ? scale : null,
            DestinationZeroPoint = (kind & 2) == 0 || !destination.IsInt8() ? null : ZeroPointOf(zeroPoints, perChannel),
        };

    private static ZeroPoint ZeroPointOf(int[] values, bool perChannel) =>
        perChannel ? ZeroPoint.PerChannel(values) : ZeroPoint.PerTensor(values[0]);
}
