// The command line of the demo's trainer: draws pictures, trains the network, writes model.onnx and the picture files.
using System.CommandLine;
using System.Globalization;
using Int8Runtime.DemoTrainer;

CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
var output = new Option<DirectoryInfo>("--output", "-o")
{
    Description = "Folder for model.onnx, heldout.bin, calibration.bin and classes.txt",
    DefaultValueFactory = _ => new DirectoryInfo(Path.Combine("tools", "i8rt", "Demo")),
};
var epochs = new Option<int>("--epochs")
{
    Description = $"Epochs of {TrainingSession.StepsPerEpoch * Trainer.BatchSize} newly drawn pictures",
    DefaultValueFactory = _ => 40,
};
epochs.Validators.Add(result =>
{
    if (result.GetValueOrDefault<int>() < 1)
        result.AddError("--epochs must be at least 1");
});
var seed = new Option<ulong>("--seed")
{
    Description = "Seed of the pictures and of the initial weights",
    DefaultValueFactory = _ => 1,
};
var preview = new Option<FileInfo>("--preview")
{
    Description = "Only draw a contact sheet of 60 training pictures into this PNG file",
};
var command = new RootCommand(
    """
    Trains the image classifier of `i8rt demo` and writes it with its pictures.

    The pictures (ten shapes in random pose, colour and texture, with clutter and noise) are drawn by this program, so nothing
    is downloaded. Training, calibration and held-out pictures come from separate random streams. The same seed gives the same
    files on the same kind of machine, whatever the number of threads. With the defaults, expect some minutes on two cores and
    a held-out accuracy of about 94 %.
    """) { output, epochs, seed, preview };
command.SetAction(parsed =>
{
    ulong chosenSeed = parsed.GetValue(seed);
    if (parsed.GetValue(preview) is { } file)
    {
        byte[] pictures = PictureFile.Draw(new SceneArtist(chosenSeed), Split.Training, 0, 60);
        File.WriteAllBytes(file.FullName, PictureFile.ContactSheet(pictures));
        return;
    }

    TrainingSession.Run(parsed.GetValue(output)!, parsed.GetValue(epochs), chosenSeed);
});
return command.Parse(args).Invoke();
