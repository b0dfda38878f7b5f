// FakeQuantize, element by element.
namespace Int8Runtime.Graph.Evaluation.OpenVino;

internal static class QuantizationSimulation
{
    public static TensorData FakeQuantize(NodeOperands operands)
    {
        TensorData source = HostEvaluator.Content(operands, 0);
        FakeQuantizeView view = FakeQuantizeView.Of(operands);
        float[] values = source.ToSingleArray();
        int ranges = view.InputLow.Length;
        if (ranges == 1)
        {
            for (int i = 0; i < values.Length; i++)
                values[i] = view.Evaluate(values[i], 0);
        }
        else
        {
            TensorData numbers = TensorData.Create<int>([.. Enumerable.Range(0, ranges)], view.RangeShape);
            ReadOnlySpan<int> indices = Elementwise.Broadcast(numbers, source.Shape).AsSpan<int>();
            for (int i = 0; i < values.Length; i++)
                values[i] = view.Evaluate(values[i], indices[i]);
        }

        return TensorData.Create<float>(values, source.Shape).ConvertTo(source.ElementType);
    }
}
