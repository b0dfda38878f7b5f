// The reductions. Sums of real numbers accumulate in double precision.
using System.Numerics;

namespace Int8Runtime.Graph.Evaluation;

internal static class ReductionOperators
{
    /// <summary>The operators that <see cref="Evaluate"/> knows.</summary>
    public static readonly string[] Names =
    [
        "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd", "ReduceSum",
        "ReduceSumSquare",
    ];

    public static TensorData Evaluate(NodeOperands operands)
    {
        TensorData source = HostEvaluator.Content(operands, 0);
        ReduceView view = ReduceView.Of(operands);
        Shape target = view.Apply(source.Shape);
        if (view.Axes.Count == 0 && operands.Attributes.GetBoolean("noop_with_empty_axes"))
            return source;
        return operands.Node.OpType is not ("ReduceMax" or "ReduceMin" or "ReduceProd" or "ReduceSum")
            ? Reals(operands, source, view, target)
            : source.ElementType switch
            {
                DataType.Int64 => Integers<long>(operands, source, view, target),
                DataType.Int32 => Integers<int>(operands, source, view, target),
                DataType.UInt64 => Integers<ulong>(operands, source, view, target),
                DataType.UInt32 => Integers<uint>(operands, source, view, target),
                _ => Reals(operands, source, view, target),
            };
    }

    private static TensorData Integers<T>(NodeOperands operands, TensorData source, ReduceView view, Shape target)
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        (T start, Func<T, T, T> step) = operands.Node.OpType switch
        {
            "ReduceMax" => (T.MinValue, (Func<T, T, T>)T.Max),
            "ReduceMin" => (T.MaxValue, T.Min),
            "ReduceProd" => (T.One, static (a, b) => unchecked(a * b)),
            _ => (T.Zero, static (a, b) => unchecked(a + b)),
        };
        return TensorData.Create<T>(Fold(source.AsSpan<T>(), source.Shape, view, target, start, step), target);
    }

    private static TensorData Reals(NodeOperands operands, TensorData source, ReduceView view, Shape target)
    {
        double[] values = source.ToDoubleArray();
        double[] Fold(double start, Func<double, double, double> step) =>
            ReductionOperators.Fold(values, source.Shape, view, target, start, step);
        double[] result;
        switch (operands.Node.OpType)
        {
            case "ReduceMax":
                result = Fold(Lowest(source.ElementType), Math.Max);
                break;
            case "ReduceMin":
                result = Fold(Highest(source.ElementType), Math.Min);
                break;
            case "ReduceProd":
                result = Fold(1, (a, b) => a * b);
                break;
            case "ReduceSum":
                result = Fold(0, (a, b) => a + b);
                break;
            case "ReduceMean":
                double count = view.Axes.Aggregate(1.0, (n, axis) => n * source.Shape[axis]);
                result = Array.ConvertAll(Fold(0, (a, b) => a + b), sum => sum / count);
                break;
            case "ReduceL1":
                result = Fold(0, (a, b) => a + Math.Abs(b));
                break;
            case "ReduceL2":
                result = Array.ConvertAll(Fold(0, (a, b) => a + b * b), Math.Sqrt);
                break;
            case "ReduceSumSquare":
                result = Fold(0, (a, b) => a + b * b);
                break;
            case "ReduceLogSum":
                result = Array.ConvertAll(Fold(0, (a, b) => a + b), Math.Log);
                break;
            default:   // ReduceLogSumExp, around the maximum so that nothing overflows
                double[] highest = Fold(double.NegativeInfinity, Math.Max);
                int[] owner = Owners(source.Shape, view);
                double[] sums = new double[highest.Length];
                for (int i = 0; i < values.Length; i++)
                    sums[owner[i]] += Math.Exp(values[i] - Finite(highest[owner[i]]));
                result = [.. sums.Select((sum, i) => Finite(highest[i]) + Math.Log(sum))];
                break;
        }
        return TensorData.Create<double>(result, target).ConvertTo(source.ElementType);
    }

    private static double Finite(double value) => double.IsInfinity(value) ? 0 : value;

    // The starts of a maximum and a minimum: they stay when nothing is reduced.
    private static double Lowest(DataType type) => type switch
    {
        DataType.Boolean => 0,
        _ when type.IsFloatingPoint() => double.NegativeInfinity,
        _ => type.IntegerRange().Min,
    };

    private static double Highest(DataType type) => type switch
    {
        DataType.Boolean => 1,
        _ when type.IsFloatingPoint() => double.PositiveInfinity,
        _ => type.IntegerRange().Max,
    };

    private static T[] Fold<T>(ReadOnlySpan<T> values, Shape source, ReduceView view, Shape target, T start, Func<T, T, T> step)
    {
        var result = new T[TensorData.CountElements(target)];
        Array.Fill(result, start);
        int[] owner = Owners(source, view);
        for (int i = 0; i < values.Length; i++)
            result[owner[i]] = step(result[owner[i]], values[i]);
        return result;
    }

    // For each element of the source, the element of the result into which it goes.
    private static int[] Owners(Shape source, ReduceView view)
    {
        int[] owners = new int[TensorData.CountElements(source)];
        var walk = new IndexWalk(source);
        for (int i = 0; i < owners.Length; i++, walk.Next())
        {
            int owner = 0;
            for (int d = 0; d < source.Rank; d++)
            {
                if (!view.Axes.Span.Contains(d))
                    owner = owner * source[d] + walk.Index[d];
            }
            owners[i] = owner;
        }
        return owners;
    }
}
