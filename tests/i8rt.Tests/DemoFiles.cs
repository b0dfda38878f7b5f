// The demo's models and images in a folder, and what the demo printed.
using System.Text.Json.Nodes;

namespace Int8Runtime.Cli.Tests;

/// <summary>Runs the demo once for all tests of a collection, and gives them folders of their own.</summary>
public sealed class DemoFiles : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("i8rt-test-");

    public DemoFiles()
    {
        Folder = Path.Combine(_folder.FullName, "demo");
        Figures = CommandLine.Json("demo", "--seconds", "0.1", "--threads", "1", "-o", Folder);
    }

    /// <summary>The folder that the demo wrote.</summary>
    public string Folder { get; }

    /// <summary>The demo's JSON object.</summary>
    public JsonObject Figures { get; }

    public string F32Model => Path.Combine(Folder, "demo-f32.onnx");

    public string Int8Model => Path.Combine(Folder, "demo-int8.onnx");

    public string Calibration => Path.Combine(Folder, "calibration.bin");

    public string HeldOut => Path.Combine(Folder, "heldout.bin");

    public string Classes => Path.Combine(Folder, "classes.txt");

    /// <summary>An empty folder.</summary>
    public string NewFolder() => _folder.CreateSubdirectory(Path.GetRandomFileName()).FullName;

    /// <summary>Writes a file into a folder of its own and returns its path.</summary>
    public string Write(string name, byte[] content)
    {
        string path = Path.Combine(NewFolder(), name);
        File.WriteAllBytes(path, content);
        return path;
    }

    public string Write(string name, string content) => Write(name, System.Text.Encoding.UTF8.GetBytes(content));

    public void Dispose() => _folder.Delete(recursive: true);
}

/// <summary>Tests that share one run of the demo.</summary>
[CollectionDefinition("demo")]
public sealed class DemoTestGroup : ICollectionFixture<DemoFiles>;
