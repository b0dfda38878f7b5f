// Element type and concrete shape of one tensor.
namespace Int8Runtime.Graph;

/// <summary>The element type and the extents of a tensor.</summary>
public readonly record struct TensorType(DataType ElementType, Shape Shape)
{
    /// <summary>The number of dimensions.</summary>
    public int Rank => Shape.Rank;

    /// <summary>Element type and shape.</summary>
    public override string ToString() => $"{ElementType.ToShortName()}:{TensorData.FormatShape(Shape)}";
}
