// FakeQuantize that has no 8-bit form: a chain of element-wise functions, which fusion joins to one kernel.
namespace Int8Runtime.Graph.Lowering;

/// <summary>Emits the operations of <see cref="FakeQuantizeView"/> in their order.</summary>
internal sealed class FakeQuantizeLowering : INodeLowering
{
    public IReadOnlyList<string> OpTypes { get; } = [OperatorDomains.KeyOf(OperatorDomains.OpenVino, "FakeQuantize")];

    public void Lower(GraphNode node, LoweringContext context)
    {
        Operand source = context.OperandOf(node, 0);
        FakeQuantizeView? view = FakeQuantizeView.OfRanges(node) is null ? null : FakeQuantizeView.Of(NodeOperands.Of(node));
        if (view is null || !view.IsClamp || source.Edge.Type != DataType.Float32 || source.Shape.Rank == 0)
        {
            context.EmitHost(node, view is null ? "the ranges are computed" : !view.IsClamp ? "an input range is descending or empty"
                : source.Shape.Rank == 0 ? "the result is a scalar" : $"no primitive computes it on {source.Edge.Type.ToShortName()}");
            return;
        }

        var chain = new Chain(node, context, source, view.RangeShape);
        float[] least = [.. view.OutputLow.Zip(view.OutputHigh, Math.Min)], most = [.. view.OutputLow.Zip(view.OutputHigh, Math.Max)];
        chain.Clamp(view.InputLow, view.InputHigh);
        chain.Apply(BinaryAlgorithm.Subtract, view.InputLow);
        chain.Apply(BinaryAlgorithm.Multiply, view.InputFactor);
        chain.Step(new EltwiseSpec(EltwiseAlgorithm.Round));
        chain.Apply(BinaryAlgorithm.Multiply, view.OutputStep);
        chain.Apply(BinaryAlgorithm.Add, view.OutputLow);
        Operation last = chain.Clamp(least, most, isLast: true);
        last.Notes.Add($"simulates {view.Levels} levels in f32: "
            + $"{view.FindIntegers(out _, out _, out _) ?? "the ranges differ along several dimensions"}");
    }

    // Numbers are parameters of element-wise functions, vectors second operands of binary ones.
    private sealed class Chain(GraphNode node, LoweringContext context, Operand value, Shape rangeShape)
    {
        private Operand _value = value;

        public Operation Clamp(float[] low, float[] high, bool isLast = false)
        {
            if (low.Length == 1)
                return Emit(new EltwiseSpec(EltwiseAlgorithm.Clip, low[0], high[0]), null, isLast);
            Emit(new BinarySpec(BinaryAlgorithm.Maximum), low, false);
            return Emit(new BinarySpec(BinaryAlgorithm.Minimum), high, isLast);
        }

        public void Apply(BinaryAlgorithm algorithm, float[] operand)
        {
            if (operand.Length > 1)
                Emit(new BinarySpec(algorithm), operand, false);
            else
                Step(algorithm switch
                {
                    BinaryAlgorithm.Subtract => new EltwiseSpec(EltwiseAlgorithm.Linear, 1, -operand[0]),
                    BinaryAlgorithm.Multiply => new EltwiseSpec(EltwiseAlgorithm.Linear, operand[0]),
                    _ => new EltwiseSpec(EltwiseAlgorithm.Linear, 1, operand[0]),
                });
        }

        public void Step(EltwiseSpec spec) => Emit(spec, null, false);

        private Operation Emit(OperationSpec spec, float[]? operand, bool isLast)
        {
            Operand? second = operand is null ? null : context.ToRank(
                node, new Operand(new Edge(node.Name + ":range", DataType.Float32, rangeShape,
                    TensorData.Create<float>(operand, rangeShape))), _value.Shape.Rank);
            ReadOnlySpan<Operand?> operands = second is null ? [_value] : [_value, second];
            Operation operation = isLast
                ? context.Emit(node, spec, operands)
                : context.EmitStep(node, spec, DataType.Float32, _value.Shape, operands);
            _value = new Operand(operation.Output);
            return operation;
        }
    }
}
