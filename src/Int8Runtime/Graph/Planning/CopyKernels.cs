// Loops that copy or search along strides, for element types and forms that primitives do not serve.
using System.Numerics;
using Int8Runtime.Graph.Evaluation;
using Int8Runtime.Graph.Shapes;

namespace Int8Runtime.Graph.Planning;

/// <summary>
/// Copies the elements at regular steps of a source: Expand, Tile, slices backwards, and movement of indices and Booleans.
/// </summary>
internal sealed class StridedCopyKernel(BroadcastWalk walk, int offset, int size) : HostKernel
{
    public override string Name => "strided-copy";

    /// <summary>The kernel of a node that only moves elements; null where its form is no regular step.</summary>
    public static StridedCopyKernel? Create(GraphNode node)
    {
        NodeOperands operands = NodeOperands.Of(node);
        Shape source = operands[0].Shape;
        int[] dense = LayoutOperators.DenseStrides(source);
        int size = operands[0].ElementType.SizeInBytes();
        switch (node.OpType)
        {
            case "Expand":
                Shape target = new ExpandShape().Infer(operands)[0].Shape;
                return new StridedCopyKernel(BroadcastWalk.Of(target, source), 0, size);
            case "Transpose":
                TransposeView view = TransposeView.Of(operands);
                return new StridedCopyKernel(BroadcastWalk.Along(view.Apply(source), [.. view.Order.Select(axis => dense[axis])]), 0, size);
            case "Slice":
                SliceView slice = SliceView.Of(operands);
                int[] steps = [.. dense.Select((step, d) => step * slice.Steps[d])];
                return new StridedCopyKernel(BroadcastWalk.Along(slice.Counts, steps),
                    dense.Select((step, d) => step * slice.Starts[d]).Sum(), size);
            case "Tile" when 2 * source.Rank <= BroadcastWalk.MaxRank:
                // Every dimension is one of repetitions, which stay in place, and its own.
                Shape tiled = new TileShape().Infer(operands)[0].Shape;
                return new StridedCopyKernel(
                    BroadcastWalk.Along(
                        [.. source.SelectMany((extent, d) => (int[])[tiled[d] / extent, extent])],
                        [.. dense.SelectMany(step => (int[])[0, step])]),
                    0, size);
            case "Reshape" or "Flatten" or "Squeeze" or "Unsqueeze" or "Identity":
                return new StridedCopyKernel(BroadcastWalk.Of(source, source), 0, size);
            default:
                return null;
        }
    }

    public override void Run(ReadOnlySpan<HostOperand> sources, ReadOnlySpan<HostOperand> results)
    {
        switch (size)
        {
            case 1:
                Run(sources[0].Read<byte>(), results[0].Write<byte>());
                break;
            case 2:
                Run(sources[0].Read<ushort>(), results[0].Write<ushort>());
                break;
            case 4:
                Run(sources[0].Read<uint>(), results[0].Write<uint>());
                break;
            default:
                Run(sources[0].Read<ulong>(), results[0].Write<ulong>());
                break;
        }
    }

    private void Run<T>(ReadOnlySpan<T> source, Span<T> result)
    {
        Span<int> index = stackalloc int[BroadcastWalk.MaxRank], offsets = stackalloc int[1];
        index.Clear();
        offsets[0] = offset;
        int run = walk.Extents[^1], step = walk.Steps[0][^1];
        for (int position = 0; position < result.Length; position += run)
        {
            Span<T> target = result.Slice(position, run);
            if (step == 1)
                source.Slice(offsets[0], run).CopyTo(target);
            else if (step == 0)
                target.Fill(source[offsets[0]]);
            else
            {
                for (int i = 0; i < run; i++)
                    target[i] = source[offsets[0] + (i * step)];
            }

            walk.Next(index, offsets);
        }
    }
}

/// <summary>ArgMax and ArgMin; among equal values the first or, if asked for, the last one.</summary>
internal sealed class ArgumentKernel<T>(int extent, int inner, bool largest, bool last) : HostKernel where T : unmanaged, INumber<T>
{
    public override string Name => largest ? "argmax" : "argmin";

    public override void Run(ReadOnlySpan<HostOperand> sources, ReadOnlySpan<HostOperand> results)
    {
        ReadOnlySpan<T> values = sources[0].Read<T>();
        Span<long> result = results[0].Write<long>();
        result.Clear();
        for (int line = 0; line < result.Length; line += inner)
        {
            ReadOnlySpan<T> block = values.Slice(line * extent, extent * inner);
            Span<long> best = result.Slice(line, inner);
            for (int i = 1; i < extent; i++)
            {
                ReadOnlySpan<T> row = block.Slice(i * inner, inner);
                for (int k = 0; k < inner; k++)
                {
                    T candidate = row[k], present = block[((int)best[k] * inner) + k];
                    if ((largest ? candidate > present : candidate < present) || (last && candidate == present))
                        best[k] = i;
                }
            }
        }
    }
}

/// <summary>Creates <see cref="ArgumentKernel{T}"/> for an element type.</summary>
internal sealed class ArgumentKernelOf(NodeOperands operands) : INumericFunction<HostKernel?>
{
    public HostKernel? Invoke<T>() where T : unmanaged, INumber<T>
    {
        Shape source = operands[0].Shape;
        int axis = operands.AxisAttribute(0, source.Rank);
        return source.ElementCount == 0 ? null : new ArgumentKernel<T>(
            source[axis], TensorData.CountElements(source[(axis + 1)..]), operands.Node.Is("ArgMax"),
            operands.Attributes.GetBoolean("select_last_index"));
    }
}

/// <summary>Tensors side by side, for element types that no primitive moves.</summary>
/// <param name="runs">Bytes of each source that lie together.</param>
internal sealed class ConcatKernel(int[] runs) : HostKernel
{
    public override string Name => "concat";

    public static ConcatKernel Create(GraphNode node)
    {
        NodeOperands operands = NodeOperands.Of(node);
        int axis = operands.AxisAttribute(0, operands[0].Rank), size = operands[0].ElementType.SizeInBytes();
        return new ConcatKernel(
            [.. Enumerable.Range(0, operands.Count).Select(i => TensorData.CountElements(operands[i].Shape[axis..]) * size)]);
    }

    public override void Run(ReadOnlySpan<HostOperand> sources, ReadOnlySpan<HostOperand> results)
    {
        Span<byte> result = results[0].Write<byte>();
        int stride = 0;
        foreach (int run in runs)
            stride += run;
        for (int i = 0, start = 0; i < runs.Length; start += runs[i++])
        {
            ReadOnlySpan<byte> source = sources[i].Read<byte>();
            for (int line = 0; line * runs[i] < source.Length; line++)
                source.Slice(line * runs[i], runs[i]).CopyTo(result[((line * stride) + start)..]);
        }
    }
}
