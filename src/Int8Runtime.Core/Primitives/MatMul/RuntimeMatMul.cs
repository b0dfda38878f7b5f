// Matrix products whose extents become known at execution.
namespace Int8Runtime;

/// <summary>
/// A matrix product of which types, ranks and attributes are known and extents are not. Each execution takes the extents and
/// strides from its tensors and the plan from the engine's bounded cache, so that a shape is planned once and kernels, which do
/// not depend on the number of rows, are shared between shapes. The right operand is read from strided memory and packed at
/// execution. Immutable and thread-safe.
/// </summary>
/// <param name="engine">Makes and caches the plans.</param>
/// <param name="source">Type of the left operand.</param>
/// <param name="weights">Type of the right operand.</param>
/// <param name="destination">Type of the destination.</param>
/// <param name="attributes">Quantization and post-ops without operands.</param>
public sealed class RuntimeMatMul(
    Engine engine, DataType source, DataType weights, DataType destination, PrimitiveAttributes? attributes = null)
{
    private readonly PrimitiveAttributes _attributes = attributes ?? PrimitiveAttributes.Default;

    /// <summary>Executes the product.</summary>
    /// <param name="stream">A stream of the engine.</param>
    /// <param name="arguments">The tensors, whose dimensions and strides are those of this execution.</param>
    /// <exception cref="ArgumentException">The tensors do not fit together or have other types than this product.</exception>
    /// <exception cref="UnsupportedPrimitiveException">No implementation takes the shapes and layouts.</exception>
    public void Execute(ExecutionStream stream, MatMulArguments arguments)
    {
        ArgumentNullException.ThrowIfNull(stream);
        PlanFor(new MatMulDescriptor
        {
            Source = arguments.Source.Descriptor,
            Weights = arguments.Weights.Descriptor,
            Bias = arguments.Bias?.Descriptor,
            Destination = arguments.Destination.Descriptor,
        }).Execute(stream, arguments);
    }

    /// <summary>The primitive that executes concrete shapes; for operands of post-ops and user scratch memory.</summary>
    /// <param name="shapes">Concrete shapes with the types of this product.</param>
    /// <exception cref="ArgumentException">The types differ from those of this product.</exception>
    public Primitive PlanFor(MatMulDescriptor shapes)
    {
        ArgumentNullException.ThrowIfNull(shapes);
        if ((shapes.Source.DataType, shapes.Weights.DataType, shapes.Destination.DataType) != (source, weights, destination))
            throw new ArgumentException(
                $"The product takes {source.ToShortName()}:{weights.ToShortName()}:{destination.ToShortName()}, not {shapes.ToProblemText()}.");
        return engine.Create(Plain(shapes), _attributes);
    }

    /// <summary>The same shapes with row-major tensors where the layout was left open.</summary>
    public static MatMulDescriptor Plain(MatMulDescriptor shapes)
    {
        ArgumentNullException.ThrowIfNull(shapes);
        return shapes with { Source = Plain(shapes.Source), Weights = Plain(shapes.Weights), Destination = Plain(shapes.Destination) };
    }

    private static MemoryDescriptor Plain(MemoryDescriptor tensor) =>
        tensor.IsAny ? new MemoryDescriptor(tensor.Dimensions, tensor.DataType) : tensor;
}
