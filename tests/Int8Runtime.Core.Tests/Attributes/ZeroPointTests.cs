// Zero points that are no values of their operand's type: refused by element-wise descriptors, meaningful in products.
namespace Int8Runtime.Core.Tests.Attributes;

public sealed class ZeroPointTests
{
    private static readonly MemoryDescriptor Bytes = new([1, 2, 3, 3], DataType.UInt8);

    [Theory]
    [InlineData(DataType.UInt8, -1)]
    [InlineData(DataType.UInt8, 256)]
    [InlineData(DataType.UInt8, 40_000)]
    [InlineData(DataType.Int8, 128)]
    [InlineData(DataType.Int8, -129)]
    public void A_zero_point_outside_the_type_is_refused(DataType type, int zeroPoint)
    {
        var descriptor = new EltwiseDescriptor
        {
            Algorithm = EltwiseAlgorithm.Abs, Source = Bytes.WithDataType(type), Destination = Bytes.WithDataType(type),
        };
        foreach (PrimitiveAttributes attributes in (PrimitiveAttributes[])
                 [new() { SourceZeroPoint = zeroPoint }, new() { DestinationZeroPoint = zeroPoint }])
        {
            string message = Assert.Throws<ArgumentException>(() => descriptor.Validate(attributes)).Message;
            Assert.Contains($"zero point {zeroPoint} is outside the range of {type.ToShortName()}", message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData(DataType.UInt8, 255)]
    [InlineData(DataType.Int8, -128)]
    [InlineData(DataType.Int32, int.MinValue)]
    public void Any_value_of_the_type_is_a_zero_point(DataType type, int zeroPoint)
    {
        MemoryDescriptor tensor = Bytes.WithDataType(type);
        new BinaryDescriptor { Algorithm = BinaryAlgorithm.Add, Source = tensor, Source1 = tensor, Destination = tensor }.Validate(
            new PrimitiveAttributes { SourceZeroPoint = zeroPoint, Source1ZeroPoint = zeroPoint, DestinationZeroPoint = zeroPoint });
    }

    [Fact]
    public void Zero_points_of_products_are_any_integers()
    {
        var descriptor = new InnerProductDescriptor
        {
            Source = Bytes, Weights = new([2, 2, 3, 3], DataType.Int8), Destination = new([1, 2], DataType.UInt8),
        };
        descriptor.Validate(new PrimitiveAttributes
        {
            SourceZeroPoint = -1, WeightsZeroPoint = ZeroPoint.PerChannel([3, 200]), DestinationZeroPoint = 300,
        });
        Assert.Throws<ArgumentException>(
            () => descriptor.Validate(new PrimitiveAttributes { WeightsZeroPoint = ZeroPoint.PerChannel([3, 200, 4]) }));
    }
}
