// The training loop: new pictures for every batch, a learning rate that warms up and then falls along a cosine.
using Int8Runtime.Quantization;

namespace Int8Runtime.DemoTrainer;

/// <summary>What one step of training found.</summary>
/// <param name="Step">Steps done.</param>
/// <param name="Loss">Mean loss of the batch.</param>
/// <param name="Correct">Pictures of the batch that were classified correctly.</param>
internal readonly record struct StepReport(int Step, double Loss, int Correct);

/// <summary>Trains and evaluates a network on drawn pictures.</summary>
internal sealed class Trainer(Layer network, SceneArtist artist)
{
    public const int BatchSize = 32;

    private const float PeakRate = 0.05f;
    private readonly Preprocessor _preprocessor = new(Preprocessing.FromPreset("cifar10"));
    private readonly MomentumOptimizer _optimizer = new(network.Parameters);
    private Tensor? _images, _gradient;

    /// <summary>Does one step of training.</summary>
    /// <param name="step">Number of the step, from 0.</param>
    /// <param name="steps">Steps in all.</param>
    public StepReport Step(int step, int steps)
    {
        int[] labels = LoadBatch(Split.Training, (long)step * BatchSize, BatchSize);
        Tensor scores = network.Forward(_images!, training: true);
        Tensor gradient = Tensor.Reuse(ref _gradient, scores.Batch, scores.Channels, 1, 1);
        double loss = CrossEntropy.Evaluate(scores, labels, gradient);
        network.Backward(gradient);
        float warmUp = Math.Min(1, (step + 1) / (0.05f * steps));
        _optimizer.Step(PeakRate * warmUp * 0.5f * (1 + MathF.Cos(MathF.PI * step / steps)));
        return new StepReport(step + 1, loss, CountCorrect(scores, labels));
    }

    /// <summary>The share of a split's first pictures that the network classifies correctly.</summary>
    /// <param name="split">The set.</param>
    /// <param name="count">How many pictures.</param>
    public double Accuracy(Split split, int count)
    {
        int correct = 0;
        for (int first = 0; first < count; first += BatchSize)
        {
            int[] labels = LoadBatch(split, first, Math.Min(BatchSize, count - first));
            correct += CountCorrect(network.Forward(_images!, training: false), labels);
        }

        return correct / (double)count;
    }

    private int[] LoadBatch(Split split, long first, int count)
    {
        Tensor images = Tensor.Reuse(ref _images, count, 3, SceneArtist.Side, SceneArtist.Side);
        Parallel.For(0, count, n =>
        {
            // Through the same record format and preprocessing that the runtime uses.
            byte[] record = PictureFile.Draw(artist, split, first + n, 1);
            new Cifar10Dataset("drawn", record, _preprocessor.Settings).Load(0, images.Image(n));
        });
        return [.. Enumerable.Range(0, count).Select(n => SceneArtist.LabelOf(first + n))];
    }

    private static int CountCorrect(Tensor scores, int[] labels)
    {
        int correct = 0;
        for (int n = 0; n < labels.Length; n++)
            correct += TopKAccuracy.Rank(scores.Image(n), labels[n]) == 0 ? 1 : 0;
        return correct;
    }
}
