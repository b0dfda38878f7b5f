// Files that cannot be read are refused with the exception of their kind and their name. A folder in the place of a file, which the
// system reports as protected, stands for a file without the right to read it.
namespace Int8Runtime.Quantization.Tests;

public sealed class UserFileTests
{
    [Fact]
    public void Configurations_that_cannot_be_read_are_refused_with_their_name()
    {
        using var folder = new TempFolder();
        string path = Directory.CreateDirectory(Path.Combine(folder.Path, "protected.json")).FullName;
        foreach (Action load in (Action[])
            [() => HardwareProfile.Load(path), () => NodePattern.Load(path), () => TunerConfigurationReader.Load(path),
                () => TrialHistory.Open(path, "model", "settings")])
        {
            QuantizationException exception = Assert.Throws<QuantizationException>(load);
            Assert.Contains(path, exception.Message, StringComparison.Ordinal);
            Assert.IsType<UnauthorizedAccessException>(exception.InnerException);
        }
    }

    [Fact]
    public void Lists_and_folders_of_samples_that_cannot_be_read_are_refused_with_their_name()
    {
        using var folder = new TempFolder();
        string path = Directory.CreateDirectory(Path.Combine(folder.Path, "list.txt")).FullName;
        string absent = Path.Combine(folder.Path, "absent");
        foreach ((string name, Action load) in ((string, Action)[])
            [
                (path, () => ImageFolderDataset.OpenList(path, Preprocessing.FromPreset("raw"))), (path, () => UserFiles.Lines(path)),
                (absent, () => UserFiles.In(absent)),
            ])
        {
            DataFileException exception = Assert.Throws<DataFileException>(load);
            Assert.Equal(name, exception.File);
            Assert.StartsWith(name + ": cannot read it (", exception.Message, StringComparison.Ordinal);
        }
    }
}
