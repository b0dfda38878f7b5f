// Rounds weights so that no two that meet saturate a sum of 16 bits.
using System.Runtime.InteropServices;
using Int8Runtime.Graph;

namespace Int8Runtime.Quantization;

/// <summary>
/// Two weights of one sign that meet (<see cref="WeightPairs"/>) may not be beyond 128 together. The scale of a channel is the
/// smallest with which all of its pairs fit: most channels have no pair of two large weights, and keep nearly all of their 8
/// bits.
/// </summary>
internal sealed class PairedRounding
{
    private readonly ReadOnlyMemory<byte> _weights;
    private readonly (int First, int Second)[] _pairs;
    private readonly int[] _columns;

    /// <summary>Prepares the pairs.</summary>
    /// <param name="weights">f32 weights.</param>
    /// <param name="pairs">Which of them meet; a column is a channel.</param>
    public PairedRounding(TensorData weights, WeightPairs pairs) =>
        (_weights, _pairs, _columns) = (weights.Bytes, pairs.Pairs(), pairs.Columns());

    /// <summary>The smallest scale with which the pairs of a channel fit.</summary>
    public float ScaleOf(int channel)
    {
        ReadOnlySpan<float> weights = MemoryMarshal.Cast<byte, float>(_weights.Span);
        int column = _columns[channel];
        float sum = 0;
        foreach ((int first, int second) in _pairs)
            sum = Math.Max(sum, Math.Abs(weights[column + first] + weights[column + second]));
        return sum / WeightPairs.LargestSum;
    }

    /// <summary>Takes 1 from the larger integer of a pair whose sum was rounded up beyond the bound.</summary>
    public void Bound(Span<sbyte> integers)
    {
        foreach (int column in _columns)
        {
            foreach ((int first, int second) in _pairs)
            {
                ref sbyte a = ref integers[column + first], b = ref integers[column + second];
                for (; Math.Abs(a + b) > WeightPairs.LargestSum;)
                {
                    ref sbyte larger = ref (Math.Abs((int)a) >= Math.Abs((int)b) ? ref a : ref b);
                    larger -= (sbyte)Math.Sign(larger);
                }
            }
        }
    }
}
