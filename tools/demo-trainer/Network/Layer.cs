// What every layer can do, and the parameters that training changes.
namespace Int8Runtime.DemoTrainer;

/// <summary>An array of trained values with the gradient of the loss.</summary>
/// <param name="dimensions">The dimensions, as ONNX stores them.</param>
/// <param name="decays">Whether weight decay applies (to weights, not to biases and normalization).</param>
internal sealed class Parameter(int[] dimensions, bool decays)
{
    public int[] Dimensions => dimensions;

    public bool Decays => decays;

    public float[] Values { get; } = new float[dimensions.Aggregate(1, (a, b) => a * b)];

    public float[] Gradients { get; } = new float[dimensions.Aggregate(1, (a, b) => a * b)];

    /// <summary>Fills with normal numbers of variance 2 / <paramref name="fanIn"/> (He et al., 2015).</summary>
    public void Initialize(int fanIn, SplitMix64 random)
    {
        float deviation = MathF.Sqrt(2f / fanIn);
        for (int i = 0; i < Values.Length; i++)
            Values[i] = deviation * random.Normal();
    }
}

/// <summary>A differentiable function of a batch; keeps what its backward pass needs, so it serves one batch at a time.</summary>
internal abstract class Layer
{
    /// <summary>The trained parameters.</summary>
    public virtual IEnumerable<Parameter> Parameters => [];

    /// <summary>Computes the output; it stays valid until the next call.</summary>
    /// <param name="input">The input, which must not change before <see cref="Backward"/>.</param>
    /// <param name="training">Whether batch statistics are used and gathered.</param>
    public abstract Tensor Forward(Tensor input, bool training);

    /// <summary>Sets the gradients of the parameters and returns the gradient of the input.</summary>
    /// <param name="gradient">Gradient of the loss with respect to the output of the last <see cref="Forward"/>.</param>
    public abstract Tensor Backward(Tensor gradient);
}
