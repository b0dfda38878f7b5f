// Weights of few bits with a scale and zero point for each group of consecutive inputs.
namespace Int8Runtime.Quantization;

/// <summary>
/// The columns of a [K, N] matrix, each divided into groups of <see cref="GroupSize"/> inputs: <c>w ≈ scale · (q − zeroPoint)</c> with
/// unsigned q. Few bits need both the small groups and the zero point.
/// </summary>
public sealed class GroupedWeights
{
    private GroupedWeights(int inputs, int outputs, int bits, int groupSize)
    {
        Inputs = inputs;
        Outputs = outputs;
        Bits = bits;
        GroupSize = groupSize;
        Groups = (int)(((long)inputs + groupSize - 1) / groupSize);
        Values = new byte[outputs * Groups * groupSize];
        Scales = new float[outputs * Groups];
        ZeroPoints = new byte[outputs * Groups];
    }

    /// <summary>K.</summary>
    public int Inputs { get; }

    /// <summary>N.</summary>
    public int Outputs { get; }

    /// <summary>Bits of an integer, 2 to 8.</summary>
    public int Bits { get; }

    /// <summary>Inputs that share a scale.</summary>
    public int GroupSize { get; }

    /// <summary>Groups of one output.</summary>
    public int Groups { get; }

    /// <summary>The integers, [N, Groups, GroupSize]; those beyond K are zero points.</summary>
    public byte[] Values { get; }

    /// <summary>[N, Groups].</summary>
    public float[] Scales { get; }

    /// <summary>[N, Groups].</summary>
    public byte[] ZeroPoints { get; }

    /// <summary>Quantizes a matrix.</summary>
    /// <param name="weights">Row-major [K, N].</param>
    /// <param name="inputs">K.</param>
    /// <param name="outputs">N.</param>
    /// <param name="bits">2 to 8.</param>
    /// <param name="groupSize">At least 1.</param>
    /// <param name="symmetric">Whether every zero point is the middle of the integers.</param>
    /// <exception cref="ArgumentException">There are not K · N weights.</exception>
    /// <exception cref="QuantizationException">A weight is not finite, the group size is not positive, or groups take too much room.</exception>
    public static GroupedWeights Quantize(ReadOnlySpan<float> weights, int inputs, int outputs, int bits, int groupSize, bool symmetric)
    {
        if (weights.Length != (long)inputs * outputs)
            throw new ArgumentException($"{weights.Length} weights given for a matrix of {inputs}x{outputs}.", nameof(weights));
        if (groupSize < 1)
            throw new QuantizationException($"the group size is {groupSize}; use at least 1");
        long bytes = ((long)inputs + groupSize - 1) / groupSize * groupSize * outputs;
        if (bytes > Array.MaxLength)
            throw new QuantizationException(
                $"{outputs} columns in groups of {groupSize} take {bytes} bytes for {inputs} inputs each; use a smaller group size");
        var result = new GroupedWeights(inputs, outputs, bits, groupSize);
        var format = new IntegerFormat(bits, isSigned: false);
        for (int n = 0; n < outputs; n++)
        {
            for (int g = 0; g < result.Groups; g++)
            {
                int from = g * groupSize, to = Math.Min(inputs, from + groupSize), group = (n * result.Groups) + g;
                ValueRange range = ValueRange.Empty;
                for (int k = from; k < to; k++)
                {
                    float weight = weights[(k * outputs) + n];
                    if (!float.IsFinite(weight))
                        throw new QuantizationException(
                            $"the weights hold {weight} in column {n}; a model with such weights cannot be quantized");
                    range = range.Union(new ValueRange(weight, weight));
                }

                if (symmetric)
                {
                    int middle = (format.Maximum + 1) / 2;
                    float magnitude = Math.Max(Math.Abs(range.Minimum), Math.Abs(range.Maximum));
                    result.Scales[group] = magnitude < 1e-30f ? 1 : magnitude / (middle - 1);
                    result.ZeroPoints[group] = (byte)middle;
                }
                else
                {
                    QuantizationParameters p = QuantizationParameters.Asymmetric(range, bits);
                    result.Scales[group] = p.Scale;
                    result.ZeroPoints[group] = (byte)p.ZeroPoint;
                }

                for (int k = from; k < from + groupSize; k++)
                {
                    float weight = k < to ? weights[(k * outputs) + n] : 0;
                    result.Values[(group * groupSize) + k - from] =
                        (byte)format.Quantize(weight, result.Scales[group], result.ZeroPoints[group]);
                }
            }
        }

        return result;
    }

    /// <summary>The matrix that the integers stand for, row-major [K, N].</summary>
    public float[] Dequantize()
    {
        var weights = new float[Inputs * Outputs];
        for (int n = 0; n < Outputs; n++)
        {
            for (int k = 0; k < Inputs; k++)
            {
                int group = (n * Groups) + (k / GroupSize);
                weights[(k * Outputs) + n] = Scales[group] * (Values[(group * GroupSize) + (k % GroupSize)] - ZeroPoints[group]);
            }
        }

        return weights;
    }

    /// <summary>The integer of one weight.</summary>
    /// <param name="input">0 to K − 1.</param>
    /// <param name="output">0 to N − 1.</param>
    public byte ValueOf(int input, int output) => Values[(((output * Groups) + (input / GroupSize)) * GroupSize) + (input % GroupSize)];
}
