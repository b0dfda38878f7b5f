// Seeded data for both sides of a comparison.
namespace Int8Runtime.Benchmarks;

/// <summary>Fills tensors.</summary>
internal static class TestData
{
    /// <summary>Bytes over the whole range of their type; numbers from −1 to 1; zeros for every other type.</summary>
    /// <param name="memory">The tensor.</param>
    /// <param name="random">Where the values come from.</param>
    /// <param name="largest">The largest magnitude of s8.</param>
    public static void Fill(TensorMemory memory, Random random, int largest = 127)
    {
        switch (memory.Descriptor.DataType)
        {
            case DataType.UInt8:
                random.NextBytes(memory.AsSpan<byte>());
                break;
            case DataType.Int8:
                foreach (ref sbyte value in memory.AsSpan<sbyte>())
                    value = (sbyte)random.Next(-largest, largest + 1);
                break;
            case DataType.Float32:
                foreach (ref float value in memory.AsSpan<float>())
                    value = (random.NextSingle() * 2) - 1;
                break;
            case DataType.Float16:
                foreach (ref Half value in memory.AsSpan<Half>())
                    value = (Half)((random.NextSingle() * 2) - 1);
                break;
        }
    }

    /// <summary>
    /// The largest difference of two results: for 8-bit types in steps, otherwise relative to the largest value; infinite where
    /// they are of different size or type.
    /// </summary>
    public static double Difference(TensorMemory left, TensorMemory right)
    {
        if (left.Descriptor.DataType != right.Descriptor.DataType || left.Descriptor.SizeInBytes != right.Descriptor.SizeInBytes)
            return double.PositiveInfinity;
        return left.Descriptor.DataType switch
        {
            DataType.UInt8 => Largest(left.AsSpan<byte>(), right.AsSpan<byte>()).Difference,
            DataType.Int8 => Largest(left.AsSpan<sbyte>(), right.AsSpan<sbyte>()).Difference,
            DataType.Float32 => RelativeDifference(left.AsSpan<float>(), right.AsSpan<float>()),
            _ => throw new NotSupportedException($"Results of type {left.Descriptor.DataType} are not compared."),
        };
    }

    /// <summary>The largest difference relative to the largest value.</summary>
    public static double RelativeDifference(ReadOnlySpan<float> left, ReadOnlySpan<float> right)
    {
        (double difference, double magnitude) = Largest(left, right);
        return difference == 0 ? 0 : difference / magnitude;
    }

    /// <summary>The largest difference, and the largest absolute value of the right side.</summary>
    public static (double Difference, double Magnitude) Largest<T>(ReadOnlySpan<T> left, ReadOnlySpan<T> right)
        where T : System.Numerics.INumber<T>
    {
        double difference = 0, magnitude = 0;
        for (int i = 0; i < left.Length; i++)
        {
            double a = double.CreateChecked(left[i]), b = double.CreateChecked(right[i]);
            difference = Math.Max(difference, Math.Abs(a - b)); // NaN stays, and fails every bound
            magnitude = Math.Max(magnitude, Math.Abs(b));
        }

        return (difference, magnitude);
    }
}
