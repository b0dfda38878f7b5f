// The rules of the house: direction of references, who may use Iced and unsafe code, what stays internal.
using System.Reflection;
using System.Xml.Linq;
using Int8Runtime.TestKit;

namespace Int8Runtime.Core.Tests.Architecture;

public sealed class ProjectRuleTests
{
    private static readonly string[] EveryLibrary =
        ["Int8Runtime.Core", "Int8Runtime.Jit", "Int8Runtime.X64", "Int8Runtime", "Int8Runtime.Onnx", "Int8Runtime.OpenVino",
            "Int8Runtime.Quantization"];

    private static readonly Dictionary<string, string[]> AllowedReferences = new()
    {
        ["Int8Runtime.Core"] = [],
        ["Int8Runtime.Jit"] = ["Int8Runtime.Core"],
        ["Int8Runtime.X64"] = ["Int8Runtime.Core", "Int8Runtime.Jit"],
        ["Int8Runtime"] = ["Int8Runtime.Core", "Int8Runtime.Jit", "Int8Runtime.X64"],
        ["Int8Runtime.Onnx"] = ["Int8Runtime.Core", "Int8Runtime"],
        ["Int8Runtime.OpenVino"] = ["Int8Runtime.Core", "Int8Runtime"],
        ["Int8Runtime.Quantization"] = ["Int8Runtime.Core", "Int8Runtime"],
    };

    private static readonly string Root = Repository.PathOf("");

    private static IEnumerable<(string Name, XDocument Project)> Projects(params string[] folders) =>
        from folder in folders
        let path = Path.Combine(Root, folder)
        where Directory.Exists(path)
        from file in Directory.EnumerateFiles(path, "*.csproj", SearchOption.AllDirectories)
        select (Path.GetFileNameWithoutExtension(file), XDocument.Load(file));

    private static IEnumerable<string> Included(XDocument project, string item) =>
        project.Descendants(item).Select(e => e.Attribute("Include")!.Value.Replace('\\', '/'));

    private static IEnumerable<string> Sources(string folder) => Directory
        .EnumerateFiles(Path.Combine(Root, folder), "*.cs", SearchOption.AllDirectories)
        .Where(file => !file.Contains($"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}"));

    [Fact]
    public void References_point_along_the_arrows()
    {
        foreach ((string name, XDocument project) in Projects("src"))
            foreach (string reference in Included(project, "ProjectReference").Select(r => Path.GetFileNameWithoutExtension(r)))
                Assert.True(AllowedReferences[name].Contains(reference), $"{name} references {reference}");
        foreach ((string name, XDocument project) in Projects("tools"))
            foreach (string reference in Included(project, "ProjectReference").Select(r => Path.GetFileNameWithoutExtension(r)))
                Assert.True(EveryLibrary.Contains(reference), $"{name} references {reference}");
    }

    [Fact]
    public void Only_the_generator_references_Iced() => Assert.Equal(
        ["Int8Runtime.Jit"], Projects("src", "tools").Where(p => Included(p.Project, "PackageReference").Contains("Iced"))
            .Select(p => p.Name));

    [Fact]
    public void Unsafe_code_is_confined()
    {
        IEnumerable<string> allowed = Projects("src", "tools")
            .Where(p => p.Project.Descendants("AllowUnsafeBlocks").Any(e => e.Value == "true")).Select(p => p.Name).Order();
        Assert.Equal(["Int8Runtime.Core", "Int8Runtime.Jit", "Int8Runtime.X64"], allowed);
        Assert.DoesNotContain("AllowUnsafeBlocks", File.ReadAllText(Path.Combine(Root, "src", "Directory.Build.props")));
        Assert.DoesNotContain("AllowUnsafeBlocks", File.ReadAllText(Path.Combine(Root, "Directory.Build.props")));
    }

    [Theory]
    [InlineData("Int8Runtime.Jit")]
    [InlineData("Int8Runtime.X64")]
    public void Code_generation_is_internal(string assembly) => Assert.Empty(Assembly.Load(assembly).GetExportedTypes());

    [Fact]
    public void Only_dot_products_are_named_after_instruction_sets()
    {
        string[] sets = ["avx", "vnni", "sse4", "amx"];
        foreach (string file in Sources("src/Int8Runtime.X64"))
        {
            string name = Path.GetFileName(file);
            bool named = sets.Any(set => name.Contains(set, StringComparison.OrdinalIgnoreCase));
            Assert.True(!named || file.Contains("DotProducts"), $"{name} is named after an instruction set.");
        }
    }

    [Fact]
    public void Source_files_stay_readable_in_one_sitting()
    {
        foreach (string file in Sources("src"))
        {
            string[] lines = File.ReadAllLines(file);
            Assert.True(lines.Length <= 600, $"{Path.GetRelativePath(Root, file)} has {lines.Length} lines.");
            Assert.True(lines.Length > 0 && lines[0].StartsWith("//", StringComparison.Ordinal),
                $"{Path.GetRelativePath(Root, file)} does not open with its subject.");
        }
    }
}
