// How wide the sum of integer products gets.
using System.Numerics;

namespace Int8Runtime.Quantization;

/// <summary>Widths of integer sums.</summary>
public static class Accumulator
{
    /// <summary>
    /// Bits of a signed accumulator that no sum of products overflows: an unsigned factor below 2^<paramref name="sourceBits"/>, a
    /// restricted signed one below 2^(<paramref name="weightBits"/> − 1), and one bit for the sign.
    /// </summary>
    /// <param name="sourceBits">Bits of the activations.</param>
    /// <param name="weightBits">Bits of the weights.</param>
    /// <param name="products">Products in one sum: channels · kernel area.</param>
    public static int Bits(int sourceBits, int weightBits, int products)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(products, 1);
        BigInteger largest = (BigInteger.One << sourceBits) - 1;
        largest *= (BigInteger.One << (weightBits - 1)) - 1;
        return (int)(largest * products).GetBitLength() + 1;
    }
}
