// Operands of ConvInteger and MatMulInteger: integers with a zero point and without a scale.
namespace Int8Runtime.Graph.Lowering;

/// <summary>Source and weights as their integers minus the zero point, and the zero point of the source if it is computed.</summary>
internal sealed record IntegerOperands(Operand Source, Operand Weights, Operand? SourceZeroPoint)
{
    /// <summary>Reads inputs 2 and 3 of the node; null where their form is not served.</summary>
    public static IntegerOperands? Read(GraphNode node, LoweringContext context, Operand source, Operand weights, int weightsAxis)
    {
        if (node.OptionalInput(3) is { IsConstant: false })
            return null;
        int[] weightsZero = node.ConstantInput(3)?.ToInt32Array() ?? [0];
        if (weightsZero.Length > 1 && (weightsAxis < 0 || weightsZero.Length != weights.Shape[weightsAxis]))
            return null;
        float[] ones = [.. weightsZero.Select(_ => 1f)];
        Operand quantizedWeights = weights with { Quantization = new Quantization(weights.Edge.Type, ones, weightsZero, weightsAxis) };
        if (node.OptionalInput(2) is { IsConstant: false } zeroPoint)
        {
            Operand operand = new(context.EdgeOf(zeroPoint));
            if (operand.Shape.ElementCount != 1)
                return null;
            Operand scalar = context.Reshape(node, operand, [1]);
            Edge wide = context.EmitPart(node, node.Name + ":zero_point", new ConvertSpec(), DataType.Int32, [1], scalar).Output;
            return new IntegerOperands(
                source with { Quantization = new Quantization(source.Edge.Type, [1f], [0], -1) }, quantizedWeights, new Operand(wide));
        }

        int[] sourceZero = node.ConstantInput(2)?.ToInt32Array() ?? [0];
        return sourceZero.Length != 1 ? null : new IntegerOperands(
            source with { Quantization = new Quantization(source.Edge.Type, [1f], sourceZero, -1) }, quantizedWeights, null);
    }
}
