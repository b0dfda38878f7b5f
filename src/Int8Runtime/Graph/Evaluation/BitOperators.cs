// Operations on the bits of integers: BitwiseAnd, BitwiseOr, BitwiseXor, BitwiseNot, BitShift.
using System.Numerics;

namespace Int8Runtime.Graph.Evaluation;

internal static class BitOperators
{
    /// <summary>The operators that <see cref="Evaluate"/> knows.</summary>
    public static readonly string[] Names = ["BitwiseAnd", "BitwiseOr", "BitwiseXor", "BitwiseNot", "BitShift"];

    public static TensorData Evaluate(NodeOperands operands) => operands[0].ElementType switch
    {
        DataType.Int8 => Evaluate<sbyte>(operands),
        DataType.UInt8 or DataType.Boolean => Evaluate<byte>(operands),
        DataType.Int16 => Evaluate<short>(operands),
        DataType.UInt16 => Evaluate<ushort>(operands),
        DataType.Int32 => Evaluate<int>(operands),
        DataType.UInt32 => Evaluate<uint>(operands),
        DataType.Int64 => Evaluate<long>(operands),
        DataType.UInt64 => Evaluate<ulong>(operands),
        _ => throw operands.Defect($"elements of type {operands[0].ElementType} have no bits to operate on"),
    };

    private static TensorData Evaluate<T>(NodeOperands operands) where T : unmanaged, IBinaryInteger<T>
    {
        TensorData source = HostEvaluator.Content(operands, 0);
        if (operands.Node.OpType == "BitwiseNot")
            return Elementwise.Unary<T, T>(source, source.ElementType, static a => ~a);
        Func<T, T, T> function = operands.Node.OpType switch
        {
            "BitwiseAnd" => static (a, b) => a & b,
            "BitwiseOr" => static (a, b) => a | b,
            "BitwiseXor" => static (a, b) => a ^ b,
            _ when operands.Attributes.GetString("direction") == "RIGHT" => static (a, b) =>
                IsWide(b) ? T.Zero : a >>> int.CreateTruncating(b),
            _ => static (a, b) => IsWide(b) ? T.Zero : a << int.CreateTruncating(b),
        };
        return Elementwise.Binary(operands, source, HostEvaluator.Content(operands, 1), source.ElementType, function);

        // A shift by all bits or more leaves none, where the instruction would only take the low bits of the distance.
        static bool IsWide(T distance) => distance >= T.CreateChecked(8 * T.Zero.GetByteCount());
    }
}
