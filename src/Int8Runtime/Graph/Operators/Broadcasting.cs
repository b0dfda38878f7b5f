// Numpy's rule for operands of different shapes.
namespace Int8Runtime.Graph;

/// <summary>Broadcasting: shapes are aligned at the last dimension, and an extent of 1 is repeated.</summary>
public static class Broadcasting
{
    /// <summary>The common shape of two operands.</summary>
    /// <exception cref="ModelFormatException">They do not fit.</exception>
    public static Shape Combine(NodeOperands operands, Shape left, Shape right)
    {
        int[] result = new int[Math.Max(left.Rank, right.Rank)];
        for (int i = 1; i <= result.Length; i++)
        {
            int a = i <= left.Rank ? left[^i] : 1, b = i <= right.Rank ? right[^i] : 1;
            result[^i] = a == b || b == 1 ? a : a == 1 ? b : throw operands.Defect($"the shapes {left} and {right} cannot be broadcast");
        }
        return result;
    }

    /// <summary>The common shape of all operands from <paramref name="first"/> on.</summary>
    public static Shape CombineAll(NodeOperands operands, int first = 0)
    {
        Shape result = operands[first].Shape;
        for (int i = first + 1; i < operands.Count; i++)
            result = Combine(operands, result, operands[i].Shape);
        return result;
    }

    /// <summary>The step in elements of each dimension of <paramref name="target"/> within a dense tensor of shape
    /// <paramref name="source"/>; 0 where the source is repeated.</summary>
    public static int[] Strides(Shape source, Shape target)
    {
        int[] strides = new int[target.Rank];
        int step = 1;
        for (int i = 1; i <= source.Rank; i++)
        {
            strides[^i] = source[^i] == 1 ? 0 : step;
            step *= source[^i];
        }
        return strides;
    }
}
