// Average precision from detections that are already judged right or wrong, in the three ways that data sets define.
namespace Int8Runtime.Quantization;

/// <summary>How a precision-recall curve becomes one number.</summary>
public enum PrecisionInterpolation
{
    /// <summary>The area under the curve, made monotonic from the right (Pascal VOC since 2010).</summary>
    Area,

    /// <summary>The mean of the best precision at recalls of at least 0, 0.1, …, 1 (Pascal VOC 2007).</summary>
    ElevenPoints,

    /// <summary>The same with steps of 0.01 (COCO).</summary>
    HundredAndOnePoints,
}

/// <summary>Average precision of one class.</summary>
public static class AveragePrecision
{
    /// <summary>Computes the average precision.</summary>
    /// <param name="isRight">For each detection, surest first, whether it hits an object that no surer one has hit.</param>
    /// <param name="objects">Number of objects that there are to be found; at least 1.</param>
    /// <param name="interpolation">How the curve is summed.</param>
    public static double Compute(IReadOnlyList<bool> isRight, int objects, PrecisionInterpolation interpolation)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(objects, 1);
        int count = isRight.Count, right = 0;
        var precision = new double[count];
        var hits = new int[count];
        for (int i = 0; i < count; i++)
        {
            right += isRight[i] ? 1 : 0;
            hits[i] = right;
            precision[i] = right / (double)(i + 1);
        }

        // The best precision at this recall or a larger one.
        for (int i = count - 2; i >= 0; i--)
            precision[i] = Math.Max(precision[i], precision[i + 1]);

        double sum = 0;
        if (interpolation == PrecisionInterpolation.Area)
        {
            for (int i = 0; i < count; i++)
                sum += isRight[i] ? precision[i] : 0;
            return sum / objects;
        }

        int steps = interpolation == PrecisionInterpolation.ElevenPoints ? 10 : 100;
        int at = 0;
        for (int step = 0; step <= steps; step++)
        {
            // recall >= step / steps, in integers
            while (at < count && (long)hits[at] * steps < (long)step * objects)
                at++;
            if (at == count)
                break;
            sum += precision[at];
        }

        return sum / (steps + 1);
    }
}
