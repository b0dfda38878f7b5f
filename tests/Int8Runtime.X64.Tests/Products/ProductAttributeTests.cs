// Every attribute, layout and bias that products take runs on generated code of every tier and agrees with the reference.
using FsCheck;
using FsCheck.Fluent;
using Int8Runtime.Jit;
using Int8Runtime.TestKit;

namespace Int8Runtime.X64.Tests.Products;

public sealed class ProductAttributeTests
{
    private static readonly KernelCache Cache = new();

    private static readonly (DataType Source, DataType Weights)[] Operands =
    [
        (DataType.UInt8, DataType.Int8), (DataType.Int8, DataType.Int8), (DataType.UInt8, DataType.UInt8), (DataType.Int8, DataType.UInt8),
    ];

    private static readonly DataType[] Destinations = [DataType.UInt8, DataType.Int8, DataType.Int32, DataType.Float32];

    [Fact]
    public void Integer_convolutions_of_any_rank_layout_and_attributes_are_exact() => Check(ProductProblems.Convolutions, 60);

    [Fact]
    public void Integer_matrix_products_of_any_layout_and_attributes_are_exact() => Check(ProductProblems.MatrixProducts, 60);

    [Fact]
    public void Integer_layers_of_any_layout_and_attributes_are_exact() => Check(ProductProblems.Layers, 40);

    [Fact]
    public void Quantization_that_is_not_defined_for_products_is_refused_by_every_implementation()
    {
        var image = new MemoryDescriptor([1, 8, 4, 4], DataType.UInt8, FormatTag.Nhwc);
        var convolution = new ConvolutionDescriptor
        {
            Source = image, Weights = MemoryDescriptor.Any([8, 8, 1, 1], DataType.Int8), Destination = image,
        };
        var matrix = new MemoryDescriptor([8, 8], DataType.UInt8);
        var product = new MatMulDescriptor { Source = matrix, Weights = MemoryDescriptor.Any([8, 8], DataType.Int8), Destination = matrix };
        ConvolutionDescriptor depthwise = convolution with { Weights = MemoryDescriptor.Any([8, 1, 1, 1], DataType.Int8), Groups = 8 };
        float[] scales = [1, 2, 1, 2, 1, 2, 1, 2];
        QuantizationScale perChannel = QuantizationScale.PerChannel(scales);
        using var engine = new TestEngine(IsaTiers.Avx2, X64Implementations.Create(Cache, CpuFeatures.Host), threads: 1);
        foreach (PrimitiveDescriptor descriptor in (PrimitiveDescriptor[])[convolution, depthwise, product])
        {
            Assert.NotNull(engine.Explain(descriptor).Chosen);
            Assert.Null(engine.Explain(descriptor, new() { SourceScale = perChannel }).Chosen);
            Assert.Null(engine.Explain(descriptor, new() { DestinationScale = perChannel }).Chosen);
        }

        // Groups along K are those of matrix products, and those of a source belong to integers.
        var groups = new PrimitiveAttributes { SourceScale = QuantizationScale.PerGroup(scales, 8) };
        Assert.StartsWith("dequantized_matmul:", engine.Explain(product, groups).Chosen, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => engine.Explain(convolution, groups));
        Assert.Null(engine.Explain(product with { Source = matrix.WithDataType(DataType.Float32) }, groups).Chosen);
    }

    private static void Check(Func<DataType, DataType, DataType, Gen<Problem>> problems, int count)
    {
        Gen<Problem> any =
            from operands in Gen.Elements(Operands)
            from destination in Gen.Elements(Destinations)
            from problem in problems(operands.Source, operands.Weights, destination)
            select problem;
        foreach ((string _, Isa isa) in Tiers.Generated)
            Properties.Check(any, problem => CheckGenerated(isa, problem), count);
    }

    private static void CheckGenerated(Isa isa, Problem problem)
    {
        using var engine = new TestEngine(
            isa, X64Implementations.Create(Cache, CpuFeatures.Host), threads: 1 + (problem.Options.Seed % 2));
        PrimitiveCheck.AgainstReference(engine, problem.Descriptor, problem.Attributes, problem.Options);
    }
}
