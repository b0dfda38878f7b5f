// The numbers by which ONNX attributes and tensors name element types.
namespace Int8Runtime.Graph;

/// <summary>Translates between <see cref="DataType"/> and the element type numbers of ONNX, which attributes such as
/// <c>to</c> of Cast hold.</summary>
public static class ElementTypeCodes
{
    private static readonly string[] s_names =
    [
        "UNDEFINED", "FLOAT", "UINT8", "INT8", "UINT16", "INT16", "INT32", "INT64", "STRING", "BOOL", "FLOAT16", "DOUBLE",
        "UINT32", "UINT64", "COMPLEX64", "COMPLEX128", "BFLOAT16", "FLOAT8E4M3FN", "FLOAT8E4M3FNUZ", "FLOAT8E5M2",
        "FLOAT8E5M2FNUZ", "UINT4", "INT4", "FLOAT4E2M1", "FLOAT8E8M0", "UINT2", "INT2",
    ];

    /// <summary>The element type of an ONNX number.</summary>
    /// <param name="code">The number.</param>
    /// <param name="subject">What has the type; opens the message of the exception.</param>
    /// <exception cref="UnsupportedModelException">Int8Runtime has no such element type.</exception>
    public static DataType ToDataType(long code, string subject) => code switch
    {
        1 => DataType.Float32,
        2 => DataType.UInt8,
        3 => DataType.Int8,
        4 => DataType.UInt16,
        5 => DataType.Int16,
        6 => DataType.Int32,
        7 => DataType.Int64,
        9 => DataType.Boolean,
        10 => DataType.Float16,
        11 => DataType.Float64,
        12 => DataType.UInt32,
        13 => DataType.UInt64,
        16 => DataType.BFloat16,
        17 => DataType.Float8E4M3FN,
        18 => DataType.Float8E4M3FNUZ,
        19 => DataType.Float8E5M2,
        20 => DataType.Float8E5M2FNUZ,
        21 => DataType.UInt4,
        22 => DataType.Int4,
        23 => DataType.Float4E2M1,
        24 => DataType.Float8E8M0,
        25 => DataType.UInt2,
        26 => DataType.Int2,
        _ => throw new UnsupportedModelException(
            $"{subject} has the element type {NameOf(code)}, which is not supported. Convert the model to tensors of real numbers, "
            + "integers or Booleans."),
    };

    /// <summary>The ONNX number of an element type; 0 for <see cref="DataType.Undefined"/>.</summary>
    public static int ToCode(DataType type) => type switch
    {
        DataType.Float32 => 1,
        DataType.UInt8 => 2,
        DataType.Int8 => 3,
        DataType.UInt16 => 4,
        DataType.Int16 => 5,
        DataType.Int32 => 6,
        DataType.Int64 => 7,
        DataType.Boolean => 9,
        DataType.Float16 => 10,
        DataType.Float64 => 11,
        DataType.UInt32 => 12,
        DataType.UInt64 => 13,
        DataType.BFloat16 => 16,
        DataType.Float8E4M3FN => 17,
        DataType.Float8E4M3FNUZ => 18,
        DataType.Float8E5M2 => 19,
        DataType.Float8E5M2FNUZ => 20,
        DataType.UInt4 => 21,
        DataType.Int4 => 22,
        DataType.Float4E2M1 => 23,
        DataType.Float8E8M0 => 24,
        DataType.UInt2 => 25,
        DataType.Int2 => 26,
        _ => 0,
    };

    private static string NameOf(long code) => code >= 0 && code < s_names.Length ? s_names[code] : $"number {code}";
}
