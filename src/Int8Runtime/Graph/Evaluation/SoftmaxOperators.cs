// Softmax, LogSoftmax and Hardmax along one axis, in double precision.
namespace Int8Runtime.Graph.Evaluation;

internal static class SoftmaxOperators
{
    /// <summary>The operators that <see cref="Evaluate"/> knows.</summary>
    public static readonly string[] Names = ["Softmax", "LogSoftmax", "Hardmax"];

    public static TensorData Evaluate(NodeOperands operands)
    {
        TensorData source = HostEvaluator.Content(operands, 0);
        int axis = operands.AxisAttribute(-1, source.Rank), extent = source.Shape[axis];
        int inner = TensorData.CountElements(source.Shape[(axis + 1)..]);
        double[] values = source.ToDoubleArray();
        var line = new double[extent];
        for (int l = 0; l < (extent == 0 ? 0 : values.Length / extent); l++)
        {
            int first = l / inner * inner * extent + l % inner;
            for (int i = 0; i < extent; i++)
                line[i] = values[first + i * inner];
            Normalize(operands.Node.OpType, line);
            for (int i = 0; i < extent; i++)
                values[first + i * inner] = line[i];
        }

        return TensorData.Create<double>(values, source.Shape).ConvertTo(source.ElementType);
    }

    private static void Normalize(string opType, double[] line)
    {
        double highest = line.Max();
        if (opType == "Hardmax")
        {
            int first = Array.IndexOf(line, highest);
            Array.Clear(line);
            line[Math.Max(first, 0)] = 1;
            return;
        }

        double sum = line.Sum(x => Math.Exp(x - highest));
        bool logarithm = opType == "LogSoftmax";
        for (int i = 0; i < line.Length; i++)
            line[i] = logarithm ? line[i] - highest - Math.Log(sum) : Math.Exp(line[i] - highest) / sum;
    }
}
