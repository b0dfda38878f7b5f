// The end of the network: global average pooling and a fully connected layer, and the loss.
namespace Int8Runtime.DemoTrainer;

/// <summary>The mean of each channel: [n, c, h, w] to [n, c, 1, 1].</summary>
internal sealed class GlobalAveragePooling : Layer
{
    private Tensor? _input, _output, _inputGradient;

    public override Tensor Forward(Tensor input, bool training)
    {
        _input = input;
        Tensor output = Tensor.Reuse(ref _output, input.Batch, input.Channels, 1, 1);
        for (int i = 0; i < output.Data.Length; i++)
        {
            float sum = 0;
            foreach (float value in input.Data.AsSpan(i * input.Area, input.Area))
                sum += value;
            output.Data[i] = sum / input.Area;
        }

        return output;
    }

    public override Tensor Backward(Tensor gradient)
    {
        Tensor input = _input!;
        Tensor inputGradient = Tensor.Reuse(ref _inputGradient, input.Batch, input.Channels, input.Height, input.Width);
        for (int i = 0; i < gradient.Data.Length; i++)
            inputGradient.Data.AsSpan(i * input.Area, input.Area).Fill(gradient.Data[i] / input.Area);
        return inputGradient;
    }
}

/// <summary>y = W·x + b; weights are [outputs, inputs].</summary>
internal sealed class FullyConnected : Layer
{
    private readonly int _inputs, _outputs;
    private Tensor? _input, _output, _inputGradient;

    /// <summary>Creates the layer.</summary>
    /// <param name="inputs">Input features.</param>
    /// <param name="outputs">Output features.</param>
    /// <param name="random">For the initial weights.</param>
    public FullyConnected(int inputs, int outputs, SplitMix64 random)
    {
        (_inputs, _outputs) = (inputs, outputs);
        Weights = new Parameter([outputs, inputs], decays: true);
        Weights.Initialize(inputs, random);
        Bias = new Parameter([outputs], decays: false);
    }

    public Parameter Weights { get; }

    public Parameter Bias { get; }

    public override IEnumerable<Parameter> Parameters => [Weights, Bias];

    public override Tensor Forward(Tensor input, bool training)
    {
        _input = input;
        Tensor output = Tensor.Reuse(ref _output, input.Batch, _outputs, 1, 1);
        for (int n = 0; n < input.Batch; n++)
        {
            for (int o = 0; o < _outputs; o++)
            {
                float sum = Bias.Values[o];
                ReadOnlySpan<float> weights = Weights.Values.AsSpan(o * _inputs, _inputs), x = input.Image(n);
                for (int i = 0; i < weights.Length; i++)
                    sum += weights[i] * x[i];
                output.Image(n)[o] = sum;
            }
        }

        return output;
    }

    public override Tensor Backward(Tensor gradient)
    {
        Tensor input = _input!;
        Tensor inputGradient = Tensor.Reuse(ref _inputGradient, input.Batch, _inputs, 1, 1);
        Array.Clear(inputGradient.Data);
        Array.Clear(Weights.Gradients);
        Array.Clear(Bias.Gradients);
        for (int n = 0; n < input.Batch; n++)
        {
            for (int o = 0; o < _outputs; o++)
            {
                float dy = gradient.Image(n)[o];
                Bias.Gradients[o] += dy;
                ReadOnlySpan<float> weights = Weights.Values.AsSpan(o * _inputs, _inputs), x = input.Image(n);
                Span<float> dw = Weights.Gradients.AsSpan(o * _inputs, _inputs), dx = inputGradient.Image(n);
                for (int i = 0; i < weights.Length; i++)
                {
                    dw[i] += dy * x[i];
                    dx[i] += dy * weights[i];
                }
            }
        }

        return inputGradient;
    }
}

/// <summary>Softmax and cross entropy.</summary>
internal static class CrossEntropy
{
    /// <summary>The mean loss of a batch.</summary>
    /// <param name="logits">Scores, [n, classes, 1, 1].</param>
    /// <param name="labels">True classes.</param>
    /// <param name="gradient">Receives the gradient of the mean loss; of the same dimensions as the scores.</param>
    public static double Evaluate(Tensor logits, ReadOnlySpan<int> labels, Tensor gradient)
    {
        double loss = 0;
        for (int n = 0; n < logits.Batch; n++)
        {
            ReadOnlySpan<float> scores = logits.Image(n);
            float maximum = float.NegativeInfinity, sum = 0;
            foreach (float score in scores)
                maximum = MathF.Max(maximum, score);
            foreach (float score in scores)
                sum += MathF.Exp(score - maximum);
            for (int c = 0; c < scores.Length; c++)
            {
                float probability = MathF.Exp(scores[c] - maximum) / sum;
                gradient.Image(n)[c] = (probability - (c == labels[n] ? 1 : 0)) / logits.Batch;
            }

            loss += MathF.Log(sum) + maximum - scores[labels[n]];
        }

        return loss / logits.Batch;
    }
}
