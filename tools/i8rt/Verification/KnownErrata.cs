// Test cases whose stored expectations are wrong and have been corrected by their authors.
using System.Collections.Frozen;
using Int8Runtime.Graph;

namespace Int8Runtime.Cli;

/// <summary>
/// Published corrections of test cases. A case with an erratum is compared with the corrected values, and its result says so.
/// </summary>
internal static class KnownErrata
{
    // QLinearMatMul saturates. The reference implementation that wrote these cases did not, so that products below −128 wrapped around
    // to positive values (github.com/onnx/onnx/issues/7835, corrected by pull request 7868). The positions are those of the products
    // −236, and −139 and −136, in each 2×3 matrix.
    private static readonly FrozenDictionary<string, int[]> s_wrapped = new Dictionary<string, int[]>
    {
        ["test_qlinearmatmul_2D_int8_float16"] = [5],
        ["test_qlinearmatmul_2D_int8_float32"] = [5],
        ["test_qlinearmatmul_3D_int8_float16"] = [1, 2],
        ["test_qlinearmatmul_3D_int8_float32"] = [1, 2],
    }.ToFrozenDictionary();

    /// <summary>The expectation of a case with its erratum applied, and a remark; null where there is none, or where the stored values
    /// are right already.</summary>
    public static (TensorData Expected, string Remark)? Correct(string caseName, TensorData expected)
    {
        if (!s_wrapped.TryGetValue(caseName, out int[]? positions) || expected.ElementType != DataType.Int8)
            return null;
        sbyte[] values = expected.AsSpan<sbyte>().ToArray();
        int corrected = 0;
        for (int i = 0; i < values.Length; i++)
        {
            if (values[i] <= 0 || !positions.Contains(i % 6))
                continue;
            values[i] = sbyte.MinValue;
            corrected++;
        }

        return corrected == 0
            ? null
            : (TensorData.Create<sbyte>(values, expected.Shape),
                $"{corrected} expected values saturated as in onnx/onnx pull request 7868");
    }
}
