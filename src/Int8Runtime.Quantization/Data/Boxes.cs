// Boxes of object detection, in pixels of the model's input.
namespace Int8Runtime.Quantization;

/// <summary>A rectangle with continuous coordinates; x grows to the right, y downwards.</summary>
/// <param name="Left">The left edge.</param>
/// <param name="Top">The top edge.</param>
/// <param name="Right">The right edge.</param>
/// <param name="Bottom">The bottom edge.</param>
public readonly record struct Box(float Left, float Top, float Right, float Bottom)
{
    /// <summary>The area; 0 for a rectangle without extent.</summary>
    public float Area => Math.Max(0, Right - Left) * Math.Max(0, Bottom - Top);

    /// <summary>Intersection over union, 0 to 1; 0 where both have no area.</summary>
    public float Overlap(Box other)
    {
        var common = new Box(
            Math.Max(Left, other.Left), Math.Max(Top, other.Top), Math.Min(Right, other.Right), Math.Min(Bottom, other.Bottom));
        float union = Area + other.Area - common.Area;
        return union > 0 ? common.Area / union : 0;
    }

    /// <summary>The rectangle after an image was resized and cropped or framed.</summary>
    public Box Place(ImagePlacement placement) => new(
        (float)((Left * placement.ScaleX) + placement.OffsetX), (float)((Top * placement.ScaleY) + placement.OffsetY),
        (float)((Right * placement.ScaleX) + placement.OffsetX), (float)((Bottom * placement.ScaleY) + placement.OffsetY));
}

/// <summary>An object of an annotated image.</summary>
/// <param name="Box">Where it is.</param>
/// <param name="Class">Its class.</param>
/// <param name="IsDifficult">An object that may be missed or found without consequence (Pascal VOC's flag).</param>
public readonly record struct LabelledBox(Box Box, int Class, bool IsDifficult = false);

/// <summary>An object that a model has found.</summary>
/// <param name="Box">Where it is.</param>
/// <param name="Class">Its class.</param>
/// <param name="Score">How sure the model is; larger is surer.</param>
public readonly record struct DetectedBox(Box Box, int Class, float Score);
