// Loops over broadcast operands, and the dispatch from element types to the generic arithmetic of .NET.
using System.Numerics;

namespace Int8Runtime.Graph.Evaluation;

/// <summary>A computation that exists for every numeric type.</summary>
internal interface INumericFunction<TResult>
{
    TResult Invoke<T>() where T : unmanaged, INumber<T>;
}

/// <summary>A computation on elements that are held exactly.</summary>
internal interface IExactFunction<TResult>
{
    TResult Invoke<T>(T[] values) where T : unmanaged, INumber<T>;
}

/// <summary>Element-wise evaluation.</summary>
internal static class Elementwise
{
    /// <summary>Calls a generic function with the C# type of an element type.</summary>
    /// <exception cref="UnsupportedModelException">The type has no arithmetic.</exception>
    public static TResult Dispatch<TResult>(NodeOperands operands, DataType type, INumericFunction<TResult> function) => type switch
    {
        DataType.Float32 => function.Invoke<float>(),
        DataType.Float64 => function.Invoke<double>(),
        DataType.Int64 => function.Invoke<long>(),
        DataType.Int32 => function.Invoke<int>(),
        DataType.UInt64 => function.Invoke<ulong>(),
        DataType.UInt32 => function.Invoke<uint>(),
        DataType.Int16 => function.Invoke<short>(),
        DataType.UInt16 => function.Invoke<ushort>(),
        DataType.Int8 => function.Invoke<sbyte>(),
        DataType.UInt8 or DataType.Boolean => function.Invoke<byte>(),
        _ => throw new UnsupportedModelException($"{operands.Node} is not supported for elements of type {type}."),
    };

    /// <summary>Calls a generic function with a C# type that holds every element exactly, so that comparisons are right: 64-bit integers
    /// as they are, everything else as f64.</summary>
    public static TResult DispatchExact<TResult>(TensorData source, IExactFunction<TResult> function) => source.ElementType switch
    {
        DataType.Int64 => function.Invoke(ExactElements<long>(source)),
        DataType.UInt64 => function.Invoke(ExactElements<ulong>(source)),
        _ => function.Invoke(ExactElements<double>(source)),
    };

    /// <summary>The elements in the type that <see cref="DispatchExact"/> chooses.</summary>
    public static T[] ExactElements<T>(TensorData source) where T : unmanaged =>
        typeof(T) == typeof(double) ? (T[])(object)source.ToDoubleArray() : source.AsSpan<T>().ToArray();

    /// <summary>The result of a function of two broadcast tensors.</summary>
    public static TensorData Binary<T, TResult>(
        NodeOperands operands, TensorData left, TensorData right, DataType resultType, Func<T, T, TResult> function)
        where T : unmanaged where TResult : unmanaged
    {
        if (left.ElementType != right.ElementType)
            throw operands.Defect($"the element types {left.ElementType} and {right.ElementType} differ");
        Shape shape = Broadcasting.Combine(operands, left.Shape, right.Shape);
        ReadOnlySpan<T> a = Broadcast(left, shape).AsSpan<T>(), b = Broadcast(right, shape).AsSpan<T>();
        TensorData result = TensorData.Allocate(resultType, shape, out Span<TResult> target);
        for (int i = 0; i < target.Length; i++)
            target[i] = function(a[i], b[i]);
        return result;
    }

    /// <summary>The result of a function of one tensor.</summary>
    public static TensorData Unary<T, TResult>(TensorData source, DataType resultType, Func<T, TResult> function)
        where T : unmanaged where TResult : unmanaged
    {
        ReadOnlySpan<T> elements = source.AsSpan<T>();
        TensorData result = TensorData.Allocate(resultType, source.Shape, out Span<TResult> target);
        for (int i = 0; i < target.Length; i++)
            target[i] = function(elements[i]);
        return result;
    }

    /// <summary>The tensor repeated to a shape it can be broadcast to.</summary>
    public static TensorData Broadcast(TensorData source, Shape shape) =>
        source.Shape == shape
            ? source
            : ElementCopy.Strided(source, shape, 0, Broadcasting.Strides(source.Shape, shape));
}
