// Single-thread f32 matrix products, 256 bits at a time: register tiles of 4 rows by 2 vectors.
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Int8Runtime.DemoTrainer;

/// <summary>The two products that convolution needs.</summary>
internal static class Gemm
{
    private const int Lanes = 8;

    /// <summary>c[m, n] = Σ a(m, k) · b[k, n]; b and c are dense rows of <paramref name="n"/>, a multiple of 16.</summary>
    /// <param name="a">The left matrix: element (i, j) at i·<paramref name="rowStep"/> + j·<paramref name="columnStep"/>.</param>
    /// <param name="rowStep">Distance of the left matrix's rows.</param>
    /// <param name="columnStep">Distance of the left matrix's columns.</param>
    /// <param name="b">The right matrix.</param>
    /// <param name="c">The product.</param>
    /// <param name="m">Rows of the product.</param>
    /// <param name="n">Columns of the product.</param>
    /// <param name="k">Length of the sums.</param>
    public static void Multiply(
        ReadOnlySpan<float> a, int rowStep, int columnStep, ReadOnlySpan<float> b, Span<float> c, int m, int n, int k)
    {
        if (n % (2 * Lanes) != 0)
            throw new ArgumentException($"{n} columns are no multiple of {2 * Lanes}", nameof(n));

        var right = MemoryMarshal.Cast<float, Vector256<float>>(b);
        var product = MemoryMarshal.Cast<float, Vector256<float>>(c);
        int step = n / Lanes;
        for (int column = 0; column < step; column += 2)
        {
            int row = 0;
            for (; row + 4 <= m; row += 4)
                Tile4(a[(row * rowStep)..], rowStep, columnStep, right[column..], product[(row * step + column)..], step, k);
            for (; row < m; row++)
                Tile1(a[(row * rowStep)..], columnStep, right[column..], product[(row * step + column)..], step, k);
        }
    }

    /// <summary>c[m, n] += Σ a[m, k] · b[n, k]; rows of a and b have <paramref name="k"/> elements, a multiple of 8.</summary>
    /// <param name="a">The left matrix.</param>
    /// <param name="b">The right matrix, transposed.</param>
    /// <param name="c">The sum.</param>
    /// <param name="m">Rows of the product.</param>
    /// <param name="n">Columns of the product.</param>
    /// <param name="k">Length of the sums.</param>
    public static void AddTransposed(ReadOnlySpan<float> a, ReadOnlySpan<float> b, Span<float> c, int m, int n, int k)
    {
        if (k % Lanes != 0)
            throw new ArgumentException($"sums of {k} elements are no multiple of {Lanes}", nameof(k));

        var left = MemoryMarshal.Cast<float, Vector256<float>>(a);
        var right = MemoryMarshal.Cast<float, Vector256<float>>(b);
        int step = k / Lanes;
        for (int row = 0; row < m; row += 4)
        {
            for (int column = 0; column < n; column += 2)
            {
                if (row + 4 <= m && column + 2 <= n)
                    DotTile(left[(row * step)..], right[(column * step)..], c[(row * n + column)..], n, step);
                else
                    DotEdge(left, right, c, row, Math.Min(row + 4, m), column, Math.Min(column + 2, n), n, step);
            }
        }
    }

    private static void Tile4(ReadOnlySpan<float> a, int rowStep, int columnStep,
        ReadOnlySpan<Vector256<float>> b, Span<Vector256<float>> c, int step, int k)
    {
        Vector256<float> c00 = default, c01 = default, c10 = default, c11 = default;
        Vector256<float> c20 = default, c21 = default, c30 = default, c31 = default;
        for (int i = 0, at = 0, bt = 0; i < k; i++, at += columnStep, bt += step)
        {
            Vector256<float> b0 = b[bt], b1 = b[bt + 1];
            var a0 = Vector256.Create(a[at]);
            c00 = Vector256.FusedMultiplyAdd(a0, b0, c00);
            c01 = Vector256.FusedMultiplyAdd(a0, b1, c01);
            var a1 = Vector256.Create(a[at + rowStep]);
            c10 = Vector256.FusedMultiplyAdd(a1, b0, c10);
            c11 = Vector256.FusedMultiplyAdd(a1, b1, c11);
            var a2 = Vector256.Create(a[at + 2 * rowStep]);
            c20 = Vector256.FusedMultiplyAdd(a2, b0, c20);
            c21 = Vector256.FusedMultiplyAdd(a2, b1, c21);
            var a3 = Vector256.Create(a[at + 3 * rowStep]);
            c30 = Vector256.FusedMultiplyAdd(a3, b0, c30);
            c31 = Vector256.FusedMultiplyAdd(a3, b1, c31);
        }

        (c[0], c[1], c[step], c[step + 1]) = (c00, c01, c10, c11);
        (c[2 * step], c[2 * step + 1], c[3 * step], c[3 * step + 1]) = (c20, c21, c30, c31);
    }

    private static void Tile1(ReadOnlySpan<float> a, int columnStep,
        ReadOnlySpan<Vector256<float>> b, Span<Vector256<float>> c, int step, int k)
    {
        Vector256<float> c0 = default, c1 = default;
        for (int i = 0; i < k; i++)
        {
            var value = Vector256.Create(a[i * columnStep]);
            c0 = Vector256.FusedMultiplyAdd(value, b[i * step], c0);
            c1 = Vector256.FusedMultiplyAdd(value, b[i * step + 1], c1);
        }

        (c[0], c[1]) = (c0, c1);
    }

    private static void DotTile(
        ReadOnlySpan<Vector256<float>> a, ReadOnlySpan<Vector256<float>> b, Span<float> c, int n, int step)
    {
        Vector256<float> c00 = default, c01 = default, c10 = default, c11 = default;
        Vector256<float> c20 = default, c21 = default, c30 = default, c31 = default;
        for (int i = 0; i < step; i++)
        {
            Vector256<float> b0 = b[i], b1 = b[step + i], a0 = a[i], a1 = a[step + i];
            c00 = Vector256.FusedMultiplyAdd(a0, b0, c00);
            c01 = Vector256.FusedMultiplyAdd(a0, b1, c01);
            c10 = Vector256.FusedMultiplyAdd(a1, b0, c10);
            c11 = Vector256.FusedMultiplyAdd(a1, b1, c11);
            Vector256<float> a2 = a[2 * step + i], a3 = a[3 * step + i];
            c20 = Vector256.FusedMultiplyAdd(a2, b0, c20);
            c21 = Vector256.FusedMultiplyAdd(a2, b1, c21);
            c30 = Vector256.FusedMultiplyAdd(a3, b0, c30);
            c31 = Vector256.FusedMultiplyAdd(a3, b1, c31);
        }

        c[0] += Vector256.Sum(c00);
        c[1] += Vector256.Sum(c01);
        c[n] += Vector256.Sum(c10);
        c[n + 1] += Vector256.Sum(c11);
        c[2 * n] += Vector256.Sum(c20);
        c[2 * n + 1] += Vector256.Sum(c21);
        c[3 * n] += Vector256.Sum(c30);
        c[3 * n + 1] += Vector256.Sum(c31);
    }

    private static void DotEdge(ReadOnlySpan<Vector256<float>> a, ReadOnlySpan<Vector256<float>> b, Span<float> c,
        int row, int rowEnd, int column, int columnEnd, int n, int step)
    {
        for (int i = row; i < rowEnd; i++)
        {
            for (int j = column; j < columnEnd; j++)
            {
                Vector256<float> sum = default;
                for (int k = 0; k < step; k++)
                    sum = Vector256.FusedMultiplyAdd(a[i * step + k], b[j * step + k], sum);
                c[i * n + j] += Vector256.Sum(sum);
            }
        }
    }
}
