// A batch normalization as scale and shift of channels.
namespace Int8Runtime.Graph;

/// <summary><c>y = Scale[c]·x + Shift[c]</c>, with Scale = γ/√(σ² + ε) and Shift = β − Scale·μ.</summary>
internal sealed record BatchNormalizationParameters(float[] Scale, float[] Shift)
{
    /// <summary>Reads a BatchNormalization node; null where its parameters are not constant or it is in training mode.</summary>
    public static BatchNormalizationParameters? TryRead(GraphNode node)
    {
        if (node.ConstantInput(1) is not { } gamma || node.ConstantInput(2) is not { } beta || node.ConstantInput(3) is not { } mean
            || node.ConstantInput(4) is not { } variance || node.Attributes.GetBoolean("training_mode"))
            return null;
        double[] g = gamma.ToDoubleArray(), b = beta.ToDoubleArray(), m = mean.ToDoubleArray(), v = variance.ToDoubleArray();
        if (b.Length != g.Length || m.Length != g.Length || v.Length != g.Length)
            throw new ModelFormatException(
                $"{node}: scale, shift, mean and variance differ in length. The model is damaged; export it again.");
        double epsilon = node.Attributes.GetSingle("epsilon", 1e-5f);
        float[] scale = new float[g.Length], shift = new float[g.Length];
        for (int c = 0; c < g.Length; c++)
        {
            double factor = g[c] / Math.Sqrt(v[c] + epsilon);
            scale[c] = (float)factor;
            shift[c] = (float)(b[c] - (factor * m[c]));
        }

        return new BatchNormalizationParameters(scale, shift);
    }
}
