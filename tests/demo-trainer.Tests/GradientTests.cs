// The backward passes against central differences of the forward passes.
namespace Int8Runtime.DemoTrainer.Tests;

public class GradientTests
{
    private const float Step = 1 / 256f;

    [Theory]
    [InlineData("dense"), InlineData("pointwise"), InlineData("depthwise"), InlineData("depthwise stride 2")]
    [InlineData("normalization"), InlineData("normalization and relu")]
    [InlineData("residual"), InlineData("pooling"), InlineData("full")]
    public void Backward_is_the_derivative_of_forward(string name)
    {
        var random = new SplitMix64(1);
        (Layer layer, Tensor input) = name switch
        {
            "dense" => (new Convolution(3, 6, 3, random), Normal(random, 9, 3, 4, 8)),
            "pointwise" => (new Convolution(5, 4, 1, random), Normal(random, 3, 5, 4, 8)),
            "depthwise" => (new DepthwiseConvolution(3, 1, random), Normal(random, 9, 3, 4, 8)),
            "depthwise stride 2" => (new DepthwiseConvolution(3, 2, random), Normal(random, 3, 3, 8, 8)),
            "normalization" => (new BatchNormalization(3, relu: false), Normal(random, 4, 3, 4, 4)),
            "normalization and relu" => (new BatchNormalization(3, relu: true), Normal(random, 4, 3, 4, 4)),
            "residual" => (new Residual(new Sequential(new Convolution(4, 4, 3, random))), Normal(random, 3, 4, 4, 4)),
            "pooling" => (new GlobalAveragePooling(), Normal(random, 2, 3, 4, 4)),
            "full" => ((Layer)new FullyConnected(6, 4, random), Normal(random, 3, 6, 1, 1)),
            _ => throw new ArgumentOutOfRangeException(nameof(name)),
        };
        Tensor output = layer.Forward(input, training: true);
        Tensor weights = Normal(random, output.Batch, output.Channels, output.Height, output.Width);
        Tensor gradient = layer.Backward(weights);

        CheckDerivatives(layer, input, weights, input.Data, gradient.Data);
        foreach (Parameter parameter in layer.Parameters)
            CheckDerivatives(layer, input, weights, parameter.Values, parameter.Gradients);
    }

    [Fact]
    public void Cross_entropy_has_the_gradient_it_claims()
    {
        Tensor scores = Normal(new SplitMix64(2), 4, 5, 1, 1), gradient = new(4, 5, 1, 1), ignored = new(4, 5, 1, 1);
        int[] labels = [0, 4, 2, 2];
        CrossEntropy.Evaluate(scores, labels, gradient);
        for (int i = 0; i < scores.Data.Length; i++)
        {
            float old = scores.Data[i];
            scores.Data[i] = old + Step;
            double above = CrossEntropy.Evaluate(scores, labels, ignored);
            scores.Data[i] = old - Step;
            double below = CrossEntropy.Evaluate(scores, labels, ignored);
            scores.Data[i] = old;
            Assert.Equal((above - below) / (2 * Step), gradient.Data[i], 1e-3);
        }
    }

    // The loss is Σ weights · output. Between two points where a ReLU switches there is no derivative to compare with; few are such.
    private static void CheckDerivatives(Layer layer, Tensor input, Tensor weights, float[] values, float[] derivatives)
    {
        float[] claimed = [.. derivatives];
        int switched = 0;
        for (int i = 0; i < values.Length; i++)
        {
            float old = values[i];
            values[i] = old + Step;
            (double above, bool[] patternAbove) = Evaluate(layer, input, weights);
            values[i] = old - Step;
            (double below, bool[] patternBelow) = Evaluate(layer, input, weights);
            values[i] = old;
            if (patternAbove.SequenceEqual(patternBelow))
                Assert.Equal((above - below) / (2 * Step), claimed[i], 1e-2 * Math.Max(1, Math.Abs(claimed[i])));
            else
                switched++;
        }

        Assert.Contains(claimed, derivative => derivative != 0);
        Assert.InRange(switched, 0, values.Length - 1);
    }

    private static (double Loss, bool[] Pattern) Evaluate(Layer layer, Tensor input, Tensor weights)
    {
        Tensor output = layer.Forward(input, training: true);
        return (output.Data.Zip(weights.Data, (y, w) => (double)y * w).Sum(), [.. output.Data.Select(y => y != 0)]);
    }

    private static Tensor Normal(SplitMix64 random, int batch, int channels, int height, int width)
    {
        var tensor = new Tensor(batch, channels, height, width);
        for (int i = 0; i < tensor.Data.Length; i++)
            tensor.Data[i] = random.Normal();
        return tensor;
    }
}
