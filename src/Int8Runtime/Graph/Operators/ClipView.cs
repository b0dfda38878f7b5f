// Clip.
namespace Int8Runtime.Graph;

/// <summary>The bounds of a Clip node; infinite where none is given.</summary>
/// <param name="Min">The lower bound.</param>
/// <param name="Max">The upper bound; it wins where the bounds cross.</param>
public sealed record ClipView(double Min, double Max)
{
    /// <summary>Reads a Clip node.</summary>
    public static ClipView Of(NodeOperands operands) => new(
        operands.Scalar(1, "lower bound") ?? double.NegativeInfinity, operands.Scalar(2, "upper bound") ?? double.PositiveInfinity);
}
