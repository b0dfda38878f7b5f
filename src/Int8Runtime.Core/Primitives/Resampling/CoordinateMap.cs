// Where an index of a resampled dimension lies in the source.
namespace Int8Runtime;

/// <summary>
/// The source coordinate of a destination index: <c>(index + Shift)·Numerator / Denominator + Offset</c>, in f64. All
/// coordinate conventions in use are of this form.
/// </summary>
/// <param name="Shift">Added to the index: ½ where coordinates are those of element centres.</param>
/// <param name="Numerator">Factor, for example the source's extent.</param>
/// <param name="Denominator">Divisor, for example the destination's extent.</param>
/// <param name="Offset">Added to the quotient.</param>
public readonly record struct CoordinateMap(double Shift, double Numerator, double Denominator, double Offset)
{
    /// <summary>Element centres at half-integers on both sides: what oneDNN computes and ONNX calls half_pixel.</summary>
    public static CoordinateMap HalfPixel(int source, int destination) => new(0.5, source, destination, -0.5);

    /// <summary>The coordinate of <paramref name="index"/>.</summary>
    public double At(int index) => ((index + Shift) * Numerator / Denominator) + Offset;
}

/// <summary>The one or two source elements that a destination index takes its value from, with their weights.</summary>
/// <param name="First">Index of the lower element.</param>
/// <param name="Second">Index of the upper element; the same where the value is that of one element.</param>
/// <param name="FirstWeight">Weight of the lower element.</param>
/// <param name="SecondWeight">Weight of the upper element; both are ½ where the elements are the same.</param>
internal readonly record struct ResamplingTaps(int First, int Second, float FirstWeight, float SecondWeight);
