// Proposal: the boxes of a region proposal network, decoded from anchors, suppressed where they overlap, the best ones kept.
using Int8Runtime.Graph.Shapes;

namespace Int8Runtime.Graph.Evaluation.OpenVino;

/// <summary>
/// Operands: probabilities [N, 2·anchors, H, W] of background and object, offsets [N, 4·anchors, H, W], the image's [height, width, scale]
/// or [height, width, scale of heights, scale of widths]. Results: rows [image, left, top, right, bottom] of <c>post_nms_topn</c> boxes for
/// each image, and their probabilities; the image −1 ends a list that is shorter. With <c>framework="tensorflow"</c> corners are real and
/// not pixels, and rows come before columns. Ren et al., "Faster R-CNN", arXiv:1506.01497.
/// </summary>
internal static class Proposal
{
    public static TensorData[] Evaluate(NodeOperands operands)
    {
        TensorType[] types = new ProposalShape().Infer(operands);
        ProposalRules rules = ProposalRules.Of(operands);
        float[] probabilities = HostEvaluator.Content(operands, 0).ToSingleArray(), offsets = HostEvaluator.Content(operands, 1)
            .ToSingleArray();
        float[] image = HostEvaluator.Content(operands, 2).ToSingleArray();
        Shape map = operands[0].Shape;
        int all = map[1] / 2 * map[2] * map[3], kept = types[1].Shape[0] / Math.Max(map[0], 1);
        (float height, float width) = rules.IsTensorFlow ? (image[1], image[0]) : (image[0], image[1]);
        var boxes = new float[types[0].Shape.ElementCount];
        var scores = new float[types[1].Shape.ElementCount];
        for (int n = 0; n < map[0]; n++)
        {
            ReadOnlySpan<float> objects = probabilities.AsSpan(((2 * n) + 1) * all, all), moves = offsets.AsSpan(n * 4 * all, 4 * all);
            List<ScoredBox> candidates =
                Candidates(rules, map, objects, moves, height, width, rules.SmallestHeight(image), rules.SmallestWidth(image));

            // A stable sort: of equal probabilities the earlier cell, then the earlier anchor comes first.
            List<ScoredBox> best = Suppress(candidates.OrderByDescending(b => b.Score).Take(rules.Candidates), rules, kept);
            for (int i = 0; i < best.Count; i++)
            {
                ScoredBox box = rules.ClipsAfter ? best[i].Clipped(height, width) : best[i];
                if (rules.Normalizes)
                    box = box with { Left = box.Left / width, Top = box.Top / height, Right = box.Right / width,
                        Bottom = box.Bottom / height };
                ReadOnlySpan<float> row = [n, box.Left, box.Top, box.Right, box.Bottom];
                row.CopyTo(boxes.AsSpan(((n * kept) + i) * 5));
                scores[(n * kept) + i] = box.Score;
            }

            if (best.Count < kept)
                boxes[((n * kept) + best.Count) * 5] = -1;
        }

        return
        [
            TensorData.Create<float>(boxes, types[0].Shape).ConvertTo(types[0].ElementType),
            TensorData.Create<float>(scores, types[1].Shape).ConvertTo(types[1].ElementType),
        ];
    }

    // Boxes that are too small stay with the probability 0, as in the format's reference.
    private static List<ScoredBox> Candidates(
        ProposalRules rules, Shape map, ReadOnlySpan<float> objects, ReadOnlySpan<float> offsets, float height, float width,
        float leastHeight,
        float leastWidth)
    {
        int cells = map[2] * map[3];
        float one = rules.PixelExtent;
        var result = new List<ScoredBox>(cells * rules.Anchors.Length);
        for (int cell = 0; cell < cells; cell++)
        {
            (int row, int column) = (cell / map[3], cell % map[3]);
            float x = (rules.IsTensorFlow ? row : column) * rules.Stride, y = (rules.IsTensorFlow ? column : row) * rules.Stride;
            for (int a = 0; a < rules.Anchors.Length; a++)
            {
                ScoredBox anchor = rules.Anchors[a].Moved(x, y);
                if (rules.IsTensorFlow)
                    anchor = anchor.Clipped(height, width);
                float wide = anchor.Right - anchor.Left + one, high = anchor.Bottom - anchor.Top + one;
                float dx = offsets[(((a * 4) + 0) * cells) + cell] / rules.CoordinateScale,
                    dy = offsets[(((a * 4) + 1) * cells) + cell] / rules.CoordinateScale;
                float dw = offsets[(((a * 4) + 2) * cells) + cell] / rules.SizeScale,
                    dh = offsets[(((a * 4) + 3) * cells) + cell] / rules.SizeScale;
                float centreX = (dx * wide) + (anchor.Left + (0.5f * wide)), centreY = (dy * high) + (anchor.Top + (0.5f * high));
                float halfWidth = 0.5f * (MathF.Exp(dw) * wide), halfHeight = 0.5f * (MathF.Exp(dh) * high);
                var box = new ScoredBox(
                    centreX - halfWidth, centreY - halfHeight, centreX + halfWidth, centreY + halfHeight, objects[(a * cells) + cell]);
                if (rules.ClipsBefore)
                    box = box.Clipped(height - one, width - one);
                bool isLarge = box.Right - box.Left + one >= leastWidth && box.Bottom - box.Top + one >= leastHeight;
                result.Add(isLarge ? box : box with { Score = 0 });
            }
        }

        return result;
    }

    private static List<ScoredBox> Suppress(IEnumerable<ScoredBox> sorted, ProposalRules rules, int limit)
    {
        var best = new List<ScoredBox>();
        foreach (ScoredBox box in sorted)
        {
            if (best.Count == limit)
                break;
            if (best.TrueForAll(better => better.Overlap(box, rules.PixelExtent) <= rules.LargestOverlap))
                best.Add(box);
        }

        return best;
    }
}

/// <summary>A box with corners in pixels, and the probability that it holds an object.</summary>
internal readonly record struct ScoredBox(float Left, float Top, float Right, float Bottom, float Score)
{
    public ScoredBox Moved(float x, float y) => this with { Left = x + Left, Top = y + Top, Right = x + Right, Bottom = y + Bottom };

    public ScoredBox Clipped(float height, float width) => this with
    {
        Left = MathF.Max(0, MathF.Min(Left, width)), Top = MathF.Max(0, MathF.Min(Top, height)),
        Right = MathF.Max(0, MathF.Min(Right, width)), Bottom = MathF.Max(0, MathF.Min(Bottom, height)),
    };

    /// <summary>Area of the intersection as part of the area of the union; the right and lower corner belong to a box where
    /// <paramref name="one"/> is 1.</summary>
    public float Overlap(ScoredBox other, float one)
    {
        if (!(Left <= other.Right && Top <= other.Bottom && other.Left <= Right && other.Top <= Bottom))
            return 0;
        float width = MathF.Max(0, MathF.Min(Right, other.Right) - MathF.Max(Left, other.Left) + one);
        float height = MathF.Max(0, MathF.Min(Bottom, other.Bottom) - MathF.Max(Top, other.Top) + one);
        float shared = width * height;
        return shared / (Area(one) + other.Area(one) - shared);
    }

    private float Area(float one) => (Right - Left + one) * (Bottom - Top + one);
}

/// <summary>The attributes of a Proposal, and the anchors that follow from them.</summary>
internal sealed record ProposalRules(
    bool IsTensorFlow, ScoredBox[] Anchors, int Stride, int Candidates, float LargestOverlap, float SmallestSize, float CoordinateScale,
    float SizeScale, bool ClipsBefore, bool ClipsAfter, bool Normalizes)
{
    /// <summary>What is added to the difference of two corners: a pixel where corners are pixels.</summary>
    public float PixelExtent => IsTensorFlow ? 0 : 1;

    public float SmallestHeight(float[] image) => SmallestSize * image[2];

    public float SmallestWidth(float[] image) => SmallestSize * image[image.Length > 3 ? 3 : 2];

    public static ProposalRules Of(NodeOperands operands)
    {
        GraphAttributes attributes = operands.Attributes;
        bool isTensorFlow = attributes.GetString("framework", "") == "tensorflow";
        int stride = attributes.GetInt32("feat_stride"), before = attributes.GetInt32("pre_nms_topn");
        if (stride <= 0 || before <= 0 || attributes.GetInt32("post_nms_topn") <= 0 || attributes.GetInt32("base_size") <= 0)
            throw operands.Defect("base_size, feat_stride, pre_nms_topn and post_nms_topn must be positive");
        return new ProposalRules(
            isTensorFlow, AnchorsOf(attributes, isTensorFlow), stride, before, attributes.GetSingle("nms_thresh"),
            attributes.GetInt32("min_size"),
            attributes.GetSingle("box_coordinate_scale", 1), attributes.GetSingle("box_size_scale", 1),
            attributes.GetBoolean("clip_before_nms", true),
            attributes.GetBoolean("clip_after_nms"), attributes.GetBoolean("normalize"));
    }

    // Boxes of one area for each ratio of height to width, times each scale, around the centre of the base box.
    private static ScoredBox[] AnchorsOf(GraphAttributes attributes, bool isTensorFlow)
    {
        int size = attributes.GetInt32("base_size");
        float one = isTensorFlow ? 0 : 1, centre = (0.5f * (size - one)) - (isTensorFlow ? 0.5f * size : 0);
        var anchors = new List<ScoredBox>();
        foreach (float ratio in attributes.GetSingles("ratio") ?? [])
        {
            float width = MathF.Sqrt((float)size * size / ratio), height = width * ratio;
            if (!isTensorFlow)
            {
                width = MathF.Round(width, MidpointRounding.AwayFromZero);
                height = MathF.Round(width * ratio, MidpointRounding.AwayFromZero);
            }

            foreach (float scale in attributes.GetSingles("scale") ?? [])
            {
                float halfWidth = 0.5f * ((width * scale) - one), halfHeight = 0.5f * ((height * scale) - one);
                anchors.Add(new ScoredBox(centre - halfWidth, centre - halfHeight, centre + halfWidth, centre + halfHeight, 0));
            }
        }

        return [.. anchors];
    }
}

/// <summary>[N · post_nms_topn, 5] and [N · post_nms_topn].</summary>
internal sealed class ProposalShape : IOperatorShape
{
    public TensorType[] Infer(NodeOperands operands)
    {
        Shape map = operands[0].Shape, offsets = operands[1].Shape, image = operands[2].Shape;
        int anchors = ProposalRules.Of(operands).Anchors.Length;
        bool fits = map.Rank == 4 && offsets.Rank == 4 && map[1] == 2L * anchors && offsets == [map[0], 4 * anchors, map[2], map[3]]
            && image.ElementCount is 3 or 4;
        if (!fits)
            throw operands.Defect($"probabilities {map}, offsets {offsets} and image {image} do not fit {anchors} anchors");
        int rows = operands.Extent((long)map[0] * operands.Attributes.GetInt32("post_nms_topn"));
        return [operands[0] with { Shape = [rows, 5] }, operands[0] with { Shape = [rows] }];
    }
}
