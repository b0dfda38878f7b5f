// Fully connected layers of random sizes over samples of every layout.
using FsCheck;
using FsCheck.Fluent;
using Int8Runtime.Jit;
using Int8Runtime.TestKit;

namespace Int8Runtime.X64.Tests.InnerProduct;

public sealed class BrgemmInnerProductTests
{
    private static readonly KernelCache Cache = new();

    [Fact]
    public void Integer_layers_are_exact_on_every_tier()
    {
        Gen<Problem> problems =
            from source in Arbitraries.Int8Type
            from destination in Arbitraries.DestinationType
            from descriptor in Layer(source, DataType.Int8, destination)
            from attributes in Arbitraries.IntegerProductAttributes(source, descriptor.Destination, descriptor.Destination.Dimensions[1])
            from options in Arbitraries.Options()
            select new Problem(descriptor, attributes, options);
        foreach ((string tier, Isa isa) in Tiers.Generated)
            Properties.Check(problems, problem => Check(isa, problem), 50);
    }

    [Fact]
    public void Float_layers_stay_within_the_bound_of_a_sum()
    {
        Gen<Problem> problems =
            from types in Arbitraries.FloatTypes
            from descriptor in Layer(types.Source, types.Weights, types.Destination)
            let terms = descriptor.Weights.ElementCount / descriptor.Weights.Dimensions[0]
            from options in Arbitraries.Options(Arbitraries.FloatSum(types.Destination, terms))
            select new Problem(descriptor, PrimitiveAttributes.Default, options);
        foreach ((string tier, Isa isa) in Tiers.Generated)
            Properties.Check(problems, problem => Check(isa, problem), 40);
    }

    private static Gen<InnerProductDescriptor> Layer(DataType source, DataType weights, DataType destination) =>
        from samples in Gen.Elements(1, 1, 2, 5, 16)
        from channels in Arbitraries.Channels
        from outputs in Arbitraries.Channels
        from spatial in Gen.Choose(1, 4).ArrayOf(2)
        from rank in Gen.Elements(2, 4)
        from plain in Gen.Elements(false, true)
        from bias in Gen.Elements(true, false)
        let extents = rank == 2 ? Array.Empty<int>() : spatial
        select new InnerProductDescriptor
        {
            Source = plain
                ? new MemoryDescriptor([samples, channels, .. extents], source)
                : MemoryDescriptor.Any([samples, channels, .. extents], source),
            Weights = MemoryDescriptor.Any([outputs, channels, .. extents], weights),
            Bias = bias ? new MemoryDescriptor([outputs], DataType.Float32) : null,
            Destination = new MemoryDescriptor([samples, outputs], destination),
        };

    private static void Check(Isa isa, Problem problem)
    {
        using var engine = new TestEngine(isa, [new BrgemmInnerProduct(Cache, CpuFeatures.Host)], threads: 1 + (problem.Options.Seed % 2));
        PrimitiveCheck.AgainstReference(engine, problem.Descriptor, problem.Attributes, problem.Options);
    }
}
