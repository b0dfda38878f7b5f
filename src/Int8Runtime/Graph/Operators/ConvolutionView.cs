// Conv, ConvInteger and ConvTranspose: group count and window.
namespace Int8Runtime.Graph;

/// <summary>The parameters of a convolution with source N, C, spatial… and weights O, C/group, taps….</summary>
/// <param name="Group">Number of groups.</param>
/// <param name="Window">The window.</param>
public sealed record ConvolutionView(int Group, SlidingWindow Window)
{
    /// <summary>Reads a Conv or ConvInteger node and checks that its operands fit.</summary>
    public static ConvolutionView Of(NodeOperands operands)
    {
        Shape source = operands[0].Shape, weights = operands[1].Shape;
        if (source.Rank < 3 || source.Rank != weights.Rank)
            throw operands.Defect($"source {source} and weights {weights} must have the same rank of at least 3");
        int group = operands.Attributes.GetInt32("group", 1);
        if (group < 1 || weights[0] % group != 0 || (long)weights[1] * group != source[1])
            throw operands.Defect($"source {source}, weights {weights} and {group} groups do not fit");
        CheckKernelShape(operands, weights);
        return new ConvolutionView(group, SlidingWindow.Of(operands, source.Span[2..], weights[2..]));
    }

    internal static void CheckKernelShape(NodeOperands operands, Shape weights)
    {
        if (operands.Attributes.GetInt32s("kernel_shape") is { Length: > 0 } stated && !stated.AsSpan().SequenceEqual(weights.Span[2..]))
            throw operands.Defect($"kernel_shape {string.Join('x', stated)} contradicts the weights {weights}");
        foreach (int tap in weights.Span[2..])
        {
            if (tap < 1)
                throw operands.Defect($"the weights {weights} have an empty window");
        }
    }
}

/// <summary>The parameters of a transposed convolution with weights C, O/group, taps….</summary>
/// <param name="Group">Number of groups.</param>
/// <param name="Window">The window; its output is the extent of the result.</param>
public sealed record TransposedConvolutionView(int Group, SlidingWindow Window)
{
    /// <summary>Reads a ConvTranspose node and checks that its operands fit.</summary>
    public static TransposedConvolutionView Of(NodeOperands operands)
    {
        Shape source = operands[0].Shape, weights = operands[1].Shape;
        if (source.Rank < 3 || source.Rank != weights.Rank)
            throw operands.Defect($"source {source} and weights {weights} must have the same rank of at least 3");
        GraphAttributes attributes = operands.Attributes;
        int group = attributes.GetInt32("group", 1);
        if (group < 1 || weights[0] != source[1] || source[1] % group != 0)
            throw operands.Defect($"source {source}, weights {weights} and {group} groups do not fit");
        ConvolutionView.CheckKernelShape(operands, weights);

        int rank = source.Rank - 2;
        int[] strides = Read("strides", rank, 1, 1), dilations = Read("dilations", rank, 1, 1);
        int[] extra = Read("output_padding", rank, 0, 0), pads = Read("pads", 2 * rank, 0, 0);
        int[]? wanted = attributes.GetInt32s("output_shape");
        if (wanted is not null && wanted.Length != rank)
            throw operands.Defect($"output_shape has {wanted.Length} entries instead of {rank}");
        string autoPad = attributes.GetString("auto_pad", "NOTSET");
        int[] begin = pads[..rank], end = pads[rank..], output = new int[rank];
        for (int i = 0; i < rank; i++)
        {
            long full = (source[i + 2] - 1L) * strides[i] + extra[i] + (weights[i + 2] - 1L) * dilations[i] + 1;
            bool same = autoPad is "SAME_UPPER" or "SAME_LOWER";
            if (wanted is not null || same)
            {
                long target = wanted?[i] ?? (long)source[i + 2] * strides[i];
                long total = Math.Max(full - target, 0);
                int smaller = operands.Extent(total / 2), larger = operands.Extent(total - total / 2);
                (begin[i], end[i]) = autoPad == "SAME_UPPER" ? (smaller, larger) : (larger, smaller);
                output[i] = operands.Extent(target);
                continue;
            }
            if (autoPad == "VALID")
                (begin[i], end[i]) = (0, 0);
            output[i] = operands.Extent(full - begin[i] - end[i]);
        }
        return new TransposedConvolutionView(group, new SlidingWindow(weights[2..], strides, dilations, begin, end, output));

        int[] Read(string name, int count, int fallback, int least)
        {
            int[] values = attributes.GetInt32s(name) is { Length: > 0 } given
                ? given
                : [.. Enumerable.Repeat(fallback, count)];
            return values.Length == count && Array.TrueForAll(values, v => v >= least)
                ? values
                : throw operands.Defect($"the attribute '{name}' does not fit {rank} spatial dimensions");
        }
    }
}
