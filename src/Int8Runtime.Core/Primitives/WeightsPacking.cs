// Weights brought into the layout that a primitive asks for.
namespace Int8Runtime;

/// <summary>Packs weights once, when a model is compiled.</summary>
internal static class WeightsPacking
{
    /// <summary>Strided weights of 4 bits as the bytes that they take.</summary>
    public static MemoryDescriptor Bytes(MemoryDescriptor weights) =>
        weights.DataType.IsInt4() ? weights.WithDataType(DataType.UInt8) : weights;

    /// <summary>Copies plain weights into <paramref name="target"/>, strided or packed, and returns the new memory.</summary>
    /// <param name="engine">Engine whose reorders are used for strided targets.</param>
    /// <param name="source">Weights in strided memory.</param>
    /// <param name="target">The layout that <see cref="Primitive.Weights"/> names.</param>
    public static unsafe TensorMemory Pack(Engine engine, TensorMemory source, MemoryDescriptor target)
    {
        if (target.Packed is { } layout)
        {
            var packed = new TensorMemory(target);
            layout.Pack(source.Descriptor, source.Data, packed.Data);
            GC.KeepAlive(source);
            return packed;
        }

        using ExecutionStream stream = engine.CreateStream();
        return stream.Reorder(source, target);
    }
}
