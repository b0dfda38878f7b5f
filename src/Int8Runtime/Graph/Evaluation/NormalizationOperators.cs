// Normalizations by mean and variance, in double precision.
namespace Int8Runtime.Graph.Evaluation;

internal static class NormalizationOperators
{
    /// <summary>The normalized source, the means and the inverse deviations, as many as the node has outputs.</summary>
    public static TensorData[] LayerNormalization(NodeOperands operands)
    {
        TensorData source = HostEvaluator.Content(operands, 0);
        int axis = operands.AxisAttribute(-1, source.Shape.Rank);
        double[] x = source.ToDoubleArray();
        int length = (int)source.Shape.Slice(axis, source.Shape.Rank - axis).ElementCount;
        Shape statistics = Shape.Create([.. source.Shape.Select((extent, d) => d < axis ? extent : 1)]);
        int sets = TensorData.CountElements(statistics);
        double[] means = new double[sets], inverses = new double[sets];
        double epsilon = operands.Attributes.GetSingle("epsilon", 1e-5f);
        for (int set = 0; set < sets; set++)
        {
            Span<double> values = x.AsSpan(set * length, length);
            (means[set], inverses[set]) = Normalize(values, epsilon);
        }

        double[] scale = Parameter(operands, 1, source.Shape), shift = Parameter(operands, 2, source.Shape);
        for (int i = 0; i < x.Length; i++)
            x[i] = (x[i] * (scale.Length == 0 ? 1 : scale[i])) + (shift.Length == 0 ? 0 : shift[i]);
        TensorData[] all =
        [
            TensorData.Create<double>(x, source.Shape).ConvertTo(source.ElementType),
            TensorData.Create<double>(means, statistics).ConvertTo(DataType.Float32),
            TensorData.Create<double>(inverses, statistics).ConvertTo(DataType.Float32),
        ];
        return all[..operands.Node.Outputs.Count];
    }

    /// <summary>Group normalization; instance normalization has as many groups as channels.</summary>
    public static TensorData GroupNormalization(NodeOperands operands)
    {
        TensorData source = HostEvaluator.Content(operands, 0);
        int channels = source.Shape[1];
        int groups = operands.Node.Is("InstanceNormalization") ? channels : operands.Attributes.GetInt32("num_groups", 1);
        if (groups < 1 || channels % groups != 0)
            throw operands.Defect($"{channels} channels do not fall into {groups} groups");
        double[] x = source.ToDoubleArray(), scale = HostEvaluator.Content(operands, 1).ToDoubleArray();
        double[] shift = HostEvaluator.Content(operands, 2).ToDoubleArray();
        if (scale.Length != channels || shift.Length != channels)
            throw operands.Defect("scale and bias need one element for each channel");
        int sets = source.Shape[0] * groups, length = sets == 0 ? 0 : x.Length / sets,
            pixels = x.Length == 0 ? 1 : length / (channels / groups);
        for (int set = 0; set < sets; set++)
            Normalize(x.AsSpan(set * length, length), operands.Attributes.GetSingle("epsilon", 1e-5f));
        for (int i = 0; i < x.Length; i++)
        {
            int channel = i / pixels % channels;
            x[i] = (x[i] * scale[channel]) + shift[channel];
        }

        return TensorData.Create<double>(x, source.Shape).ConvertTo(source.ElementType);
    }

    // Subtracts the mean and divides by the deviation.
    private static (double Mean, double Inverse) Normalize(Span<double> values, double epsilon)
    {
        double mean = 0, variance = 0;
        foreach (double value in values)
            mean += value / values.Length;
        foreach (double value in values)
            variance += (value - mean) * (value - mean) / values.Length;
        double inverse = 1 / Math.Sqrt(variance + epsilon);
        foreach (ref double value in values)
            value = (value - mean) * inverse;
        return (mean, inverse);
    }

    // A parameter broadcast to the source's shape; empty where it is left out.
    private static double[] Parameter(NodeOperands operands, int index, Shape shape)
    {
        if (!operands.Has(index))
            return [];
        TensorData content = HostEvaluator.Content(operands, index);
        double[] values = content.ToDoubleArray();
        var result = new double[TensorData.CountElements(shape)];
        int missing = shape.Rank - content.Shape.Rank;
        var walk = new IndexWalk(shape);
        for (int i = 0; i < result.Length; i++, walk.Next())
        {
            int place = 0;
            for (int d = 0; d < content.Shape.Rank; d++)
                place = (place * content.Shape[d]) + (content.Shape[d] == 1 ? 0 : walk.Index[missing + d]);
            result[i] = values[place];
        }

        return result;
    }
}
