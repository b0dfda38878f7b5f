// The matrix products against their definition, with sizes that leave edges.
using FsCheck;
using FsCheck.Fluent;

namespace Int8Runtime.DemoTrainer.Tests;

public class GemmTests
{
    private static readonly Arbitrary<(int, int, int)> Sizes = (
        from m in Gen.Choose(1, 13)
        from n in Gen.Choose(1, 5)
        from k in Gen.Choose(1, 5)
        select (m, n, k)).ToArbitrary();

    [Fact]
    public void Product_equals_the_sums()
    {
        Prop.ForAll(Sizes, size =>
        {
            (int m, int n, int k) = (size.Item1, 16 * size.Item2, size.Item3);
            float[] a = Integers(m * k), b = Integers(k * n), plain = new float[m * n], transposed = new float[m * n];
            Gemm.Multiply(a, k, 1, b, plain, m, n, k);
            var turned = new float[m * k];
            for (int i = 0; i < m * k; i++)
                turned[i % k * m + i / k] = a[i];
            Gemm.Multiply(turned, 1, m, b, transposed, m, n, k);
            return Enumerable.Range(0, m * n).All(i =>
            {
                float expected = Enumerable.Range(0, k).Sum(j => a[i / n * k + j] * b[j * n + i % n]);
                return plain[i] == expected && transposed[i] == expected;
            });
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Transposed_product_is_added()
    {
        Prop.ForAll(Sizes, size =>
        {
            (int m, int n, int k) = (size.Item1, size.Item2, 8 * size.Item3);
            float[] a = Integers(m * k), b = Integers(n * k), c = Integers(m * n), sum = [.. c];
            Gemm.AddTransposed(a, b, sum, m, n, k);
            return Enumerable.Range(0, m * n).All(i =>
                sum[i] == c[i] + Enumerable.Range(0, k).Sum(j => a[i / n * k + j] * b[i % n * k + j]));
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Sizes_that_do_not_fill_vectors_are_refused()
    {
        Assert.Throws<ArgumentException>(() => Gemm.Multiply(new float[1], 1, 1, new float[8], new float[8], 1, 8, 1));
        Assert.Throws<ArgumentException>(() => Gemm.AddTransposed(new float[4], new float[4], new float[1], 1, 1, 4));
    }

    // Small integers, so that every order of summation gives the same number.
    private static float[] Integers(int count)
    {
        var random = new SplitMix64((ulong)count);
        return [.. Enumerable.Range(0, count).Select(_ => (float)(random.Below(9) - 4))];
    }
}
