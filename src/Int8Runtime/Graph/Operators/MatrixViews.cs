// Gemm and MatMul.
namespace Int8Runtime.Graph;

/// <summary>Gemm: alpha · op(A) · op(B) + beta · C, where op may transpose.</summary>
/// <param name="TransposeA">Whether A is K×M.</param>
/// <param name="TransposeB">Whether B is N×K.</param>
/// <param name="Alpha">Factor of the product.</param>
/// <param name="Beta">Factor of C.</param>
/// <param name="M">Rows of the result.</param>
/// <param name="N">Columns of the result.</param>
/// <param name="K">Length of the sums.</param>
public sealed record GemmView(bool TransposeA, bool TransposeB, float Alpha, float Beta, int M, int N, int K)
{
    /// <summary>Reads a Gemm node and checks that its operands fit.</summary>
    public static GemmView Of(NodeOperands operands)
    {
        Shape left = operands[0].Shape, right = operands[1].Shape;
        if (left.Rank != 2 || right.Rank != 2)
            throw operands.Defect($"{left} and {right} must be matrices");
        bool transposeA = operands.Attributes.GetBoolean("transA"), transposeB = operands.Attributes.GetBoolean("transB");
        (int m, int k) = transposeA ? (left[1], left[0]) : (left[0], left[1]);
        (int n, int inner) = transposeB ? (right[0], right[1]) : (right[1], right[0]);
        if (k != inner)
            throw operands.Defect($"the matrices {left} and {right} have different inner dimensions");
        float alpha = operands.Attributes.GetSingle("alpha", 1), beta = operands.Attributes.GetSingle("beta", 1);
        return new GemmView(transposeA, transposeB, alpha, beta, m, n, k);
    }
}

/// <summary>MatMul with numpy's rules: leading dimensions broadcast, vectors are rows on the left and columns on the
/// right.</summary>
/// <param name="Batch">The broadcast leading dimensions.</param>
/// <param name="M">Rows; 1 for a vector on the left.</param>
/// <param name="N">Columns; 1 for a vector on the right.</param>
/// <param name="K">Length of the sums.</param>
/// <param name="Output">The shape of the result, without the dimensions of vectors.</param>
public sealed record MatMulView(Shape Batch, int M, int N, int K, Shape Output)
{
    /// <summary>Reads a MatMul or MatMulInteger node and checks that its operands fit.</summary>
    public static MatMulView Of(NodeOperands operands)
    {
        Shape left = operands[0].Shape, right = operands[1].Shape;
        if (left.Rank == 0 || right.Rank == 0)
            throw operands.Defect("a scalar cannot be multiplied as a matrix");
        bool row = left.Rank == 1, column = right.Rank == 1;
        int m = row ? 1 : left[^2], k = left[^1], inner = column ? right[0] : right[^2], n = column ? 1 : right[^1];
        if (k != inner)
            throw operands.Defect($"the matrices {left} and {right} have different inner dimensions");
        Shape batch = Broadcasting.Combine(operands, row ? [] : left[..^2], column ? [] : right[..^2]);
        int[] output = [.. batch, .. (int[])(row ? [] : [m]), .. (int[])(column ? [] : [n])];
        return new MatMulView(batch, m, n, k, output);
    }
}
