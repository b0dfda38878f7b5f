// Half-precision models compute in single precision: 16-bit floats are a storage format here.
using Int8Runtime.Graph;

namespace Int8Runtime.Onnx.Import;

/// <summary>Replaces 16-bit floating point by 32-bit.</summary>
internal static class HalfPrecision
{
    private static readonly string[] s_typeAttributes = ["to", "dtype", "output_dtype", "stash_type"];

    public static bool IsHalf(DataType type) => type is DataType.Float16 or DataType.BFloat16;

    public static bool IsHalfCode(long code) =>
        code == ElementTypeCodes.ToCode(DataType.Float16) || code == ElementTypeCodes.ToCode(DataType.BFloat16);

    public static TensorData ToSingle(TensorData content) => IsHalf(content.ElementType)
        ? content.ConvertTo(DataType.Float32)
        : content;

    /// <summary>Converts tensors and element types among the attributes of a node.</summary>
    public static void Convert(GraphAttributes attributes)
    {
        foreach ((string name, object value) in attributes.ToArray())
        {
            if (value is TensorData tensor && IsHalf(tensor.ElementType))
                attributes.Add(name, ToSingle(tensor));
            else if (value is long code && s_typeAttributes.Contains(name) && IsHalfCode(code))
                attributes.Add(name, ElementTypeCodes.ToCode(DataType.Float32));
        }
    }
}
