// Zeroes channels (masking) or takes them out of the weights (shrinking).
using Int8Runtime.Graph;

namespace Int8Runtime.Quantization.Pruning;

/// <summary>Applies a set of removed channels to the graph that was traced.</summary>
internal static class ChannelRemoval
{
    /// <summary>
    /// Sets everything to zero that produces a removed channel: filters and biases, scale and shift of normalizations, constants that
    /// are added or multiplied. Shapes stay.
    /// </summary>
    public static void Mask(ModelGraph graph, ChannelTrace trace, Func<int, bool> stays)
    {
        foreach (ChannelConstant constant in trace.Constants.Where(c => c.IsZeroed && !c.Ids.All(stays)))
        {
            TensorData content = constant.Node.ConstantInput(constant.Input)!;
            TensorData masked = TensorData.Allocate(content.ElementType, content.Shape, out Span<float> values);
            content.AsSpan<float>().CopyTo(values);
            (int outer, int inner) = Extents(content.Shape, constant.Axis);
            for (int o = 0; o < outer; o++)
                for (int c = 0; c < constant.Ids.Length; c++)
                    if (!stays(constant.Ids[c]))
                        values.Slice(((o * constant.Ids.Length) + c) * inner, inner).Clear();
            Replace(graph, constant, masked);
        }
    }

    /// <summary>Takes removed channels out of all constants and adapts groups, paddings and shapes.</summary>
    public static void Shrink(ModelGraph graph, ChannelTrace trace, Func<int, bool> stays)
    {
        foreach (ChannelConstant constant in trace.Constants.Where(c => !c.Ids.All(stays)))
        {
            TensorData content = constant.Node.ConstantInput(constant.Input)!;
            int[] kept = [.. Enumerable.Range(0, constant.Ids.Length).Where(i => stays(constant.Ids[i]))];
            int[] shape = content.Shape.Span.ToArray();
            shape[constant.Axis] = kept.Length;
            (int outer, int inner) = Extents(content.Shape, constant.Axis);
            int bytes = inner * content.ElementType.SizeInBytes();
            var shrunk = new byte[outer * kept.Length * bytes];
            for (int o = 0; o < outer; o++)
                for (int k = 0; k < kept.Length; k++)
                    content.Bytes.Span.Slice(((o * constant.Ids.Length) + kept[k]) * bytes, bytes)
                        .CopyTo(shrunk.AsSpan(((o * kept.Length) + k) * bytes));
            Replace(graph, constant, new TensorData(content.ElementType, shape, shrunk));
        }

        foreach (Action<ModelGraph, Func<int, bool>> edit in trace.Edits)
            edit(graph, stays);
        graph.RemoveDeadNodes();

        // Shapes that files state between nodes are those of the whole model.
        foreach (GraphValue value in graph.Values.Where(v => v.Producer is not null && !v.IsGraphOutput))
            value.Shape = null;
        graph.Validate();
    }

    // Each reader gets a constant of its own: another one may read the same values with other channels.
    private static void Replace(ModelGraph graph, ChannelConstant constant, TensorData content) =>
        constant.Node.SetInput(constant.Input, graph.AddConstant(constant.Node.Input(constant.Input).Name, content));

    private static (int Outer, int Inner) Extents(Shape shape, int axis)
    {
        int outer = 1, inner = 1;
        for (int d = 0; d < shape.Rank; d++)
        {
            outer *= d < axis ? shape[d] : 1;
            inner *= d > axis ? shape[d] : 1;
        }

        return (outer, inner);
    }
}
