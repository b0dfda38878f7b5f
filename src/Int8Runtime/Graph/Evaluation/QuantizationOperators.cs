// QuantizeLinear, DequantizeLinear and DynamicQuantizeLinear: normative and slow.
namespace Int8Runtime.Graph.Evaluation;

internal static class QuantizationOperators
{
    /// <summary>saturate(round(x / scale) + zero point), ties to even, in single precision.</summary>
    public static TensorData Quantize(NodeOperands operands)
    {
        TensorData source = HostEvaluator.Content(operands, 0);
        QuantizationView view = QuantizationView.Of(operands);
        QuantizationView.ScaleIndices indices = view.IndicesOf(source.Shape);
        float[] values = source.ToSingleArray();
        if (MiniFloat.Of(view.IntegerType) is not null)
        {
            for (int i = 0; i < values.Length; i++)
            {
                int channel = indices[i];
                values[i] /= view.Scales[channel];
                if (view.IntegerType == DataType.Float4E2M1)
                    values[i] += view.ZeroPoints[channel];   // which is 0, but makes −0 positive
            }

            bool saturate = operands.Attributes.GetBoolean("saturate", true);
            return TensorDataConversions.ToMiniFloat(TensorData.Create<float>(values, source.Shape), view.IntegerType, saturate);
        }

        (int min, int max) = view.IntegerType.IntegerRange();
        int[] result = new int[values.Length];
        for (int i = 0; i < values.Length; i++)
        {
            int channel = indices[i];
            result[i] = Saturate(MathF.Round(values[i] / view.Scales[channel], MidpointRounding.ToEven), view.ZeroPoints[channel],
                min, max);
        }
        return TensorData.Create<int>(result, source.Shape).ConvertTo(view.IntegerType);
    }

    /// <summary>(q − zero point) · scale, in single precision.</summary>
    public static TensorData Dequantize(NodeOperands operands)
    {
        TensorData source = HostEvaluator.Content(operands, 0);
        QuantizationView view = QuantizationView.Of(operands);
        QuantizationView.ScaleIndices indices = view.IndicesOf(source.Shape);
        double[] values = source.ToDoubleArray();
        TensorData result = TensorData.Allocate(DataType.Float32, source.Shape, out Span<float> target);
        for (int i = 0; i < values.Length; i++)
        {
            int channel = indices[i];
            target[i] = (float)(values[i] - view.ZeroPoints[channel]) * view.Scales[channel];
        }
        return result.ConvertTo(operands[1].ElementType);
    }

    /// <summary>Quantization to u8 over the range of the operand, which is widened to contain 0.</summary>
    public static TensorData[] DynamicQuantize(NodeOperands operands)
    {
        TensorData source = HostEvaluator.Content(operands, 0);
        float[] values = source.ToSingleArray();
        float low = 0, high = 0;
        foreach (float value in values)
        {
            low = Math.Min(low, value);
            high = Math.Max(high, value);
        }
        float scale = (high - low) / 255;
        int zeroPoint = scale == 0 ? 0 : Saturate(MathF.Round(-low / scale, MidpointRounding.ToEven), 0, 0, 255);
        TensorData result = TensorData.Allocate(DataType.UInt8, source.Shape, out Span<byte> target);
        for (int i = 0; i < values.Length; i++)
            target[i] = scale == 0
                ? (byte)0
                : (byte)Saturate(MathF.Round(values[i] / scale, MidpointRounding.ToEven), zeroPoint, 0, 255);
        return [result, TensorData.Scalar(scale), TensorData.Scalar((byte)zeroPoint)];
    }

    private static int Saturate(float rounded, int zeroPoint, int min, int max) =>
        float.IsNaN(rounded) ? min : (int)Math.Clamp((double)rounded + zeroPoint, min, max);
}
