// A whole training with its progress display, and the files that come out of it.
using System.Diagnostics;
using Int8Runtime.Graph;
using Int8Runtime.Onnx;
using Spectre.Console;

namespace Int8Runtime.DemoTrainer;

/// <summary>Trains, reports, and writes the demo's files.</summary>
internal static class TrainingSession
{
    public const int StepsPerEpoch = 200;

    private const int StoredHeldOut = 400, StoredCalibration = 300, EpochHeldOut = 500, FinalHeldOut = 4000;

    /// <summary>Runs a training and writes model.onnx, heldout.bin, calibration.bin and classes.txt.</summary>
    /// <param name="folder">Created when it does not exist.</param>
    /// <param name="epochs">Epochs of <see cref="StepsPerEpoch"/> batches.</param>
    /// <param name="seed">Seed of pictures and weights.</param>
    public static void Run(DirectoryInfo folder, int epochs, ulong seed)
    {
        if (Console.IsOutputRedirected)
            AnsiConsole.Profile.Width = int.MaxValue / 2;       // a log's lines are not wrapped

        folder.Create(); // what cannot be written is better known before the training
        var artist = new SceneArtist(seed);
        Sequential network = DemoNetwork.Create(seed);
        var trainer = new Trainer(network, artist);
        AnsiConsole.WriteLine($"{network.Parameters.Sum(p => p.Values.Length):N0} weights, {epochs} epochs of {StepsPerEpoch} "
            + $"batches of {Trainer.BatchSize}, seed {seed}, {Environment.ProcessorCount} threads");
        var clock = Stopwatch.StartNew();
        if (Console.IsOutputRedirected)
        {
            Train(trainer, epochs, _ => { });
        }
        else
        {
            AnsiConsole.Progress().Columns(
                new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn(), new PercentageColumn(),
                new RemainingTimeColumn()).Start(context =>
                {
                    ProgressTask task = context.AddTask("training", maxValue: epochs * StepsPerEpoch);
                    Train(trainer, epochs, report =>
                    {
                        task.Description = $"epoch {(report.Step - 1) / StepsPerEpoch + 1}/{epochs}, loss {report.Loss:F3}";
                        task.Value = report.Step;
                    });
                });
        }

        AnsiConsole.WriteLine($"trained in {clock.Elapsed.TotalSeconds:F0} s");

        WriteFiles(folder, ModelExport.Export(network), artist);
        AnsiConsole.WriteLine($"held-out accuracy: {trainer.Accuracy(Split.HeldOut, StoredHeldOut):P2} of the {StoredHeldOut} "
            + $"stored pictures, {trainer.Accuracy(Split.HeldOut, FinalHeldOut):P2} of {FinalHeldOut}");
    }

    private static void Train(Trainer trainer, int epochs, Action<StepReport> onStep)
    {
        int steps = epochs * StepsPerEpoch;
        for (int epoch = 0; epoch < epochs; epoch++)
        {
            double loss = 0;
            int correct = 0;
            for (int i = 0; i < StepsPerEpoch; i++)
            {
                StepReport report = trainer.Step(epoch * StepsPerEpoch + i, steps);
                loss += report.Loss / StepsPerEpoch;
                correct += report.Correct;
                onStep(report);
            }

            AnsiConsole.WriteLine($"epoch {epoch + 1,3}: loss {loss:F4}, training accuracy "
                + $"{correct / (double)(StepsPerEpoch * Trainer.BatchSize),7:P2}, held-out accuracy "
                + $"{trainer.Accuracy(Split.HeldOut, EpochHeldOut),7:P2}");
        }
    }

    private static void WriteFiles(DirectoryInfo folder, ModelGraph model, SceneArtist artist)
    {
        OnnxModel.Save(model, Path.Combine(folder.FullName, "model.onnx"));
        Write("heldout.bin", PictureFile.Draw(artist, Split.HeldOut, 0, StoredHeldOut));
        Write("calibration.bin", PictureFile.Draw(artist, Split.Calibration, 0, StoredCalibration));
        Write("classes.txt", System.Text.Encoding.ASCII.GetBytes(string.Concat(Outline.All.Select(outline => outline.Name + "\n"))));
        AnsiConsole.WriteLine($"wrote {folder.FullName}");

        void Write(string name, byte[] content) => File.WriteAllBytes(Path.Combine(folder.FullName, name), content);
    }
}
