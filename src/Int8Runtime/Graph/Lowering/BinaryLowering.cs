// Binary and variadic element-wise operators, Where, PRelu, and BatchNormalization that could not be folded.
namespace Int8Runtime.Graph.Lowering;

/// <summary>Operators that combine tensors element by element.</summary>
internal sealed class BinaryLowering : INodeLowering
{
    public IReadOnlyList<string> OpTypes { get; } =
        ["Add", "Sub", "Mul", "Div", "Max", "Min", "Sum", "Mean", "Where", "PRelu", "BatchNormalization"];

    public void Lower(GraphNode node, LoweringContext context)
    {
        Shape result = LoweringContext.ExtentsOf(node.Output);
        if (node.Output.ElementType != DataType.Float32 || result.Rank == 0)
        {
            context.EmitHost(node,
                result.Rank == 0 ? "the result is a scalar"
                : $"no primitive computes it on {node.Output.ElementType.ToShortName()}");
            return;
        }

        switch (node.OpType)
        {
            case "PRelu":
                LowerPRelu(node, context, result);
                break;
            case "Where":
                LowerWhere(node, context, result);
                break;
            case "Sum" or "Mean" when IsPlainSum(node, context, result):
                Operand?[] addends = [.. Enumerable.Range(0, node.Inputs.Count).Select(i => context.OperandOf(node, i))];
                context.Emit(node, new SumSpec(node.Is("Mean") ? 1f / addends.Length : 1), addends);
                break;
            case "BatchNormalization":
                LowerBatchNormalization(node, context, result);
                break;
            default:
                LowerChain(node, context, result);
                break;
        }
    }

    private static void LowerChain(GraphNode node, LoweringContext context, Shape result)
    {
        BinaryAlgorithm algorithm = node.OpType switch
        {
            "Sub" => BinaryAlgorithm.Subtract,
            "Mul" => BinaryAlgorithm.Multiply,
            "Div" => BinaryAlgorithm.Divide,
            "Max" => BinaryAlgorithm.Maximum,
            "Min" => BinaryAlgorithm.Minimum,
            _ => BinaryAlgorithm.Add,
        };
        Operand left = context.OperandOf(node, 0);
        if (node.Inputs.Count == 1)
        {
            context.Emit(node, new ReshapeSpec(), left);
            return;
        }

        bool isMean = node.Is("Mean");
        for (int i = 1; i < node.Inputs.Count; i++)
        {
            Operand right = context.OperandOf(node, i);
            bool last = i == node.Inputs.Count - 1 && !isMean;
            Shape shape = last ? result : Combined(left.Shape, right.Shape);
            (OperationSpec spec, Operand[] operands) = Simplified(algorithm, left, right, shape) is { } linear
                ? (linear.Spec, [linear.Source])
                : ((OperationSpec)new BinarySpec(algorithm),
                    (Operand[])[context.ToRank(node, left, shape.Rank), context.ToRank(node, right, shape.Rank)]);
            Operation operation = last
                ? context.Emit(node, spec, operands) : context.EmitStep(node, spec, DataType.Float32, shape, operands);
            left = new Operand(operation.Output);
        }

        if (isMean)
            context.Emit(node, new EltwiseSpec(EltwiseAlgorithm.Linear, 1f / node.Inputs.Count), left);
    }

    // Three and more tensors of one shape are added in one pass, unless one is a product, which adds the others as it stores.
    private static bool IsPlainSum(GraphNode node, LoweringContext context, Shape result) =>
        node.Inputs.Count > (node.Is("Mean") ? 1 : 2) && node.Inputs.Count <= PostOp.MaximumChainLength
        && Enumerable.Range(0, node.Inputs.Count).Select(i => context.OperandOf(node, i)).All(operand =>
            operand.Shape == result && operand.Edge.Producer?.Spec is not (ConvolutionSpec or InnerProductSpec or MatMulSpec));

    private static void LowerWhere(GraphNode node, LoweringContext context, Shape result)
    {
        Operand condition = context.OperandOf(node, 0);
        if (result.ElementCount == 0)
        {
            context.EmitHost(node, "the result is empty");
            return;
        }

        // To the primitive, booleans are bytes that are 0 or not.
        if (condition.Edge.Constant is { } known)
            condition = new Operand(context.ConstantEdge(condition.Edge.Name, new TensorData(DataType.Int8, known.Shape, known.Bytes)));
        Operand ToRank(Operand operand) => context.ToRank(node, operand, result.Rank);
        context.Emit(node, new SelectSpec(), ToRank(condition), ToRank(context.OperandOf(node, 1)), ToRank(context.OperandOf(node, 2)));
    }

    // x·c, x + c, x − c and x/c for a constant number c are one linear function; a division only where 1/c is exact.
    private static (EltwiseSpec Spec, Operand Source)? Simplified(BinaryAlgorithm algorithm, Operand left, Operand right, Shape result)
    {
        bool commutes = algorithm is BinaryAlgorithm.Add or BinaryAlgorithm.Multiply;
        if (commutes && left.KnownScalar() is not null && right.KnownScalar() is null)
            (left, right) = (right, left);
        if (left.Shape != result || right.KnownScalar() is not { } c || left.IsKnown())
            return null;
        EltwiseSpec? spec = algorithm switch
        {
            BinaryAlgorithm.Add => new(EltwiseAlgorithm.Linear, 1, c),
            BinaryAlgorithm.Subtract => new(EltwiseAlgorithm.Linear, 1, -c),
            BinaryAlgorithm.Multiply => new(EltwiseAlgorithm.Linear, c),
            BinaryAlgorithm.Divide when float.IsPow2(MathF.Abs(c)) => new(EltwiseAlgorithm.Linear, 1 / c),
            _ => null,
        };
        return spec is null ? null : (spec, left);
    }

    private static void LowerPRelu(GraphNode node, LoweringContext context, Shape result)
    {
        Operand source = context.OperandOf(node, 0), slope = context.OperandOf(node, 1);
        if (slope.KnownScalar() is { } alpha)
            context.Emit(node, new EltwiseSpec(EltwiseAlgorithm.Relu, alpha), source);
        else
            context.Emit(node, new PReluSpec(), source, context.ToRank(node, slope, result.Rank));
    }

    private static void LowerBatchNormalization(GraphNode node, LoweringContext context, Shape result)
    {
        if (BatchNormalizationParameters.TryRead(node) is not { } parameters || result.Rank < 2)
        {
            context.EmitHost(node, "the statistics are not constant");
            return;
        }

        int[] shape = [.. result.Select((_, d) => d == 1 ? result[1] : 1)];
        Edge Constant(string suffix, float[] values) =>
            new(node.Name + suffix, DataType.Float32, shape, TensorData.Create<float>(values, shape));
        Operation scaled = context.EmitStep(node, new BinarySpec(BinaryAlgorithm.Multiply), DataType.Float32, result,
            context.OperandOf(node, 0), new Operand(Constant(":scale", parameters.Scale)));
        context.Emit(node, new BinarySpec(BinaryAlgorithm.Add), new Operand(scaled.Output),
            new Operand(Constant(":shift", parameters.Shift)));
    }

    private static Shape Combined(Shape left, Shape right)
    {
        int rank = Math.Max(left.Rank, right.Rank);
        var extents = new int[rank];
        for (int i = 1; i <= rank; i++)
            extents[^i] = Math.Max(i <= left.Rank ? left[^i] : 1, i <= right.Rank ? right[^i] : 1);
        return extents;
    }
}
