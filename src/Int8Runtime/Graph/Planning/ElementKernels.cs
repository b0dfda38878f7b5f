// Element-wise loops for the types that primitives do not compute with: integers and Booleans of masks and indices.
using System.Numerics;
using Int8Runtime.Graph.Evaluation;

namespace Int8Runtime.Graph.Planning;

/// <summary>Creates element-wise kernels.</summary>
internal static class ElementKernels
{
    /// <summary>The kernel of a node; null where its types or form have none.</summary>
    public static HostKernel? Of(GraphNode node)
    {
        NodeOperands operands = NodeOperands.Of(node);
        if (operands.Count == 0 || !operands.Has(0))
            return null;
        if (node.OpType == "TopK")
            return TopKKernelOf.Create(operands);
        if (!HasArithmetic(operands[0].ElementType))
            return null;
        if (Enumerable.Range(0, operands.Count).Any(i => operands.Has(i) && operands[i].Shape.Rank > BroadcastWalk.MaxRank))
            return null;
        return node.OpType switch
        {
            "Cast" => Elementwise.Dispatch(operands, operands[0].ElementType, new CastFrom(operands, node.Output.ElementType)),
            "Where" => WhereKernel.Create(operands),
            "ArgMax" or "ArgMin" => Elementwise.Dispatch(operands, operands[0].ElementType, new ArgumentKernelOf(operands)),
            "CumSum" => Elementwise.Dispatch(operands, operands[0].ElementType, new RunningSumKernelOf(operands)),
            "OneHot" => Elementwise.Dispatch(operands, operands[0].ElementType, new OneHotKernelOf(operands)),
            "Not" => new UnaryKernel<byte, bool>("not", static x => x == 0),
            _ when operands.Count == 2 && (BinaryOperators.CannotFail(operands) || ComparisonOperators.IsRelation(node.OpType)) =>
                Elementwise.Dispatch(operands, operands[0].ElementType, new BinaryOf(operands)),
            _ => null,
        };
    }

    /// <summary>Whether kernels compute with the type.</summary>
    internal static bool HasArithmetic(DataType type) =>
        type is DataType.Boolean or DataType.Int8 or DataType.UInt8 or DataType.Int32 or DataType.Int64 or DataType.Float32
            or DataType.Float64;

    private sealed class BinaryOf(NodeOperands operands) : INumericFunction<HostKernel>
    {
        public HostKernel Invoke<T>() where T : unmanaged, INumber<T>
        {
            BroadcastWalk walk = BroadcastWalk.Of(Broadcasting.CombineAll(operands), operands[0].Shape, operands[1].Shape);
            string opType = operands.Node.OpType;
            return ComparisonOperators.IsRelation(opType)
                ? new BinaryKernel<T, bool>(opType, walk, ComparisonOperators.Relation<T>(opType))
                : new BinaryKernel<T, T>(opType, walk, BinaryOperators.Function<T>(operands));
        }
    }

    private sealed class CastFrom(NodeOperands operands, DataType target) : INumericFunction<HostKernel?>
    {
        public HostKernel? Invoke<T>() where T : unmanaged, INumber<T> => HasArithmetic(target)
            ? Elementwise.Dispatch(operands, target, new CastTo<T>(operands[0].ElementType, target))
            : null;
    }

    private sealed class CastTo<TSource>(DataType source, DataType target) : INumericFunction<HostKernel> where TSource
        : unmanaged, INumber<TSource>
    {
        public HostKernel Invoke<T>() where T : unmanaged, INumber<T>
        {
            if (target == DataType.Boolean)
                return new UnaryKernel<TSource, bool>("cast", static x => x != TSource.Zero);
            // Real numbers are truncated and saturate; integers keep their low bits.
            return source.IsFloatingPoint()
                ? new UnaryKernel<TSource, T>("cast", static x => T.CreateSaturating(x))
                : new UnaryKernel<TSource, T>("cast", static x => T.CreateTruncating(x));
        }
    }
}

/// <summary>The elements of up to three broadcast operands for each element of a result, in order.</summary>
/// <param name="Extents">Extents of the result, neighbours joined where one step describes them.</param>
/// <param name="Steps">For each operand the step of each extent, in elements.</param>
internal sealed record BroadcastWalk(int[] Extents, int[][] Steps)
{
    /// <summary>The largest number of extents.</summary>
    public const int MaxRank = 16;

    public static BroadcastWalk Of(Shape result, params ReadOnlySpan<Shape> operands)
    {
        var strides = new int[operands.Length][];
        for (int i = 0; i < operands.Length; i++)
            strides[i] = Broadcasting.Strides(operands[i], result);
        return Along(result, strides);
    }

    /// <summary>The walk over operands with any steps.</summary>
    public static BroadcastWalk Along(Shape result, params int[][] strides)
    {
        List<int> extents = [];
        var steps = Array.ConvertAll(strides, _ => new List<int>());
        for (int d = 0; d < result.Rank; d++)
        {
            if (result[d] == 1)
                continue;   // one index has no step
            bool joins = extents.Count > 0;
            for (int i = 0; i < strides.Length && joins; i++)
                joins = steps[i][^1] == (long)strides[i][d] * result[d];
            if (joins)
                extents[^1] *= result[d];
            else
                extents.Add(result[d]);
            for (int i = 0; i < strides.Length; i++)
            {
                if (joins)
                    steps[i][^1] = strides[i][d];
                else
                    steps[i].Add(strides[i][d]);
            }
        }

        if (extents.Count == 0)
        {
            extents.Add(1);
            Array.ForEach(steps, s => s.Add(0));
        }

        return new BroadcastWalk([.. extents], Array.ConvertAll(steps, s => s.ToArray()));
    }

    /// <summary>Goes to the next run of the last extent.</summary>
    public void Next(Span<int> index, Span<int> offsets)
    {
        for (int d = Extents.Length - 2; d >= 0; d--)
        {
            index[d]++;
            bool wraps = index[d] == Extents[d];
            for (int i = 0; i < Steps.Length; i++)
                offsets[i] += wraps ? Steps[i][d] - (Steps[i][d] * Extents[d]) : Steps[i][d];
            if (!wraps)
                return;
            index[d] = 0;
        }
    }
}

/// <summary>A function of one operand.</summary>
internal sealed class UnaryKernel<T, TResult>(string name, Func<T, TResult> function) : HostKernel where T
    : unmanaged where TResult : unmanaged
{
    public override string Name => name;

    public override void Run(ReadOnlySpan<HostOperand> sources, ReadOnlySpan<HostOperand> results)
    {
        ReadOnlySpan<T> source = sources[0].Read<T>();
        Span<TResult> result = results[0].Write<TResult>();
        for (int i = 0; i < result.Length; i++)
            result[i] = function(source[i]);
    }
}

/// <summary>A function of two broadcast operands.</summary>
internal sealed class BinaryKernel<T, TResult>(string opType, BroadcastWalk walk, Func<T, T, TResult> function) : HostKernel
    where T : unmanaged where TResult : unmanaged
{
    public override string Name => opType.ToLowerInvariant();

    public override void Run(ReadOnlySpan<HostOperand> sources, ReadOnlySpan<HostOperand> results)
    {
        ReadOnlySpan<T> left = sources[0].Read<T>(), right = sources[1].Read<T>();
        Span<TResult> result = results[0].Write<TResult>();
        Span<int> index = stackalloc int[BroadcastWalk.MaxRank], offsets = stackalloc int[2];
        index.Clear();
        offsets.Clear();
        int run = walk.Extents[^1], leftStep = walk.Steps[0][^1], rightStep = walk.Steps[1][^1];
        for (int position = 0; position < result.Length; position += run)
        {
            for (int i = 0; i < run; i++)
                result[position + i] = function(left[offsets[0] + (i * leftStep)], right[offsets[1] + (i * rightStep)]);
            walk.Next(index, offsets);
        }
    }
}

/// <summary>Where, for elements of any size.</summary>
internal sealed class WhereKernel(BroadcastWalk walk, int size) : HostKernel
{
    public override string Name => "where";

    public static WhereKernel? Create(NodeOperands operands)
    {
        if (operands[1].ElementType != operands[2].ElementType)
            return null;
        Shape result = Broadcasting.CombineAll(operands);
        return new WhereKernel(BroadcastWalk.Of(result, operands[0].Shape, operands[1].Shape, operands[2].Shape),
            operands[1].ElementType.SizeInBytes());
    }

    public override void Run(ReadOnlySpan<HostOperand> sources, ReadOnlySpan<HostOperand> results)
    {
        switch (size)
        {
            case 1:
                Run<byte>(sources, results);
                break;
            case 2:
                Run<ushort>(sources, results);
                break;
            case 4:
                Run<uint>(sources, results);
                break;
            default:
                Run<ulong>(sources, results);
                break;
        }
    }

    private void Run<T>(ReadOnlySpan<HostOperand> sources, ReadOnlySpan<HostOperand> results) where T : unmanaged
    {
        ReadOnlySpan<byte> condition = sources[0].Read<byte>();
        ReadOnlySpan<T> yes = sources[1].Read<T>(), no = sources[2].Read<T>();
        Span<T> result = results[0].Write<T>();
        Span<int> index = stackalloc int[BroadcastWalk.MaxRank], offsets = stackalloc int[3];
        index.Clear();
        offsets.Clear();
        int run = walk.Extents[^1];
        (int a, int b, int c) = (walk.Steps[0][^1], walk.Steps[1][^1], walk.Steps[2][^1]);
        for (int position = 0; position < result.Length; position += run)
        {
            for (int i = 0; i < run; i++)
                result[position + i] = condition[offsets[0] + (i * a)] != 0 ? yes[offsets[1] + (i * b)] : no[offsets[2] + (i * c)];
            walk.Next(index, offsets);
        }
    }
}
