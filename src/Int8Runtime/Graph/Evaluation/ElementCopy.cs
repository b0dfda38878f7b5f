// Copies of elements whatever their type: they are moved as units of 1, 2, 4 or 8 bytes.
using System.Runtime.InteropServices;

namespace Int8Runtime.Graph.Evaluation;

/// <summary>Copies between layouts.</summary>
internal static class ElementCopy
{
    /// <summary>A tensor of the given shape whose element at index (i₀, i₁, …) is element offset + Σ iₖ·strides[k] of
    /// the source.</summary>
    public static TensorData Strided(TensorData source, Shape shape, long offset, ReadOnlySpan<int> strides)
    {
        int size = source.ElementType.SizeInBytes();
        byte[] result = GC.AllocateUninitializedArray<byte>(checked(TensorData.CountElements(shape) * size));
        ReadOnlySpan<byte> from = source.Bytes.Span;
        (int[] extents, int[] steps) = Collapse(shape, strides);
        switch (size)
        {
            case 1:
                Copy(from, result.AsSpan(), extents, offset, steps);
                break;
            case 2:
                Copy(Cast<ushort>(from), MemoryMarshal.Cast<byte, ushort>(result.AsSpan()), extents, offset, steps);
                break;
            case 4:
                Copy(Cast<uint>(from), MemoryMarshal.Cast<byte, uint>(result.AsSpan()), extents, offset, steps);
                break;
            default:
                Copy(Cast<ulong>(from), MemoryMarshal.Cast<byte, ulong>(result.AsSpan()), extents, offset, steps);
                break;
        }
        return new TensorData(source.ElementType, shape, result);
    }

    // Joins neighbouring dimensions that one step describes, and drops those of extent 1; at least one dimension stays.
    private static (int[] Extents, int[] Steps) Collapse(Shape shape, ReadOnlySpan<int> strides)
    {
        List<int> extents = [1], steps = [0];
        for (int d = 0; d < shape.Rank; d++)
        {
            if (shape[d] == 1)
                continue;
            if (extents[^1] == 1)
                (extents[^1], steps[^1]) = (shape[d], strides[d]);
            else if (steps[^1] == (long)strides[d] * shape[d])
                (extents[^1], steps[^1]) = (extents[^1] * shape[d], strides[d]);
            else
            {
                extents.Add(shape[d]);
                steps.Add(strides[d]);
            }
        }
        return ([.. extents], [.. steps]);
    }

    /// <summary>A tensor whose element at index (i₀, i₁, …) is the source's at (maps[0][i₀], maps[1][i₁], …); where a
    /// map holds −1 the element is <paramref name="fill"/>, in bytes.</summary>
    public static TensorData Mapped(TensorData source, int[][] maps, ReadOnlySpan<byte> fill)
    {
        Shape shape = Array.ConvertAll(maps, map => map.Length);
        int size = source.ElementType.SizeInBytes();
        byte[] result = new byte[checked(TensorData.CountElements(shape) * size)];
        if (result.Length > 0)
            CopyMapped(source.Bytes.Span, source.Shape, size, maps, 0, 0, result, fill);
        return new TensorData(source.ElementType, shape, result);
    }

    // Fills target with the sub-tensor from dimension `dimension` on; origin < 0 means that an outer index was −1.
    private static void CopyMapped(
        ReadOnlySpan<byte> source, Shape shape, int size, int[][] maps, int dimension, long origin, Span<byte> target,
        ReadOnlySpan<byte> fill)
    {
        if (dimension == maps.Length)
        {
            (origin < 0 ? fill : source.Slice((int)(origin * size), size)).CopyTo(target);
            return;
        }

        int[] map = maps[dimension];
        int step = target.Length / map.Length;
        for (int i = 0; i < map.Length; i++)
        {
            long inner = origin < 0 || map[i] < 0 ? -1 : origin * shape[dimension] + map[i];
            CopyMapped(source, shape, size, maps, dimension + 1, inner, target.Slice(i * step, step), fill);
        }
    }

    private static ReadOnlySpan<T> Cast<T>(ReadOnlySpan<byte> bytes) where T : unmanaged => MemoryMarshal.Cast<byte, T>(bytes);

    private static void Copy<T>(ReadOnlySpan<T> from, Span<T> to, int[] shape, long offset, int[] strides)
    {
        int[] index = new int[shape.Length];
        int inner = shape[^1], step = strides[^1];
        for (int position = 0; position < to.Length; position += inner)
        {
            Span<T> run = to.Slice(position, inner);
            if (step == 0)
                run.Fill(from[(int)offset]);
            else if (step == 1)
                from.Slice((int)offset, inner).CopyTo(run);
            else
            {
                for (int i = 0; i < inner; i++)
                    run[i] = from[(int)(offset + (long)i * step)];
            }
            for (int d = shape.Length - 2; d >= 0; d--)
            {
                offset += strides[d];
                if (++index[d] < shape[d])
                    break;
                offset -= (long)strides[d] * shape[d];
                index[d] = 0;
            }
        }
    }
}
