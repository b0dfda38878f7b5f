// Parts of random normalization problems.
using FsCheck;
using FsCheck.Fluent;
using Int8Runtime.TestKit;

namespace Int8Runtime.X64.Tests;

internal static class NormalizationProblems
{
    /// <summary>Source and destination of a shape: every pair of types, unblocked layouts.</summary>
    public static Gen<(MemoryDescriptor Source, MemoryDescriptor Destination)> Tensors(Shape shape) =>
        from sourceType in Layouts.AnyType.Where(type => type != DataType.Int32)
        from type in Layouts.AnyType.Where(type => type != DataType.Int32)
        from source in Layouts.Tensor(shape, sourceType).Where(tensor => tensor.InnerBlocks.IsEmpty)
        from destination in Gen.OneOf(
            Gen.Constant(source.WithDataType(type)), Layouts.Tensor(shape, type).Where(tensor => tensor.InnerBlocks.IsEmpty))
        select (source, destination);

    /// <summary>Quantization of both sides, and post-ops without operands.</summary>
    public static Gen<PrimitiveAttributes> Attributes(MemoryDescriptor source, MemoryDescriptor destination) =>
        from sourceZeroPoint in Arbitraries.ZeroPoint(source.DataType)
        from zeroPoint in Arbitraries.ZeroPoint(destination.DataType)
        from scaled in Gen.Elements(true, false)
        from postOps in Arbitraries.PostOps(destination, binary: false)
        select new PrimitiveAttributes
        {
            SourceScale = source.DataType.IsInt8() && scaled ? QuantizationScale.PerTensor(0.05f) : null,
            SourceZeroPoint = sourceZeroPoint,
            DestinationScale = destination.DataType.IsInt8() ? QuantizationScale.PerTensor(0.04f) : null,
            DestinationZeroPoint = zeroPoint,
            PostOps = postOps,
        };

    /// <summary>
    /// The rounding of the mean, which the inverse deviation magnifies up to 32 times, and of post-ops behind it; one step of
    /// short types.
    /// </summary>
    public static Tolerance Accepted(DataType type) => type == DataType.Float32 ? Tolerance.Within(2e-4, 2e-4)
        : type.IsFloatingPoint() ? new Tolerance(2, 2e-4, 2e-4)
        : new Tolerance(1);
}
