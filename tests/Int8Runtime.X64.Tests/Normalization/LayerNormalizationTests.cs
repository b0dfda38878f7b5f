// Layer normalization against the reference: every axis, layout, type and tail.
using FsCheck;
using FsCheck.Fluent;
using Int8Runtime.TestKit;

namespace Int8Runtime.X64.Tests;

public sealed class LayerNormalizationTests
{
    [Fact]
    public void Every_axis_layout_and_type_is_close_to_the_reference()
    {
        Gen<Problem> problems =
            from shape in Layouts.Images
            from tensors in NormalizationProblems.Tensors(shape)
            from axis in Gen.Choose(0, 3)
            from parameter in Gen.Elements(DataType.Float32, DataType.Float32, DataType.BFloat16, DataType.Float16)
            from scale in Gen.Elements(true, false)
            from shift in Gen.Elements(true, false)
            let descriptor = new LayerNormalizationDescriptor
            {
                Source = tensors.Source, Destination = tensors.Destination, Axis = axis, Epsilon = 1e-3f,
                Scale = scale ? new MemoryDescriptor(shape.Slice(axis, 4 - axis), parameter) : null,
                Shift = shift ? new MemoryDescriptor(shape.Slice(axis, 4 - axis), parameter) : null,
            }
            from attributes in NormalizationProblems.Attributes(tensors.Source, tensors.Destination)
            from options in Arbitraries.Options(NormalizationProblems.Accepted(tensors.Destination.DataType))
            select new Problem(descriptor, attributes, options);
        VectorEngines.CheckOnAllTiers(problems, 300);
    }

    [Fact]
    public void Token_rows_are_accurate_in_place_and_allocate_nothing()
    {
        var tensor = new MemoryDescriptor([197, 768], DataType.Float32);
        var descriptor = new LayerNormalizationDescriptor
        {
            Source = tensor, Destination = tensor, Axis = 1, Scale = new([768], DataType.Float32), Shift = new([768], DataType.Float32),
        };
        foreach (Isa isa in VectorEngines.Tiers)
        {
            using Engine engine = VectorEngines.Create(isa, threads: 2);
            PrimitiveCheck.AgainstReference(
                engine, descriptor, null, new CheckOptions { InPlace = true, Tolerance = Tolerance.Within(1e-5, 2e-6) });
            using var memory = new TensorMemory(tensor);
            using ExecutionStream stream = engine.CreateStream();
            LayerNormalizationDescriptor plain = descriptor with { Scale = null, Shift = null };
            VectorEngines.CheckAllocatesNothing(engine.Create(plain), stream, memory, memory);
        }
    }

    [Fact]
    public void A_large_mean_does_not_cancel_the_variance()
    {
        var tensor = new MemoryDescriptor([1, 4], DataType.Float32);
        foreach (Isa isa in VectorEngines.Tiers)
        {
            using Engine engine = VectorEngines.Create(isa);
            using ExecutionStream stream = engine.CreateStream();
            using TensorMemory source = TensorMemory.From<float>(tensor, [100_001, 100_003, 100_001, 100_003]);
            using var result = new TensorMemory(tensor);
            var descriptor = new LayerNormalizationDescriptor { Source = tensor, Destination = tensor, Axis = 1, Epsilon = 0 };
            engine.Create(descriptor).Execute(stream, new NormalizationArguments(source, result));
            Assert.Equal([-1f, 1f, -1f, 1f], result.AsSpan<float>().ToArray());
        }
    }
}
