// Softmax against the reference: every axis, layout, type and tail; special values.
using FsCheck;
using FsCheck.Fluent;
using Int8Runtime.TestKit;

namespace Int8Runtime.X64.Tests;

public sealed class SoftmaxTests
{
    [Fact]
    public void Every_axis_layout_and_type_is_close_to_the_reference()
    {
        Gen<Problem> problems =
            from sourceType in Gen.Elements(DataType.Float32, DataType.Float32, DataType.UInt8, DataType.Int8)
            from type in Gen.Elements(DataType.Float32, DataType.Float32, DataType.UInt8, DataType.Int8)
            from shape in Layouts.Images
            from source in Layouts.Tensor(shape, sourceType)
            from destination in Gen.OneOf(Gen.Constant(source.WithDataType(type)), Layouts.Tensor(shape, type))
            from axis in Gen.Choose(0, 3)
            from logarithm in Gen.Elements(true, false)
            from zeroPoint in Arbitraries.ZeroPoint(sourceType)
            from fill in Gen.Elements(FillKind.Typical, FillKind.Extremes, FillKind.SpecialFloats)
            from options in Arbitraries.Options(
                type == DataType.Float32 ? new Tolerance(32, 0, 2e-6) : new Tolerance(1))
            select new Problem(
                new SoftmaxDescriptor { Source = source, Destination = destination, Axis = axis, Logarithm = logarithm },
                new PrimitiveAttributes
                {
                    SourceScale = sourceType.IsInt8() ? QuantizationScale.PerTensor(0.05f) : null,
                    SourceZeroPoint = zeroPoint,
                    DestinationScale = type.IsInt8() ? QuantizationScale.PerTensor(logarithm ? 0.1f : 1f / 256) : null,
                    DestinationZeroPoint = type == DataType.Int8 ? 127 : logarithm && type.IsInt8() ? 255 : 0,
                },
                options with { Fill = sourceType == DataType.Float32 ? fill : options.Fill });
        VectorEngines.CheckOnAllTiers(problems, 400);
    }

    [Fact]
    public void Operands_of_post_ops_take_a_second_pass()
    {
        Gen<Problem> problems =
            from type in Gen.Elements(DataType.Float32, DataType.UInt8, DataType.BFloat16)
            from shape in Layouts.Images
            from source in Layouts.Tensor(shape, type)
            from axis in Gen.Choose(0, 3)
            from operand in Layouts.BroadcastOf(shape)
            from sum in Gen.Elements(true, false)
            // A sum that cancels leaves the rounding of its f32 terms, whatever the type that it is stored in.
            from options in Arbitraries.Options(new Tolerance(type == DataType.Float32 ? 32 : 1, 1e-5, 2e-6))
            select new Problem(
                new SoftmaxDescriptor { Source = source, Destination = source, Axis = axis },
                new PrimitiveAttributes
                {
                    DestinationScale = type.IsInt8() ? QuantizationScale.PerTensor(1f / 100) : null,
                    PostOps = [.. sum ? new[] { PostOp.Sum(0.5f) } : [],
                        PostOp.Binary(BinaryAlgorithm.Add, new(operand, DataType.Float32))],
                },
                options);
        VectorEngines.CheckOnAllTiers(problems, 100);
    }

    // The destination holds exponentials meanwhile, unless a sum needs what it held before.
    [Fact]
    public void Post_ops_without_operands_are_applied_in_the_destination()
    {
        Gen<Problem> problems =
            from shape in Layouts.Images
            from source in Layouts.Tensor(shape, DataType.Float32)
            from axis in Gen.Choose(0, 3)
            from postOps in Gen.Elements<PostOpChain>(
                [PostOp.Sum(0.5f)], [PostOp.Eltwise(EltwiseAlgorithm.Linear, 2, -1)], [PostOp.Sum(2), PostOp.Relu()])
            from options in Arbitraries.Options(new Tolerance(32, 1e-5, 2e-6))
            select new Problem(
                new SoftmaxDescriptor { Source = source, Destination = source, Axis = axis },
                new PrimitiveAttributes { PostOps = postOps }, options);
        VectorEngines.CheckOnAllTiers(problems, 60);
    }

    [Fact]
    public void Large_rows_are_accurate_in_place_and_allocate_nothing()
    {
        foreach (Isa isa in VectorEngines.Tiers)
        {
            using Engine engine = VectorEngines.Create(isa, threads: 2);
            foreach (int axis in (int[])[0, 1])
            {
                var tensor = new MemoryDescriptor([1003, 1001], DataType.Float32);
                var descriptor = new SoftmaxDescriptor { Source = tensor, Destination = tensor, Axis = axis };
                PrimitiveCheck.AgainstReference(
                    engine, descriptor, null, new CheckOptions { InPlace = true, Tolerance = new Tolerance(32) });
                using var memory = new TensorMemory(tensor);
                using ExecutionStream stream = engine.CreateStream();
                Primitive primitive = engine.Create(descriptor);
                VectorEngines.CheckAllocatesNothing(primitive, stream, memory, memory);
            }
        }
    }

    [Fact]
    public void Short_rows_are_transposed_whatever_lies_between_them()
    {
        foreach (Isa isa in VectorEngines.Tiers)
        {
            using Engine engine = VectorEngines.Create(isa, threads: 2);
            foreach (DataType type in (DataType[])[DataType.Float32, DataType.UInt8, DataType.BFloat16])
            {
                foreach (int extent in (int[])[2, 3, 4, 5, 17, 32])
                {
                    // 130 rows: two stretches and a rest.
                    MemoryDescriptor dense = new([130, extent], type), apart = MemoryDescriptor.Strided([130, extent], type, [extent + 3, 1]);
                    var tolerance = new Tolerance(type == DataType.Float32 ? 32 : 1);
                    var attributes = new PrimitiveAttributes { DestinationScale = type.IsInt8() ? QuantizationScale.PerTensor(1f / 256) : null };
                    foreach ((MemoryDescriptor source, MemoryDescriptor destination, bool inPlace) in
                        (ReadOnlySpan<(MemoryDescriptor, MemoryDescriptor, bool)>)[(dense, dense, true), (apart, dense, false), (dense, apart, false)])
                    {
                        var descriptor = new SoftmaxDescriptor { Source = source, Destination = destination, Axis = 1 };
                        Assert.Contains("transpose", engine.Create(descriptor, attributes).Details, StringComparison.Ordinal);
                        PrimitiveCheck.AgainstReference(
                            engine, descriptor, attributes, new CheckOptions { InPlace = inPlace, Tolerance = tolerance });
                    }
                }
            }
        }
    }
}
