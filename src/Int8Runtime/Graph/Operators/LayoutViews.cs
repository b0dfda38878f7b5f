// Operators that move or regroup elements: Reshape, Flatten, Squeeze, Unsqueeze, Transpose, Slice, Split, Pad, Concat.
namespace Int8Runtime.Graph;

/// <summary>Reshape, Flatten, Squeeze and Unsqueeze: the elements stay where they are.</summary>
public static class ReshapeView
{
    /// <summary>The target shape of a Reshape node: 0 copies an extent (unless allowzero), −1 takes the rest.</summary>
    public static Shape Reshape(NodeOperands operands)
    {
        Shape source = operands[0].Shape;
        long[] target = operands.KnownValue(1, "target shape").ToInt64Array();
        bool allowZero = operands.Attributes.GetBoolean("allowzero");
        int[] result = new int[target.Length];
        int free = -1;
        long product = 1;
        for (int i = 0; i < target.Length; i++)
        {
            long extent = target[i];
            if (extent == 0 && !allowZero)
                extent = i < source.Rank
                    ? source[i]
                    : throw operands.Defect($"the target shape copies dimension {i}, which the source {source} lacks");
            if (extent == -1)
            {
                free = free < 0 ? i : throw operands.Defect("the target shape has two free dimensions");
                continue;
            }
            result[i] = operands.Extent(extent);
            product = Math.Min(product * result[i], int.MaxValue);
        }
        int count = TensorData.CountElements(source);
        if (free >= 0)
        {
            if (product == 0 || count % product != 0)
                throw operands.Defect($"{source} cannot be reshaped to {string.Join('x', target)}");
            result[free] = (int)(count / product);
            product *= result[free];
        }
        return product == count
            ? result
            : throw operands.Defect($"{source} cannot be reshaped to {string.Join('x', target)}");
    }

    /// <summary>The target shape of a Flatten node: the dimensions before, and from, the axis.</summary>
    public static Shape Flatten(NodeOperands operands)
    {
        Shape source = operands[0].Shape;
        long axis = operands.Attributes.GetInteger("axis", 1);
        int split = axis == source.Rank ? source.Rank : operands.Axis(axis, source.Rank);
        return new[] { TensorData.CountElements(source[..split]), TensorData.CountElements(source[split..]) };
    }

    /// <summary>The target shape of a Squeeze node: without the given axes, or without all extents of 1.</summary>
    public static Shape Squeeze(NodeOperands operands)
    {
        Shape source = operands[0].Shape;
        int[] axes = operands.Integers(1, "axes") is { } given
            ? operands.Axes(given, source.Rank)
            : [.. Enumerable.Range(0, source.Rank).Where(i => source[i] == 1)];
        foreach (int axis in axes)
        {
            if (source[axis] != 1)
                throw operands.Defect($"dimension {axis} of {source} is not 1 and cannot be squeezed");
        }
        return Enumerable.Range(0, source.Rank).Except(axes).Select(i => source[i]).ToArray();
    }

    /// <summary>The target shape of an Unsqueeze node: with an extent of 1 at the given axes of the result.</summary>
    public static Shape Unsqueeze(NodeOperands operands)
    {
        Shape source = operands[0].Shape;
        long[] given = operands.RequiredIntegers(1, "axes");
        int rank = source.Rank + given.Length;
        int[] axes = operands.Axes(given, rank);
        int[] result = new int[rank];
        int next = 0;
        for (int i = 0; i < rank; i++)
            result[i] = axes.Contains(i) ? 1 : source[next++];
        return result;
    }
}

/// <summary>Transpose: dimension <c>i</c> of the result is dimension <c>Order[i]</c> of the source.</summary>
/// <param name="Order">The permutation.</param>
public sealed record TransposeView(Shape Order)
{
    /// <summary>Reads a Transpose node; without <c>perm</c> the dimensions are reversed.</summary>
    public static TransposeView Of(NodeOperands operands)
    {
        int rank = operands[0].Rank;
        long[] order = operands.Attributes.GetIntegers("perm") ?? [.. Enumerable.Range(0, rank).Reverse().Select(i => (long)i)];
        return order.Length == rank
            ? new TransposeView(operands.Axes(order, rank))
            : throw operands.Defect($"perm has {order.Length} entries for {rank} dimensions");
    }

    /// <summary>The shape of the result.</summary>
    public Shape Apply(Shape source) => Order.Select(axis => source[axis]).ToArray();
}

/// <summary>Slice: <c>Counts[i]</c> elements of dimension <c>i</c>, from <c>Starts[i]</c> in steps of
/// <c>Steps[i]</c>.</summary>
/// <param name="Starts">First index per dimension.</param>
/// <param name="Steps">Step per dimension, possibly negative.</param>
/// <param name="Counts">Extent of the result per dimension.</param>
public sealed record SliceView(Shape Starts, Shape Steps, Shape Counts)
{
    /// <summary>Reads a Slice node; indices are clamped as the operator defines.</summary>
    public static SliceView Of(NodeOperands operands)
    {
        Shape source = operands[0].Shape;
        long[] starts = operands.RequiredIntegers(1, "starts");
        long[] ends = operands.RequiredIntegers(2, "ends");
        int[] axes = operands.Axes(operands.Integers(3, "axes") ?? [.. Enumerable.Range(0, starts.Length).Select(i => (long)i)],
            source.Rank);
        long[] steps = operands.Integers(4, "steps") ?? [.. Enumerable.Repeat(1L, starts.Length)];
        if (ends.Length != starts.Length || axes.Length != starts.Length || steps.Length != starts.Length)
            throw operands.Defect("starts, ends, axes and steps have different lengths");

        int[] first = new int[source.Rank], counts = source.ToArray(), every = Shape.Filled(source.Rank, 1).ToArray();
        for (int i = 0; i < axes.Length; i++)
        {
            int extent = source[axes[i]];
            if (steps[i] == 0)
                throw operands.Defect("a step is 0");
            long step = Math.Clamp(steps[i], -int.MaxValue, int.MaxValue);
            long lowest = step > 0 ? 0 : -1, highest = step > 0 ? extent : extent - 1;
            long start = Math.Clamp(FromEnd(starts[i], extent), step > 0 ? 0 : Math.Min(0, highest), highest);
            long end = Math.Clamp(FromEnd(ends[i], extent), lowest, highest);
            long distance = step > 0 ? end - start : start - end;
            first[axes[i]] = (int)Math.Max(start, 0);
            every[axes[i]] = (int)step;
            counts[axes[i]] = (int)Math.Max((distance + Math.Abs(step) - 1) / Math.Abs(step), 0);
        }
        return new SliceView(first, every, counts);
    }

    private static long FromEnd(long index, int extent) => index < 0
        ? Math.Max(index, -long.MaxValue / 2) + extent
        : index;
}

/// <summary>Split: consecutive parts along one axis.</summary>
/// <param name="Axis">The axis.</param>
/// <param name="Sizes">Extent of each part.</param>
public sealed record SplitView(int Axis, Shape Sizes)
{
    /// <summary>Reads a Split node; without sizes the parts are equal, the last one possibly smaller.</summary>
    public static SplitView Of(NodeOperands operands)
    {
        Shape source = operands[0].Shape;
        int axis = operands.AxisAttribute(0, source.Rank);
        int parts = operands.Node.Outputs.Count, extent = source[axis];
        int[] sizes;
        if (operands.Integers(1, "sizes") is { } given)
        {
            sizes = Array.ConvertAll(given, operands.Extent);
        }
        else
        {
            int size = (extent + parts - 1) / parts;
            sizes = [.. Enumerable.Range(0, parts).Select(i => Math.Clamp(extent - (long)i * size, 0, size)).Select(operands.Extent)];
        }
        return sizes.Length == parts && sizes.Sum(s => (long)s) == extent
            ? new SplitView(axis, sizes)
            : throw operands.Defect(
                $"sizes {string.Join(", ", sizes)} do not divide the extent {extent} into {parts} parts");
    }
}

/// <summary>Pad: elements added (or, where negative, removed) before and behind each dimension.</summary>
/// <param name="Begin">Elements before.</param>
/// <param name="End">Elements behind.</param>
/// <param name="Mode">constant, reflect, edge or wrap.</param>
/// <param name="Value">The constant; 0 where none is given.</param>
public sealed record PadView(Shape Begin, Shape End, string Mode, double Value)
{
    /// <summary>Reads a Pad node.</summary>
    public static PadView Of(NodeOperands operands)
    {
        Shape source = operands[0].Shape;
        long[] pads = operands.RequiredIntegers(1, "pads");
        int[] axes = operands.Axes(operands.Integers(3, "axes") ?? [.. Enumerable.Range(0, source.Rank).Select(i => (long)i)], source.Rank);
        if (pads.Length != 2 * axes.Length)
            throw operands.Defect($"{pads.Length} pads are given for {axes.Length} dimensions");
        int[] begin = new int[source.Rank], end = new int[source.Rank];
        for (int i = 0; i < axes.Length; i++)
        {
            begin[axes[i]] = Checked(pads[i]);
            end[axes[i]] = Checked(pads[axes.Length + i]);
        }
        string mode = operands.Attributes.GetString("mode", "constant");
        if (mode is not ("constant" or "reflect" or "edge" or "wrap"))
            throw operands.Defect($"the mode '{mode}' is unknown");
        return new PadView(begin, end, mode, operands.Scalar(2, "padding value") ?? 0);

        int Checked(long pad) => pad is > -int.MaxValue and < int.MaxValue
            ? (int)pad
            : throw operands.Defect($"the padding {pad} is out of range");
    }

    /// <summary>The shape of the result.</summary>
    public Shape Apply(NodeOperands operands)
    {
        Shape source = operands[0].Shape;
        return Enumerable.Range(0, source.Rank).Select(i => operands.Extent((long)source[i] + Begin[i] + End[i])).ToArray();
    }
}
