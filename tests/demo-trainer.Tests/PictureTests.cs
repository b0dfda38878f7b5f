// The drawn pictures: the same for the same seed, different between sets, and a network can learn from them.
using Int8Runtime.Quantization;

namespace Int8Runtime.DemoTrainer.Tests;

public class PictureTests
{
    [Fact]
    public void Pictures_follow_from_the_seed_and_the_splits_are_disjoint()
    {
        byte[] heldOut = PictureFile.Draw(new SceneArtist(1), Split.HeldOut, 0, 50);
        Assert.Equal(heldOut, PictureFile.Draw(new SceneArtist(1), Split.HeldOut, 0, 50));
        Assert.Equal(heldOut[(20 * Cifar10Dataset.RecordBytes)..], PictureFile.Draw(new SceneArtist(1), Split.HeldOut, 20, 30));

        HashSet<string> seen = [];
        foreach (Split split in Enum.GetValues<Split>())
        foreach (byte[] record in PictureFile.Draw(new SceneArtist(1), split, 0, 50).Chunk(Cifar10Dataset.RecordBytes))
            Assert.True(seen.Add(Convert.ToHexString(record)));
    }

    [Theory]
    [InlineData("heldout.bin", 400, nameof(Split.HeldOut))]
    [InlineData("calibration.bin", 300, nameof(Split.Calibration))]
    public void The_shipped_pictures_are_the_ones_that_this_tool_draws(string file, int count, string split)
    {
        byte[] shipped = File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, file));
        byte[] drawn = PictureFile.Draw(new SceneArtist(1), Enum.Parse<Split>(split), 0, count);
        Assert.Equal(drawn.Length, shipped.Length);
        // Another C library may round a sine differently, and so a pixel here and there.
        Assert.InRange(shipped.Zip(drawn).Count(pair => pair.First != pair.Second), 0, drawn.Length / 1000);
    }

    [Fact]
    public void Every_outline_encloses_its_points_within_the_unit_circle()
    {
        foreach (Outline outline in Outline.All)
        {
            float inside = 0;
            for (int i = 0; i < 10000; i++)
            {
                var p = new System.Numerics.Vector2(i % 100 / 40f - 1.25f, i / 100 / 40f - 1.25f);
                if (outline.Distance(p) < 0)
                {
                    inside++;
                    Assert.InRange(p.Length(), 0, 1.25f);
                }
            }

            // At least an eighth and at most all of the circle of radius 1.
            Assert.InRange(inside / 1600, MathF.PI / 8, MathF.PI);
        }
    }

    [Fact]
    public void Training_is_deterministic_and_lowers_the_loss()
    {
        Assert.Equal(Losses(2), Losses(2));
        double[] losses = Losses(12);
        Assert.True(losses[^4..].Average() < losses[..4].Average());

        // One batch again and again: the network must learn it.
        static double[] Losses(int steps)
        {
            Layer network = new Sequential(
                new Convolution(3, 8, 3, new SplitMix64(1)), new BatchNormalization(8, relu: true),
                new GlobalAveragePooling(), new FullyConnected(8, 10, new SplitMix64(2)));
            var optimizer = new MomentumOptimizer(network.Parameters);
            var images = new Tensor(20, 3, 32, 32);
            byte[] records = PictureFile.Draw(new SceneArtist(1), Split.Training, 0, 20);
            var set = new Cifar10Dataset("drawn", records, Preprocessing.FromPreset("cifar10"));
            for (int i = 0; i < 20; i++)
                set.Load(i, images.Image(i));
            var gradient = new Tensor(20, 10, 1, 1);
            int[] labels = [.. Enumerable.Range(0, 20).Select(i => set.Label(i)!.Value)];
            var losses = new double[steps];
            for (int i = 0; i < steps; i++)
            {
                losses[i] = CrossEntropy.Evaluate(network.Forward(images, training: true), labels, gradient);
                network.Backward(gradient);
                optimizer.Step(0.05f);
            }

            return losses;
        }
    }
}
