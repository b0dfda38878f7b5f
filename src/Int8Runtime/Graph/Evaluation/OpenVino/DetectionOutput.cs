// DetectionOutput: boxes decoded from priors and offsets, suppressed where they overlap, the best ones kept.
using Int8Runtime.Graph.Shapes;

namespace Int8Runtime.Graph.Evaluation.OpenVino;

/// <summary>
/// The last layer of SSD models of Caffe. Operands: offsets [N, priors·locations·4], confidences [N, priors·classes], priors
/// [1 or N, 1 or 2, priors·4 (5 if not normalized)]. The result [1, 1, N·kept, 7] holds image, class, confidence and corners; an image
/// number of −1 ends the list.
/// </summary>
internal static class DetectionOutput
{
    private sealed record Detection(int Class, float Score, Box Box, int Prior);

    public static TensorData Evaluate(NodeOperands operands)
    {
        Shape target = new DetectionOutputShape().Infer(operands)[0].Shape;
        var layout = DetectionLayout.Of(operands);
        float[] offsets = HostEvaluator.Content(operands, 0).ToSingleArray(), scores = HostEvaluator.Content(operands, 1).ToSingleArray();
        float[] priors = HostEvaluator.Content(operands, 2).ToSingleArray();
        var result = new float[TensorData.CountElements(target)];
        int next = 0;
        for (int image = 0; image < layout.Images; image++)
        {
            List<Detection> kept = Detect(operands, layout, image, offsets, scores, priors);
            foreach (Detection detection in kept)
            {
                if (next + 7 > result.Length)
                    break;
                Box box = operands.Attributes.GetBoolean("clip_after_nms") ? Clipped(detection.Box) : detection.Box;
                ReadOnlySpan<float> row = [image, detection.Class, detection.Score, box.Left, box.Top, box.Right, box.Bottom];
                row.CopyTo(result.AsSpan(next));
                next += 7;
            }
        }

        if (next < result.Length)
            result[next] = -1;
        return TensorData.Create<float>(result, target).ConvertTo(operands[0].ElementType);
    }

    private static List<Detection> Detect(NodeOperands operands, DetectionLayout layout, int image, float[] offsets,
        float[] scores, float[] priors)
    {
        GraphAttributes attributes = operands.Attributes;
        float threshold = attributes.GetSingle("confidence_threshold"), overlap = attributes.GetSingle("nms_threshold");
        int topK = attributes.GetInt32("top_k", -1), background = attributes.GetInt32("background_label_id");
        var kept = new List<Detection>();
        for (int c = 0; c < layout.Classes; c++)
        {
            if (c == background)
                continue;
            var candidates = new List<Detection>();
            for (int p = 0; p < layout.Priors; p++)
            {
                float score = scores[(((image * layout.Priors) + p) * layout.Classes) + c];
                if (score > threshold)
                    candidates.Add(new Detection(c, score,
                        Decode(operands, layout, image, p, layout.SharesLocation ? 0 : c, offsets, priors), p));
            }

            // A stable sort: of equal scores the earlier prior comes first.
            IEnumerable<Detection> sorted = candidates.OrderByDescending(d => d.Score);
            var best = new List<Detection>();
            foreach (Detection candidate in topK > 0 ? sorted.Take(topK) : sorted)
            {
                if (best.TrueForAll(b => candidate.Box.Overlap(b.Box) <= overlap))
                    best.Add(candidate);
            }

            kept.AddRange(best);
        }

        int limit = attributes.GetIntegers("keep_top_k") is [var most, ..] ? (int)most : -1;
        return limit > 0 && kept.Count > limit
            ? [.. kept.OrderByDescending(d => d.Score).Take(limit).OrderBy(d => d.Class)]
            : kept;
    }

    private static Box Clipped(Box box) =>
        new(Math.Clamp(box.Left, 0, 1), Math.Clamp(box.Top, 0, 1), Math.Clamp(box.Right, 0, 1), Math.Clamp(box.Bottom, 0, 1));

    private static Box Decode(NodeOperands operands, DetectionLayout layout, int image, int prior, int location, float[] offsets,
        float[] priors)
    {
        GraphAttributes attributes = operands.Attributes;
        int rows = layout.HasVariances ? 2 : 1, start = layout.PriorImages == 1 ? 0 : image * rows * layout.Priors * layout.PriorSize;
        ReadOnlySpan<float> corner = priors.AsSpan(start + (prior * layout.PriorSize) + layout.PriorSize - 4, 4);
        Box box = new(corner[0], corner[1], corner[2], corner[3]);
        if (!layout.IsNormalized)
        {
            (float width, float height) = (attributes.GetInt32("input_width", 1), attributes.GetInt32("input_height", 1));
            box = new Box(box.Left / width, box.Top / height, box.Right / width, box.Bottom / height);
        }

        ReadOnlySpan<float> variance = layout.HasVariances
            ? priors.AsSpan(start + (layout.Priors * layout.PriorSize) + (prior * 4), 4) : [1f, 1f, 1f, 1f];
        ReadOnlySpan<float> offset = offsets.AsSpan(((((image * layout.Priors) + prior) * layout.Locations) + location) * 4, 4);
        Box decoded;
        if (attributes.GetString("code_type", "caffe.PriorBoxParameter.CORNER").EndsWith("CENTER_SIZE", StringComparison.OrdinalIgnoreCase))
        {
            float x = (variance[0] * offset[0] * box.Width) + ((box.Left + box.Right) / 2);
            float y = (variance[1] * offset[1] * box.Height) + ((box.Top + box.Bottom) / 2);
            float width = MathF.Exp(variance[2] * offset[2]) * box.Width, height = MathF.Exp(variance[3] * offset[3]) * box.Height;
            decoded = new Box(x - (width / 2), y - (height / 2), x + (width / 2), y + (height / 2));
        }
        else
        {
            decoded = new Box(
                box.Left + (variance[0] * offset[0]), box.Top + (variance[1] * offset[1]),
                box.Right + (variance[2] * offset[2]), box.Bottom + (variance[3] * offset[3]));
        }

        return attributes.GetBoolean("clip_before_nms") ? Clipped(decoded) : decoded;
    }
}

/// <summary>How the operands are divided.</summary>
internal sealed record DetectionLayout(
    int Images, int Priors, int PriorImages, int PriorSize, int Classes, int Locations, bool HasVariances, bool IsNormalized,
    bool SharesLocation)
{
    public static DetectionLayout Of(NodeOperands operands)
    {
        GraphAttributes attributes = operands.Attributes;
        if (operands.Count > 3)
        {
            throw new UnsupportedModelException(
                $"{operands.Node} has a second stage of confidences and boxes, which is not supported. Convert the model without it.");
        }

        if (attributes.GetBoolean("decrease_label_id"))
        {
            throw new UnsupportedModelException(
                $"{operands.Node} counts classes as MXNet does (decrease_label_id), which is not supported. Convert the model from another "
                + "framework.");
        }

        bool normalized = attributes.GetBoolean("normalized"), shared = attributes.GetBoolean("share_location", true);
        bool variances = !attributes.GetBoolean("variance_encoded_in_target");
        int size = normalized ? 4 : 5;
        Shape confidences = operands[1].Shape, priors = operands[2].Shape;
        int count = priors.Rank == 3 ? priors[2] / size : 0;
        int classes = attributes.GetInt32("num_classes", count > 0 ? confidences[^1] / count : 0), locations = shared ? 1 : classes;
        int images = operands[0].Shape[0];
        bool fits = count > 0 && classes > 0 && priors[2] == count * size && priors[1] == (variances ? 2 : 1)
            && (priors[0] == 1 || priors[0] == images)
            && confidences.ElementCount == (long)images * count * classes
            && operands[0].Shape.ElementCount == (long)images * count * locations * 4;
        return fits
            ? new DetectionLayout(images, count, priors[0], size, classes, locations, variances, normalized, shared)
            : throw operands.Defect($"offsets {operands[0].Shape}, confidences {confidences} and priors {priors} do not fit");
    }
}

/// <summary>[1, 1, N · kept boxes, 7].</summary>
internal sealed class DetectionOutputShape : IOperatorShape
{
    public TensorType[] Infer(NodeOperands operands)
    {
        DetectionLayout layout = DetectionLayout.Of(operands);
        long keep = operands.Attributes.GetIntegers("keep_top_k") is [var most, ..] ? most : -1,
            top = operands.Attributes.GetInteger("top_k", -1);
        long rows = keep > 0 ? keep : top > 0 ? top * layout.Classes : (long)layout.Classes * layout.Priors;
        return [operands[0] with { Shape = [1, 1, operands.Extent(layout.Images * rows), 7] }];
    }
}
