// Loops that gather and scatter runs of elements at places that indices name, and one-hot encoding.
using System.Numerics;
using System.Runtime.InteropServices;
using Int8Runtime.Graph.Evaluation;
using Int8Runtime.Graph.Shapes;

namespace Int8Runtime.Graph.Planning;

/// <summary>Runs of a data tensor in the order of the indices.</summary>
/// <param name="node">The node, for messages.</param>
/// <param name="count">Number of runs.</param>
/// <param name="runElements">Elements of a run.</param>
internal abstract class IndexedRuns(GraphNode node, int count, int runElements)
{
    /// <summary>Number of runs.</summary>
    public int Count => count;

    /// <summary>Elements of a run.</summary>
    public int RunElements => runElements;

    /// <summary>Which run of the data tensor run <paramref name="item"/> of the indices names.</summary>
    public abstract int Place<T>(ReadOnlySpan<T> indices, int item) where T : unmanaged, IBinaryInteger<T>;

    /// <summary>An index, counted from the end if negative.</summary>
    /// <exception cref="ModelFormatException">It is out of range.</exception>
    protected int Checked<T>(T index, int extent) where T : unmanaged, IBinaryInteger<T>
    {
        long place = long.CreateTruncating(index);
        if (place < 0)
            place += extent;
        return place >= 0 && place < extent
            ? (int)place
            : throw new ModelFormatException($"{node}: index {index} is out of range for the extent {extent}.");
    }
}

/// <summary>GatherND and ScatterND: tuples of indices into the leading dimensions, behind those of the batch.</summary>
internal sealed class TupleRuns(GraphNode node, int count, int runElements, Shape indexed, int perBatch)
    : IndexedRuns(node, count, runElements)
{
    public static TupleRuns Of(NodeOperands operands)
    {
        Shape data = operands[0].Shape, indices = operands[1].Shape;
        int batch = operands.Attributes.GetInt32("batch_dims"), depth = indices[^1];
        int tuples = TensorData.CountElements(indices[..^1]), batches = TensorData.CountElements(data[..batch]);
        return new TupleRuns(
            operands.Node, tuples, TensorData.CountElements(data[(batch + depth)..]), data[batch..(batch + depth)],
            Math.Max(1, tuples / Math.Max(1, batches)));
    }

    public override int Place<T>(ReadOnlySpan<T> indices, int item)
    {
        int place = item / perBatch;
        for (int k = 0; k < indexed.Rank; k++)
            place = (place * indexed[k]) + Checked(indices[(item * indexed.Rank) + k], indexed[k]);
        return place;
    }
}

/// <summary>GatherElements and ScatterElements: single elements whose place differs from the index's own along one axis.</summary>
internal sealed class AxisRuns(GraphNode node, Shape data, Shape indices, int axis)
    : IndexedRuns(node, TensorData.CountElements(indices), 1)
{
    public static AxisRuns Of(NodeOperands operands) =>
        new(operands.Node, operands[0].Shape, operands[1].Shape, operands.AxisAttribute(0, operands[0].Rank));

    public override int Place<T>(ReadOnlySpan<T> picks, int item)
    {
        int place = 0, rest = item, step = 1;
        for (int d = indices.Rank - 1; d >= 0; d--)
        {
            (rest, int digit) = Math.DivRem(rest, indices[d]);
            place += (d == axis ? Checked(picks[item], data[d]) : digit) * step;
            step *= data[d];
        }

        return place;
    }
}

/// <summary>GatherND and GatherElements, and with updates ScatterND and ScatterElements.</summary>
internal sealed class IndexedCopyKernel(IndexedRuns runs, int size, bool isWide, Combination? combine) : HostKernel
{
    public override string Name => combine is null ? "gather" : "scatter";

    /// <summary>The kernel of a node; null for other operators and element types that are not combined.</summary>
    public static IndexedCopyKernel? Create(GraphNode node)
    {
        bool scatters = node.OpType is "ScatterND" or "ScatterElements", tuples = node.OpType is "GatherND" or "ScatterND";
        if (!scatters && node.OpType is not ("GatherND" or "GatherElements"))
            return null;
        NodeOperands operands = NodeOperands.Of(node);
        if (operands[1].ElementType is not (DataType.Int64 or DataType.Int32) || operands[0].Shape.ElementCount == 0)
            return null;
        Combination? combine = scatters ? Combination.Of(operands) : null;
        if (scatters && (combine is null || operands[2].ElementType != operands[0].ElementType))
            return null;
        IndexedRuns runs = tuples ? TupleRuns.Of(operands) : AxisRuns.Of(operands);
        bool fits = !scatters || (long)runs.Count * runs.RunElements == operands[2].Shape.ElementCount;
        return fits ? new IndexedCopyKernel(runs, operands[0].ElementType.SizeInBytes(),
            operands[1].ElementType == DataType.Int64, combine) : null;
    }

    public override void Run(ReadOnlySpan<HostOperand> sources, ReadOnlySpan<HostOperand> results)
    {
        ReadOnlySpan<byte> updates = combine is null ? default : sources[2].Read<byte>();
        if (isWide)
            Run(sources[0].Read<byte>(), sources[1].Read<long>(), updates, results[0].Write<byte>());
        else
            Run(sources[0].Read<byte>(), sources[1].Read<int>(), updates, results[0].Write<byte>());
    }

    private void Run<T>(ReadOnlySpan<byte> data, ReadOnlySpan<T> indices, ReadOnlySpan<byte> updates, Span<byte> result)
        where T : unmanaged, IBinaryInteger<T>
    {
        int bytes = runs.RunElements * size;
        if (combine is not null)
            data.CopyTo(result);
        for (int i = 0; i < runs.Count; i++)
        {
            int place = runs.Place(indices, i);
            if (combine is null)
                data.Slice(place * bytes, bytes).CopyTo(result.Slice(i * bytes, bytes));
            else
                combine.Apply(result.Slice(place * bytes, bytes), updates.Slice(i * bytes, bytes));
        }
    }
}

/// <summary>How an update meets what is at its place: the attribute <c>reduction</c> of a scatter.</summary>
internal abstract class Combination
{
    /// <summary>Writes the combination over <paramref name="present"/>.</summary>
    public abstract void Apply(Span<byte> present, ReadOnlySpan<byte> updates);

    /// <summary>The combination of a node; null where its element type is combined by the portable evaluator only.</summary>
    public static Combination? Of(NodeOperands operands)
    {
        string reduction = operands.Attributes.GetString("reduction", "none");
        DataType type = operands[0].ElementType;
        return reduction == "none" ? new Replacement()
            : reduction is "add" or "mul" or "max" or "min" && ElementKernels.HasArithmetic(type) && type != DataType.Boolean
                ? Elementwise.Dispatch(operands, type, new ArithmeticOf(reduction))
            : null;
    }

    private sealed class Replacement : Combination
    {
        public override void Apply(Span<byte> present, ReadOnlySpan<byte> updates) => updates.CopyTo(present);
    }

    private sealed class ArithmeticOf(string reduction) : INumericFunction<Combination>
    {
        public Combination Invoke<T>() where T : unmanaged, INumber<T> => new Arithmetic<T>(reduction switch
        {
            "add" => static (a, b) => unchecked(a + b),
            "mul" => static (a, b) => unchecked(a * b),
            "max" => T.Max,
            _ => T.Min,
        });
    }

    private sealed class Arithmetic<T>(Func<T, T, T> function) : Combination where T : unmanaged
    {
        public override void Apply(Span<byte> present, ReadOnlySpan<byte> updates)
        {
            Span<T> values = MemoryMarshal.Cast<byte, T>(present);
            ReadOnlySpan<T> operands = MemoryMarshal.Cast<byte, T>(updates);
            for (int i = 0; i < values.Length; i++)
                values[i] = function(values[i], operands[i]);
        }
    }
}

/// <summary>OneHot: the first value everywhere, the second at the places that indices name.</summary>
internal sealed class OneHotKernel<T>(int depth, int inner, int size) : HostKernel where T : unmanaged, INumber<T>
{
    public override string Name => "one-hot";

    public override void Run(ReadOnlySpan<HostOperand> sources, ReadOnlySpan<HostOperand> results)
    {
        ReadOnlySpan<T> indices = sources[0].Read<T>();
        ReadOnlySpan<byte> values = sources[2].Read<byte>();
        Span<byte> result = results[0].Write<byte>();
        ReadOnlySpan<byte> off = values[..size], on = values.Slice(size, size);
        off.CopyTo(result);
        for (int filled = size; filled < result.Length; filled *= 2)
            result[..Math.Min(filled, result.Length - filled)].CopyTo(result[filled..]);
        for (int i = 0; i < indices.Length; i++)
        {
            long index = long.CreateSaturating(indices[i]);
            long place = index < 0 ? index + depth : index;
            if (place >= 0 && place < depth)
                on.CopyTo(result[(int)((((i / inner * depth) + place) * inner + (i % inner)) * size)..]);
        }
    }
}

/// <summary>Creates <see cref="OneHotKernel{T}"/> for the type of the indices.</summary>
internal sealed class OneHotKernelOf(NodeOperands operands) : INumericFunction<HostKernel?>
{
    public HostKernel? Invoke<T>() where T : unmanaged, INumber<T>
    {
        TensorType type = new OneHotShape().Infer(operands)[0];
        int axis = operands.AxisAttribute(-1, type.Rank);
        return operands[2].Shape.ElementCount == 2
            ? new OneHotKernel<T>(type.Shape[axis], TensorData.CountElements(type.Shape[(axis + 1)..]), type.ElementType.SizeInBytes())
            : null;
    }
}
