// A folder for the files of one test.
using Int8Runtime.Graph;

namespace Int8Runtime.OpenVino.Tests;

internal sealed class TemporaryFolder : IDisposable
{
    public TemporaryFolder() => Folder = Directory.CreateTempSubdirectory("int8runtime-ir-").FullName;

    public string Folder { get; }

    public string this[string name] => Path.Combine(Folder, name);

    /// <summary>Writes a graph as IR and reads it back.</summary>
    public ModelGraph RoundTrip(ModelGraph graph, string name = "model.xml")
    {
        OpenVinoModel.Save(graph, this[name]);
        return OpenVinoModel.Load(this[name]);
    }

    public void Dispose() => Directory.Delete(Folder, recursive: true);
}
