// Files appear complete or not at all.
namespace Int8Runtime.Core.Tests.Files;

public sealed class AtomicFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("int8rt").FullName;

    [Fact]
    public void Files_that_belong_together_appear_together()
    {
        File.WriteAllText(PathOf("a"), "old");
        Assert.Throws<InvalidOperationException>(() => AtomicFile.Write(
            (PathOf("a"), stream => stream.WriteByte(1)), (PathOf("b"), _ => throw new InvalidOperationException())));
        Assert.Equal([PathOf("a")], Directory.GetFiles(_folder));
        Assert.Equal("old", File.ReadAllText(PathOf("a")));
        AtomicFile.Write((PathOf("a"), stream => stream.WriteByte(1)), (PathOf("b"), stream => stream.WriteByte(2)));
        Assert.Equal([1], File.ReadAllBytes(PathOf("a")));
        Assert.Equal([2], File.ReadAllBytes(PathOf("b")));
        Assert.Equal(2, Directory.GetFiles(_folder).Length);
    }

    [Fact]
    public void A_missing_folder_is_reported_as_such() =>
        Assert.Throws<DirectoryNotFoundException>(() => AtomicFile.Write(Path.Combine(PathOf("none"), "a"), stream => stream.WriteByte(1)));

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private string PathOf(string name) => Path.Combine(_folder, name);
}
