// The classifier and images that are embedded in the program.
using Int8Runtime.Graph;
using Int8Runtime.Onnx;
using Int8Runtime.Quantization;

namespace Int8Runtime.Cli;

/// <summary>
/// A small convolutional classifier of drawn shapes, trained by <c>tools/demo-trainer</c>, with images to calibrate and
/// images held out from training.
/// </summary>
internal sealed class DemoAssets : IDisposable
{
    private const string ModelFileName = "model.onnx";

    private static readonly string[] Files = [ModelFileName, "calibration.bin", "heldout.bin", "classes.txt"];

    private readonly Dictionary<string, byte[]> _contents;

    private DemoAssets(Dictionary<string, byte[]> contents)
    {
        _contents = contents;
        Preprocessing preprocessing = Preprocessing.FromPreset(PreprocessingPreset);
        Model = OnnxModel.Load(contents[ModelFileName].AsSpan());
        Calibration = new Cifar10Dataset("calibration.bin", contents["calibration.bin"], preprocessing);
        HeldOut = new Cifar10Dataset("heldout.bin", contents["heldout.bin"], preprocessing);
        Classes = System.Text.Encoding.UTF8.GetString(contents["classes.txt"])
            .Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
    }

    /// <summary>The preprocessing that the model was trained with.</summary>
    public const string PreprocessingPreset = "cifar10";

    /// <summary>The f32 model.</summary>
    public ModelGraph Model { get; }

    /// <summary>Images to calibrate.</summary>
    public IDataset Calibration { get; }

    /// <summary>Labelled images that neither training nor calibration has seen.</summary>
    public IDataset HeldOut { get; }

    /// <summary>Names of the classes.</summary>
    public IReadOnlyList<string> Classes { get; }

    /// <summary>Reads the embedded files.</summary>
    public static DemoAssets Open()
    {
        var contents = new Dictionary<string, byte[]>(StringComparer.Ordinal);
        foreach (string file in Files)
        {
            using Stream stream = typeof(DemoAssets).Assembly.GetManifestResourceStream("Demo/" + file)
                ?? throw new InvalidOperationException($"the program lacks its resource '{file}'");
            using var memory = new MemoryStream();
            stream.CopyTo(memory);
            contents[file] = memory.ToArray();
        }

        return new DemoAssets(contents);
    }

    /// <summary>Writes the images and the names of the classes into a folder.</summary>
    public void WriteDataTo(string folder)
    {
        foreach ((string file, byte[] content) in _contents.Where(f => f.Key != ModelFileName))
            AtomicFile.Write(Path.Combine(folder, file), stream => stream.Write(content));
    }

    public void Dispose() => _contents.Clear();
}
