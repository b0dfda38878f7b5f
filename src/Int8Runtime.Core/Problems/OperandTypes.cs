// The element types of a problem's operands, as text.
namespace Int8Runtime;

/// <summary>Element types of source, weights and destination.</summary>
public readonly record struct OperandTypes(DataType Source, DataType Weights, DataType Destination)
{
    /// <summary>u8 source, s8 weights, u8 destination.</summary>
    public static OperandTypes UInt8 { get; } = new(DataType.UInt8, DataType.Int8, DataType.UInt8);

    /// <summary>f32 everywhere.</summary>
    public static OperandTypes Float32 { get; } = new(DataType.Float32, DataType.Float32, DataType.Float32);

    /// <summary>Reads <c>u8:s8:u8</c>, or one type for all three operands.</summary>
    /// <exception cref="FormatException">The text does not hold one or three known types.</exception>
    public static OperandTypes Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        DataType[] types = [.. text.Split(':').Select(TypeOf)];
        return types.Length switch
        {
            1 => new OperandTypes(types[0], types[0], types[0]),
            3 => new OperandTypes(types[0], types[1], types[2]),
            _ => throw new FormatException($"'{text}' needs one type, or three as in u8:s8:u8."),
        };
    }

    /// <summary>The three types, for example <c>u8:s8:u8</c>.</summary>
    public override string ToString() =>
        $"{Source.ToShortName()}:{Weights.ToShortName()}:{Destination.ToShortName()}";

    private static DataType TypeOf(string name)
    {
        foreach (DataType type in Enum.GetValues<DataType>())
            if (type != DataType.Undefined && type.ToShortName() == name)
                return type;
        throw new FormatException($"'{name}' is not a data type.");
    }
}
