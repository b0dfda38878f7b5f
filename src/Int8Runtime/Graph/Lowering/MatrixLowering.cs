// Gemm, MatMul and MatMulInteger: fully connected layers where the right operand is constant, matrix products otherwise.
namespace Int8Runtime.Graph.Lowering;

/// <summary>Matrix products.</summary>
internal sealed class MatrixLowering : INodeLowering
{
    public IReadOnlyList<string> OpTypes { get; } = ["Gemm", "MatMul", "MatMulInteger"];

    public void Lower(GraphNode node, LoweringContext context)
    {
        if (LoweringContext.ExtentsOf(node.Output).ElementCount == 0 || context.OperandOf(node, 0).Shape.ElementCount == 0)
            context.EmitHost(node, "an operand is empty");
        else if (node.Is("MatMul") && node.Output.ElementType != DataType.Float32)
            context.EmitHost(node, $"no primitive multiplies {node.Output.ElementType.ToShortName()}");
        else if (node.Is("Gemm"))
            LowerGemm(node, context);
        else
            LowerMatMul(node, context);
    }

    private static void LowerGemm(GraphNode node, LoweringContext context)
    {
        GemmView view = GemmView.Of(NodeOperands.Of(node));
        Operand left = context.OperandOf(node, 0), right = context.OperandOf(node, 1);
        Operand? addend = node.OptionalInput(2) is null || view.Beta == 0 ? null : context.OperandOf(node, 2);
        bool isBias = addend is not null && view is { Alpha: 1, Beta: 1 } && addend.IsKnown()
            && addend.Shape.ElementCount == view.N && addend.Shape.Rank > 0 && addend.Shape[^1] == view.N;
        OperationSpec product = right.IsKnown() && !view.TransposeA
            ? new InnerProductSpec(InputMajorWeights: !view.TransposeB)
            : new MatMulSpec(view.TransposeA, view.TransposeB);
        Operand? bias = isBias ? context.Reshape(node, addend!, [view.N]) : null;
        if (view.Alpha == 1 && (addend is null || isBias))
        {
            context.Emit(node, product, left, right, bias);
            return;
        }

        DataType type = node.Output.ElementType;
        Shape result = [view.M, view.N];
        Operand value = new(context.EmitStep(node, product, type, result, left, right, bias).Output);
        if (addend is null)
        {
            context.Emit(node, new EltwiseSpec(EltwiseAlgorithm.Linear, view.Alpha), value);
            return;
        }

        if (view.Alpha != 1)
            value = new(context.EmitStep(node, new EltwiseSpec(EltwiseAlgorithm.Linear, view.Alpha), type, result, value).Output);
        if (view.Beta != 1)
            addend = new(context.EmitStep(node, new EltwiseSpec(EltwiseAlgorithm.Linear, view.Beta), type, addend.Shape, addend).Output);
        context.Emit(node, new BinarySpec(BinaryAlgorithm.Add), value, context.ToRank(node, addend, 2));
    }

    private static void LowerMatMul(GraphNode node, LoweringContext context)
    {
        MatMulView view = MatMulView.Of(NodeOperands.Of(node));
        Operand left = context.OperandOf(node, 0), right = context.OperandOf(node, 1);
        Operand? runtimeZeroPoint = null;
        if (node.Is("MatMulInteger"))
        {
            if (IntegerOperands.Read(node, context, left, right, right.Shape.Rank == 2 ? 1 : -1) is not { } operands)
            {
                context.EmitHost(node, "the zero points are not those of a tensor or of columns");
                return;
            }

            (left, right, runtimeZeroPoint) = operands;
        }

        if (right.Shape.Rank == 2 && right.IsKnown() && runtimeZeroPoint is null)
        {
            // All leading dimensions are rows of one product.
            int rows = (int)(left.Shape.ElementCount / view.K);
            Emit(node, context, new InnerProductSpec(InputMajorWeights: true), [rows, view.N],
                context.Reshape(node, left, [rows, view.K]), right);
            return;
        }

        int rank = view.Batch.Rank + 2;
        Shape leftShape = left.Shape.Rank == 1 ? [1, view.K] : left.Shape;
        Shape rightShape = right.Shape.Rank == 1 ? [view.K, 1] : right.Shape;
        Emit(node, context, new MatMulSpec(false, false), [.. view.Batch, view.M, view.N],
            context.ToRank(node, context.Reshape(node, left, leftShape), rank),
            context.ToRank(node, context.Reshape(node, right, rightShape), rank), null, runtimeZeroPoint);
    }

    // Emits the product and gives its result the node's shape.
    private static void Emit(GraphNode node, LoweringContext context, OperationSpec spec, Shape product,
        params ReadOnlySpan<Operand?> operands)
    {
        if (product == LoweringContext.ExtentsOf(node.Output))
            context.Emit(node, spec, operands);
        else
            context.Emit(node, new ReshapeSpec(),
                new Operand(context.EmitStep(node, spec, node.Output.ElementType, product, operands).Output));
    }
}
