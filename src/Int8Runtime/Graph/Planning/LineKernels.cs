// Loops over the lines of a tensor along one axis: running sums and the largest elements.
using System.Numerics;
using Int8Runtime.Graph.Evaluation;
using Int8Runtime.Graph.Shapes;

namespace Int8Runtime.Graph.Planning;

/// <summary>CumSum. Lines beside each other are summed together, so memory is read in order.</summary>
internal sealed class RunningSumKernel<T>(int extent, int inner, bool exclusive, bool reverse) : HostKernel where T : unmanaged, INumber<T>
{
    public override string Name => "cumsum";

    public override void Run(ReadOnlySpan<HostOperand> sources, ReadOnlySpan<HostOperand> results)
    {
        ReadOnlySpan<T> source = sources[0].Read<T>();
        Span<T> result = results[0].Write<T>();
        for (int block = 0; block < source.Length; block += extent * inner)
        {
            for (int i = 0; i < extent; i++)
            {
                // Row `row` is the sum of the row before it and of what that row or this one adds.
                int row = block + ((reverse ? extent - 1 - i : i) * inner), before = reverse ? row + inner : row - inner;
                ReadOnlySpan<T> addends = source.Slice(exclusive && i > 0 ? before : row, inner);
                Span<T> sums = result.Slice(row, inner);
                if (i == 0)
                {
                    if (exclusive)
                        sums.Clear();
                    else
                        addends.CopyTo(sums);
                    continue;
                }

                ReadOnlySpan<T> last = result.Slice(before, inner);
                for (int k = 0; k < inner; k++)
                    sums[k] = unchecked(last[k] + addends[k]);
            }
        }
    }
}

/// <summary>Creates <see cref="RunningSumKernel{T}"/> for an element type.</summary>
internal sealed class RunningSumKernelOf(NodeOperands operands) : INumericFunction<HostKernel?>
{
    public HostKernel? Invoke<T>() where T : unmanaged, INumber<T>
    {
        if (operands.Value(1) is null || operands.Scalar(1, "axis") is not { } given)
            return null;
        Shape source = operands[0].Shape;
        int axis = operands.Axis((long)given, source.Rank);
        return source.ElementCount == 0 ? null : new RunningSumKernel<T>(
            source[axis], TensorData.CountElements(source[(axis + 1)..]),
            operands.Attributes.GetBoolean("exclusive"), operands.Attributes.GetBoolean("reverse"));
    }
}

/// <summary>
/// TopK by a heap in the result's own memory: its root is the worst element kept so far, and taking the roots out from the end sorts
/// the line. Among equal elements the lower index is better; NaN is below every number.
/// </summary>
internal sealed class TopKKernel<T, TOrder>(int extent, int count, int inner, bool largest) : HostKernel
    where T : unmanaged where TOrder : IElementOrder<T>
{
    public override string Name => "top-k";

    public override void Run(ReadOnlySpan<HostOperand> sources, ReadOnlySpan<HostOperand> results)
    {
        ReadOnlySpan<T> source = sources[0].Read<T>();
        Span<T> values = results[0].Write<T>();
        Span<long> indices = results[1].Write<long>();
        int lines = source.Length / extent;
        for (int line = 0; line < lines && count > 0; line++)
        {
            (int outer, int column) = Math.DivRem(line, inner);
            Select(source[((outer * extent * inner) + column)..], values[((outer * count * inner) + column)..],
                indices[((outer * count * inner) + column)..]);
        }
    }

    // One line; its elements, and those of the heap, are `inner` apart.
    private void Select(ReadOnlySpan<T> source, Span<T> values, Span<long> indices)
    {
        for (int i = 0; i < count; i++)
        {
            int place = i;
            for (; place > 0; place = (place - 1) / 2)
            {
                int parent = (place - 1) / 2;
                if (!IsBetter(values[parent * inner], indices[parent * inner], source[i * inner], i))
                    break;
                Move(values, indices, parent, place);
            }

            (values[place * inner], indices[place * inner]) = (source[i * inner], i);
        }

        for (int i = count; i < extent; i++)
            if (IsBetter(source[i * inner], i, values[0], indices[0]))
                Sink(values, indices, count, source[i * inner], i);
        for (int end = count - 1; end > 0; end--)
        {
            (T value, long index) = (values[end * inner], indices[end * inner]);
            Move(values, indices, 0, end);
            Sink(values, indices, end, value, index);
        }
    }

    // Puts an element in the root's place and lets it sink below worse ones.
    private void Sink(Span<T> values, Span<long> indices, int length, T value, long index)
    {
        int place = 0;
        while (true)
        {
            int child = (2 * place) + 1;
            if (child >= length)
                break;
            if (child + 1 < length
                && IsBetter(values[child * inner], indices[child * inner], values[(child + 1) * inner],
                    indices[(child + 1) * inner]))
                child++;
            if (!IsBetter(value, index, values[child * inner], indices[child * inner]))
                break;
            Move(values, indices, child, place);
            place = child;
        }

        (values[place * inner], indices[place * inner]) = (value, index);
    }

    private void Move(Span<T> values, Span<long> indices, int from, int to) =>
        (values[to * inner], indices[to * inner]) = (values[from * inner], indices[from * inner]);

    private bool IsBetter(T a, long indexOfA, T b, long indexOfB)
    {
        int order = TOrder.Compare(a, b);
        return order == 0 ? indexOfA < indexOfB : (order > 0) == largest;
    }
}

/// <summary>The order of elements.</summary>
internal interface IElementOrder<T>
{
    static abstract int Compare(T left, T right);
}

/// <summary>The order of a type of .NET.</summary>
internal readonly struct NumberOrder<T> : IElementOrder<T> where T : INumber<T>
{
    public static int Compare(T left, T right) => left.CompareTo(right);
}

/// <summary>The order of bf16, for which .NET has no type.</summary>
internal readonly struct BFloat16Order : IElementOrder<ushort>
{
    public static int Compare(ushort left, ushort right) =>
        TensorDataConversions.BFloat16ToSingle(left).CompareTo(TensorDataConversions.BFloat16ToSingle(right));
}

/// <summary>Creates <see cref="TopKKernel{T, TOrder}"/> for an element type.</summary>
internal sealed class TopKKernelOf(NodeOperands operands) : INumericFunction<HostKernel?>
{
    public static HostKernel? Create(NodeOperands operands)
    {
        var kernel = new TopKKernelOf(operands);
        return operands[0].ElementType switch
        {
            DataType.Float16 => kernel.Invoke<Half>(),
            DataType.BFloat16 => kernel.Invoke<ushort, BFloat16Order>(),
            var type when ElementKernels.HasArithmetic(type) => Elementwise.Dispatch(operands, type, kernel),
            _ => null,
        };
    }

    public HostKernel? Invoke<T>() where T : unmanaged, INumber<T> => Invoke<T, NumberOrder<T>>();

    private HostKernel? Invoke<T, TOrder>() where T : unmanaged where TOrder : IElementOrder<T>
    {
        Shape source = operands[0].Shape;
        int axis = operands.AxisAttribute(-1, source.Rank);
        bool used = operands.Node.Outputs.Count == 2 && source.ElementCount > 0 && operands.Value(1) is not null;
        return used
            ? new TopKKernel<T, TOrder>(
                source[axis], new TopKShape().Infer(operands)[0].Shape[axis], TensorData.CountElements(source[(axis + 1)..]),
                operands.Attributes.GetBoolean("largest", true))
            : null;
    }
}
