// The reductions, and global pooling, which reduces all spatial dimensions.
namespace Int8Runtime.Graph;

/// <summary>The axes that a reduction removes.</summary>
/// <param name="Axes">The axes in ascending order; empty when the node passes its source on.</param>
/// <param name="KeepDimensions">Whether they stay with an extent of 1.</param>
public sealed record ReduceView(Shape Axes, bool KeepDimensions)
{
    /// <summary>Reads a reduction; without axes it reduces everything, unless <c>noop_with_empty_axes</c> is
    /// set.</summary>
    public static ReduceView Of(NodeOperands operands)
    {
        int rank = operands[0].Rank;
        bool keep = operands.Attributes.GetBoolean("keepdims", true);
        long[] axes = operands.Integers(1, "axes") ?? [];
        if (axes.Length > 0)
        {
            int[] given = operands.Axes(axes, rank);
            Array.Sort(given);
            return new ReduceView(given, keep);
        }
        bool passOn = operands.Attributes.GetBoolean("noop_with_empty_axes");
        return new ReduceView(passOn ? [] : Enumerable.Range(0, rank).ToArray(), keep);
    }

    /// <summary>The reduction that a GlobalAveragePool, GlobalLpPool or GlobalMaxPool node is.</summary>
    public static ReduceView OfGlobalPooling(NodeOperands operands) => operands[0].Rank >= 2
        ? new ReduceView(Enumerable.Range(2, operands[0].Rank - 2).ToArray(), true)
        : throw operands.Defect("the source must have at least 2 dimensions");

    /// <summary>The shape of the result.</summary>
    public Shape Apply(Shape source)
    {
        var axes = new HashSet<int>(Axes);
        return KeepDimensions
            ? Enumerable.Range(0, source.Rank).Select(i => axes.Contains(i) ? 1 : source[i]).ToArray()
            : Enumerable.Range(0, source.Rank).Where(i => !axes.Contains(i)).Select(i => source[i]).ToArray();
    }
}
