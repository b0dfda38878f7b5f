// GridSample.
namespace Int8Runtime.Graph;

/// <summary>How values between elements are formed.</summary>
internal enum GridInterpolation
{
    /// <summary>The nearest element.</summary>
    Nearest,

    /// <summary>Of the two elements around, in each dimension.</summary>
    Linear,

    /// <summary>Of the four elements around, in each dimension, by Keys' kernel with a = −0.75.</summary>
    Cubic,
}

/// <summary>What lies outside of the source.</summary>
internal enum GridPadding
{
    /// <summary>Zeros.</summary>
    Zeros,

    /// <summary>The element at the border.</summary>
    Border,

    /// <summary>The source, mirrored at its borders as often as necessary.</summary>
    Reflection,
}

/// <summary>The parameters of a GridSample node. The grid [N, …, D] holds a point for each pixel of the result, its last coordinate, which
/// belongs to the first of D dimensions, at the end; from −1 to 1 they span the source.</summary>
/// <param name="Source">The shape of the source, [N, C, …].</param>
/// <param name="Output">The shape of the result, [N, C, …].</param>
/// <param name="Interpolation">How values between elements are formed.</param>
/// <param name="Padding">What lies outside of the source.</param>
/// <param name="AlignsCorners">Whether −1 and 1 are the centres of the first and the last element, or their outer borders.</param>
internal sealed record GridSampleView(
    Shape Source, Shape Output, GridInterpolation Interpolation, GridPadding Padding, bool AlignsCorners)
{
    /// <summary>The largest number of dimensions that are sampled.</summary>
    public const int MostDimensions = 3;

    /// <summary>Number of dimensions that are sampled.</summary>
    public int Dimensions => Source.Rank - 2;

    /// <summary>Reads a GridSample node.</summary>
    public static GridSampleView Of(NodeOperands operands)
    {
        Shape source = operands[0].Shape, grid = operands[1].Shape;
        int dimensions = source.Rank - 2;
        if (dimensions < 1 || grid.Rank != source.Rank || grid[^1] != dimensions || grid[0] != source[0])
            throw operands.Defect($"source {source} and grid {grid} do not fit");
        if (dimensions > MostDimensions)
            throw new UnsupportedModelException($"{operands.Node} samples {dimensions} dimensions; up to {MostDimensions} are supported.");
        int[] output = [source[0], source[1], .. grid[1..^1]];
        if (source[2..].ElementCount == 0 && TensorData.CountElements(output) > 0)
            throw operands.Defect($"the source {source} has no elements to sample");
        return new GridSampleView(source, output, operands.Attributes.GetString("mode", "linear") switch
        {
            "nearest" => GridInterpolation.Nearest,
            "linear" or "bilinear" => GridInterpolation.Linear,
            "cubic" or "bicubic" => GridInterpolation.Cubic,
            var mode => throw operands.Defect($"the mode '{mode}' is unknown"),
        }, operands.Attributes.GetString("padding_mode", "zeros") switch
        {
            "zeros" => GridPadding.Zeros,
            "border" => GridPadding.Border,
            "reflection" => GridPadding.Reflection,
            var mode => throw operands.Defect($"the padding '{mode}' is unknown"),
        }, operands.Attributes.GetBoolean("align_corners"));
    }
}
