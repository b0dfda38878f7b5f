// Rectangles of detectors.
namespace Int8Runtime.Graph.Evaluation;

/// <summary>A box by its corners, in any unit.</summary>
internal readonly record struct Box(float Left, float Top, float Right, float Bottom)
{
    /// <summary>Extent from left to right.</summary>
    public float Width => Right - Left;

    /// <summary>Extent from top to bottom.</summary>
    public float Height => Bottom - Top;

    /// <summary>Area of the intersection as part of the area of the union.</summary>
    public float Overlap(Box other)
    {
        float width = Math.Min(Right, other.Right) - Math.Max(Left, other.Left);
        float height = Math.Min(Bottom, other.Bottom) - Math.Max(Top, other.Top);
        if (width <= 0 || height <= 0)
            return 0;
        float common = width * height, all = (Width * Height) + (other.Width * other.Height) - common;
        return all > 0 ? common / all : 0;
    }
}
