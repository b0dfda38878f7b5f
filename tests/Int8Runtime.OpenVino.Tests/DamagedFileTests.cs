// Files that are cut off, inconsistent or unsupported are refused with one line that says what and why.
using FsCheck.Fluent;
using Int8Runtime.Graph;
using Int8Runtime.TestKit;

namespace Int8Runtime.OpenVino.Tests;

public sealed class DamagedFileTests
{
    private static IrSketch Good() => new IrSketch().Parameter("x", "1,2").Reals("c", "1,2", 1, 2)
        .Layer("y", "Add", 1, "auto_broadcast=\"numpy\"", ["x", "c"], "f32", [1, 2]).Result("y");

    [Theory]
    [InlineData("<!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/passwd\">]><net version=\"11\">&b;</net>", "DTD")]
    [InlineData("", "cut off")]
    [InlineData("no xml", "no XML")]
    [InlineData("<svg/>", "<svg>")]
    [InlineData("<net version=\"7\"/>", "version 7")]
    [InlineData("<net version=\"11\"/>", "<layers>")]
    [InlineData("<net version=\"11\"><layers/></net>", "<edges>")]
    [InlineData("<net version=\"11\"><layers/><edges/></net>", "no Result")]
    [InlineData("<net version=\"11\"><layers><layer id=\"0\" name=\"r\" type=\"Result\"><input><port "
        + "id=\"0\"/></input></layer></layers><edges/></net>", "no edge leads")]
    public void Text_that_is_no_model(string text, string expected) => AssertRefused(text, [], expected, "model.xml");

    /// <summary>The system says of a folder what it says of a file without the right to read it.</summary>
    [Fact]
    public void A_file_that_may_not_be_read_is_refused_as_one_that_cannot_be()
    {
        string folder = Path.TrimEndingDirectorySeparator(Path.GetTempPath());
        Assert.Contains(folder, Assert.ThrowsAny<IOException>(() => OpenVinoModel.Load(folder)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Unknown_layers_and_versions_are_named()
    {
        AssertRefused(Good().Xml.Replace("type=\"Add\"", "type=\"Warp\""), Good().Weights, "Layer 'y' (Warp, opset1)", "not supported");
        AssertRefused(Good().Xml.Replace("type=\"Add\" version=\"opset1\"", "type=\"Add\" version=\"opset99\""), Good().Weights,
            "Layer 'y' (Add, opset99)", "opset1");
        AssertRefused(Good().Xml.Replace("type=\"Add\"", "type=\"Loop\""), Good().Weights, "control flow");
        AssertRefused(Good().Xml.Replace("numpy", "pdpd"), Good().Weights, "Layer 'y'", "pdpd");
        AssertRefused(Good().Xml.Replace("element_type=\"f32\" shape=\"1,2\" offset",
            "element_type=\"f8e4m3\" shape=\"1,2\" offset"), Good().Weights, "f8e4m3");
    }

    [Fact]
    public void Weights_that_are_missing_or_too_short_are_named()
    {
        AssertRefused(Good().Xml, null, "Layer 'c' (Const, opset1)", "model.bin", "beside the .xml");
        AssertRefused(Good().Xml, Good().Weights[..5], "Layer 'c'", "bytes 0 to 8", "only 5");
        AssertRefused(Good().Xml.Replace("offset=\"0\"", "offset=\"9000000000\""), Good().Weights, "Layer 'c'", "cut off");
        AssertRefused(Good().Xml.Replace("offset=\"0\"", "offset=\"-1\""), Good().Weights, "Layer 'c'");
        AssertRefused(Good().Xml.Replace("size=\"8\"", "size=\"4\""), Good().Weights, "states 4 bytes", "needs 8");
        AssertRefused(Good().Xml.Replace("shape=\"1,2\" offset", "shape=\"1,-2\" offset"), Good().Weights, "1,-2");
    }

    [Fact]
    public void A_cycle_is_found()
    {
        string xml = Good().Xml.Replace("<edge from-layer=\"0\" from-port=\"0\"", "<edge from-layer=\"2\" from-port=\"2\"");
        AssertRefused(xml, Good().Weights, "depends on itself");
    }

    [Theory]
    [InlineData("MaxPool", "kernel=\"1\"", "Layer 'y' (MaxPool, opset1)")]
    [InlineData("Convolution", "", "Layer 'y' (Convolution, opset1)")]
    [InlineData("VariadicSplit", "", "Layer 'y' (VariadicSplit, opset1)")]
    [InlineData("ShuffleChannels", "axis=\"1\" group=\"0\"", "Layer 'y' (ShuffleChannels, opset1)")]
    [InlineData("StridedSlice", "begin_mask=\"0\" end_mask=\"0\"", "2000000000 bounds")]
    public void Operands_and_attributes_that_do_not_fit_a_layer_name_it(string type, string data, string expected)
    {
        IrSketch sketch = new IrSketch().Parameter("x", "2").Parameter("n", "2", "i64")
            .Layer("y", type, 1, data, ["x", "n", "n"], "f32", [2]).Result("y");
        AssertRefused(sketch.Xml.Replace("<dim>2</dim></port></input>", "<dim>2000000000</dim></port></input>").Replace(
            "precision=\"I64\"><dim>2</dim>", "precision=\"I64\"><dim>2000000000</dim>"), sketch.Weights, expected);
    }

    [Fact]
    public void Attributes_of_other_namespaces_are_ignored()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["model.xml"],
            Good().Xml.Replace("auto_broadcast=", "xmlns:o=\"other\" o:auto_broadcast=\"pdpd\" auto_broadcast="));
        File.WriteAllBytes(folder["model.bin"], Good().Weights);
        Assert.Single(OpenVinoModel.Load(folder["model.xml"]).Nodes);
    }

    [Fact]
    public void Any_cut_or_changed_byte_is_refused_or_read_but_never_crashes() => Properties.Check(
        from position in Gen.Choose(0, 100_000) from value in Gen.Choose(0, 255) select (position, value), pair =>
        {
            char[] text = Good().Xml.ToCharArray();
            text[pair.position % text.Length] = (char)pair.value;
            string changed = pair.position % 3 == 0 ? Good().Xml[..(pair.position % text.Length)] : new string(text);
            using var folder = new TemporaryFolder();
            File.WriteAllText(folder["model.xml"], changed);
            File.WriteAllBytes(folder["model.bin"], Good().Weights);
            try
            {
                OpenVinoModel.Load(folder["model.xml"]);
            }
            catch (ModelFormatException exception)
            {
                Assert.StartsWith(folder["model.xml"], exception.Message);
            }
        });

    private static void AssertRefused(string xml, byte[]? weights, params string[] expected)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["model.xml"], xml);
        if (weights is not null)
            File.WriteAllBytes(folder["model.bin"], weights);
        var exception = Assert.ThrowsAny<ModelFormatException>(() => OpenVinoModel.Load(folder["model.xml"]));
        Assert.All(expected, part => Assert.Contains(part, exception.Message));
        Assert.DoesNotContain("\n", exception.Message);
    }
}
