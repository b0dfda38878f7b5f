// Names of element types in IR files.
using Int8Runtime.Graph;

namespace Int8Runtime.OpenVino.Import;

/// <summary>Translates names such as <c>f32</c> (attributes) and <c>FP32</c> (ports).</summary>
internal static class IrElementTypes
{
    /// <summary>The element type in the graph; types that the graph lacks become the next wider one.</summary>
    /// <param name="name">The name in an attribute or at a port.</param>
    /// <param name="subject">Opens the message of the exception.</param>
    /// <exception cref="UnsupportedModelException">There is no such type here.</exception>
    public static DataType Parse(string name, string subject) => name.ToLowerInvariant() switch
    {
        "f32" or "fp32" => DataType.Float32,
        "f16" or "fp16" => DataType.Float16,
        "bf16" => DataType.BFloat16,
        "f64" or "fp64" => DataType.Float64,
        "i4" or "i8" => DataType.Int8,
        "u4" or "u8" => DataType.UInt8,
        "i16" => DataType.Int16,
        "u16" => DataType.UInt16,
        "i32" => DataType.Int32,
        "u32" or "i64" or "u64" => DataType.Int64,
        "boolean" or "bool" => DataType.Boolean,
        _ => throw new UnsupportedModelException(
            $"{subject} has the element type '{name}', which is not supported. Convert the model with f32, f16, i8, u8, i4, "
                + "u4, i32 or i64 tensors."),
    };

    /// <summary>The name in attributes.</summary>
    /// <exception cref="UnsupportedModelException">Files have no name for the type.</exception>
    public static string AttributeName(DataType type) => type switch
    {
        DataType.Float32 => "f32",
        DataType.Float16 => "f16",
        DataType.BFloat16 => "bf16",
        DataType.Float64 => "f64",
        DataType.Int4 => "i4",
        DataType.UInt4 => "u4",
        DataType.Int8 => "i8",
        DataType.UInt8 => "u8",
        DataType.Int16 => "i16",
        DataType.UInt16 => "u16",
        DataType.Int32 => "i32",
        DataType.Int64 => "i64",
        DataType.Boolean => "boolean",
        _ => throw new UnsupportedModelException(
            $"Tensors of type {type.ToShortName()} cannot be written as OpenVINO IR. Write the model as .onnx."),
    };

    /// <summary>The name at ports.</summary>
    /// <exception cref="UnsupportedModelException">Files have no name for the type.</exception>
    public static string PortName(DataType type) => type switch
    {
        DataType.Float32 => "FP32",
        DataType.Float16 => "FP16",
        DataType.Float64 => "FP64",
        DataType.Boolean => "BOOL",
        _ => AttributeName(type).ToUpperInvariant(),
    };

    /// <summary>Whether this is one of the 16-bit floating-point types, which the graph computes in f32.</summary>
    public static bool IsHalf(DataType type) => type is DataType.Float16 or DataType.BFloat16;
}
