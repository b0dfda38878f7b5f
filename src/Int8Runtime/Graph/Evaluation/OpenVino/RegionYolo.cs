// RegionYolo: what Darknet computes from the last convolution of YOLO 2 and 3.
using Int8Runtime.Graph.Shapes;

namespace Int8Runtime.Graph.Evaluation.OpenVino;

/// <summary>
/// For each region of [coordinates, objectness, classes]: a sigmoid of the first two coordinates and of the objectness; of the classes
/// a sigmoid, or a softmax where <c>do_softmax</c> is set.
/// </summary>
internal static class RegionYolo
{
    public static TensorData Evaluate(NodeOperands operands)
    {
        TensorData source = HostEvaluator.Content(operands, 0);
        Shape target = new RegionYoloShape().Infer(operands)[0].Shape;
        (int regions, int coordinates, int classes) = RegionYoloShape.Parts(operands);
        bool softmax = operands.Attributes.GetBoolean("do_softmax", true);
        float[] values = source.ToSingleArray();
        int entries = coordinates + 1 + classes, cells = source.Shape[2] * source.Shape[3];
        for (int n = 0; n < source.Shape[0]; n++)
        {
            for (int region = 0; region < regions; region++)
            {
                Span<float> block = values.AsSpan(((n * source.Shape[1]) + (region * entries)) * cells, entries * cells);
                Logistic(block[..(Math.Min(2, coordinates) * cells)]);
                Logistic(block.Slice(coordinates * cells, cells));
                Span<float> scores = block[((coordinates + 1) * cells)..];
                if (softmax)
                    Softmax(scores, classes, cells);
                else
                    Logistic(scores);
            }
        }

        return TensorData.Create<float>(values, target).ConvertTo(source.ElementType);
    }

    private static void Logistic(Span<float> values)
    {
        foreach (ref float value in values)
            value = (float)(1 / (1 + Math.Exp(-value)));
    }

    private static void Softmax(Span<float> scores, int classes, int cells)
    {
        for (int cell = 0; cell < cells; cell++)
        {
            double most = double.NegativeInfinity, sum = 0;
            for (int c = 0; c < classes; c++)
                most = Math.Max(most, scores[(c * cells) + cell]);
            for (int c = 0; c < classes; c++)
                sum += Math.Exp(scores[(c * cells) + cell] - most);
            for (int c = 0; c < classes; c++)
                scores[(c * cells) + cell] = (float)(Math.Exp(scores[(c * cells) + cell] - most) / sum);
        }
    }
}

/// <summary>The source's shape, with the dimensions from axis to end_axis joined where there is a softmax.</summary>
internal sealed class RegionYoloShape : IOperatorShape
{
    public TensorType[] Infer(NodeOperands operands)
    {
        Shape source = operands[0].Shape;
        if (source.Rank != 4)
            throw operands.Defect($"the source {source} must have 4 dimensions");
        (int regions, int coordinates, int classes) = Parts(operands);
        if (source[1] != (long)regions * (coordinates + 1 + classes))
            throw operands.Defect($"{source[1]} channels are not {regions} regions of {coordinates} + 1 + {classes}");
        if (!operands.Attributes.GetBoolean("do_softmax", true))
            return [operands[0]];
        int first = operands.AxisAttribute(1, 4), last = operands.AxisAttribute(3, 4, "end_axis");
        if (last < first)
            throw operands.Defect($"end_axis {last} lies before axis {first}");
        int joined = TensorData.CountElements(source[first..(last + 1)]);
        return [operands[0] with { Shape = [.. source[..first], joined, .. source[(last + 1)..]] }];
    }

    /// <summary>Number of regions, coordinates and classes.</summary>
    public static (int Regions, int Coordinates, int Classes) Parts(NodeOperands operands)
    {
        GraphAttributes attributes = operands.Attributes;
        int regions = attributes.GetBoolean("do_softmax", true) ? attributes.GetInt32("num") : attributes.GetIntegers("mask")?.Length ?? 0;
        (int coordinates, int classes) = (attributes.GetInt32("coords"), attributes.GetInt32("classes"));
        return regions > 0 && coordinates >= 0 && classes >= 0
            ? (regions, coordinates, classes) : throw operands.Defect("it has no regions");
    }
}
