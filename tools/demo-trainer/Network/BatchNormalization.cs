// Batch normalization with an optional ReLU behind it (one pass over memory instead of two).
using System.Numerics;
using System.Runtime.InteropServices;

namespace Int8Runtime.DemoTrainer;

/// <summary>y = γ·(x − mean)/√(variance + ε) + β per channel (Ioffe and Szegedy, 2015), then max(y, 0) when asked for.</summary>
internal sealed class BatchNormalization : Layer
{
    public const float Epsilon = 1e-5f;

    private const float Momentum = 0.9f;        // of the running statistics
    private readonly float[] _mean, _inverseDeviation;
    private Tensor? _input, _output, _inputGradient;

    /// <summary>Creates the layer.</summary>
    /// <param name="channels">Channels.</param>
    /// <param name="relu">Whether negative outputs become 0.</param>
    public BatchNormalization(int channels, bool relu)
    {
        HasRelu = relu;
        Gamma = new Parameter([channels], decays: false);
        Beta = new Parameter([channels], decays: false);
        Array.Fill(Gamma.Values, 1);
        (RunningMean, RunningVariance) = (new float[channels], new float[channels]);
        Array.Fill(RunningVariance, 1);
        (_mean, _inverseDeviation) = (new float[channels], new float[channels]);
    }

    public bool HasRelu { get; }

    public Parameter Gamma { get; }

    public Parameter Beta { get; }

    public float[] RunningMean { get; }

    public float[] RunningVariance { get; }

    public override IEnumerable<Parameter> Parameters => [Gamma, Beta];

    public override Tensor Forward(Tensor input, bool training)
    {
        _input = input;
        Tensor output = Tensor.Reuse(ref _output, input.Batch, input.Channels, input.Height, input.Width);
        Parallel.For(0, input.Channels, c =>
        {
            (float mean, float variance) = (RunningMean[c], RunningVariance[c]);
            if (training)
            {
                (mean, variance) = Statistics(input, c);
                RunningMean[c] = Momentum * RunningMean[c] + (1 - Momentum) * mean;
                RunningVariance[c] = Momentum * RunningVariance[c] + (1 - Momentum) * variance;
            }

            (_mean[c], _inverseDeviation[c]) = (mean, 1 / MathF.Sqrt(variance + Epsilon));
            float scale = Gamma.Values[c] * _inverseDeviation[c], shift = Beta.Values[c] - mean * scale;
            float floor = HasRelu ? 0 : float.NegativeInfinity;
            for (int n = 0; n < input.Batch; n++)
            {
                ReadOnlySpan<Vector<float>> source = Vectors(input.Plane(n, c));
                Span<Vector<float>> target = Vectors(output.Plane(n, c));
                for (int i = 0; i < source.Length; i++)
                    target[i] = Vector.Max(source[i] * scale + new Vector<float>(shift), new Vector<float>(floor));
            }
        });
        return output;
    }

    /// <inheritdoc/>
    /// <remarks>Valid after a training pass: mean and variance are functions of the input.</remarks>
    public override Tensor Backward(Tensor gradient)
    {
        Tensor input = _input!, output = _output!;
        Tensor inputGradient = Tensor.Reuse(ref _inputGradient, input.Batch, input.Channels, input.Height, input.Width);
        Parallel.For(0, input.Channels, c =>
        {
            // Sums of the gradient and of gradient · normalized input, over what the ReLU let through.
            Vector<float> sum = default, product = default;
            var mean = new Vector<float>(_mean[c]);
            for (int n = 0; n < input.Batch; n++)
            {
                ReadOnlySpan<Vector<float>> x = Vectors(input.Plane(n, c)), dy = Vectors(gradient.Plane(n, c));
                ReadOnlySpan<Vector<float>> y = Vectors(output.Plane(n, c));
                for (int i = 0; i < x.Length; i++)
                {
                    Vector<float> passed = Pass(dy[i], y[i]);
                    sum += passed;
                    product += passed * (x[i] - mean);
                }
            }

            Beta.Gradients[c] = Vector.Sum(sum);
            Gamma.Gradients[c] = Vector.Sum(product) * _inverseDeviation[c];
            float count = input.Batch * input.Area, scale = Gamma.Values[c] * _inverseDeviation[c];
            var meanGradient = new Vector<float>(Beta.Gradients[c] / count);
            float slope = Gamma.Gradients[c] / count * _inverseDeviation[c];
            for (int n = 0; n < input.Batch; n++)
            {
                ReadOnlySpan<Vector<float>> x = Vectors(input.Plane(n, c)), dy = Vectors(gradient.Plane(n, c));
                ReadOnlySpan<Vector<float>> y = Vectors(output.Plane(n, c));
                Span<Vector<float>> dx = Vectors(inputGradient.Plane(n, c));
                for (int i = 0; i < x.Length; i++)
                    dx[i] = (Pass(dy[i], y[i]) - meanGradient - (x[i] - mean) * slope) * scale;
            }
        });
        return inputGradient;
    }

    private Vector<float> Pass(Vector<float> gradient, Vector<float> output) => HasRelu
        ? Vector.ConditionalSelect(Vector.GreaterThan(output, Vector<float>.Zero), gradient, Vector<float>.Zero)
        : gradient;

    private static (float Mean, float Variance) Statistics(Tensor input, int c)
    {
        int count = input.Batch * input.Area;
        Vector<float> sum = default;
        for (int n = 0; n < input.Batch; n++)
        {
            foreach (Vector<float> v in Vectors(input.Plane(n, c)))
                sum += v;
        }

        float mean = Vector.Sum(sum) / count;
        Vector<float> squares = default;
        for (int n = 0; n < input.Batch; n++)
        {
            foreach (Vector<float> v in Vectors(input.Plane(n, c)))
                squares += (v - new Vector<float>(mean)) * (v - new Vector<float>(mean));
        }

        return (mean, Vector.Sum(squares) / count);
    }

    private static Span<Vector<float>> Vectors(Span<float> plane) => plane.Length % Vector<float>.Count == 0
        ? MemoryMarshal.Cast<float, Vector<float>>(plane)
        : throw new ArgumentException($"a plane of {plane.Length} elements is no multiple of {Vector<float>.Count}", nameof(plane));
}
