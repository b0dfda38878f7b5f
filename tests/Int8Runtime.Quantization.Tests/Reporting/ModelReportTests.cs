// The report's figures against direct computation, and the page against its JSON.
using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using System.Xml;
using System.Xml.Linq;
using Int8Runtime.Graph;
using Int8Runtime.Quantization.Pruning;
using Int8Runtime.Quantization.Reporting;
using Int8Runtime.Quantization.Tests.Algorithms;

namespace Int8Runtime.Quantization.Tests.Reporting;

public sealed class ModelReportTests(ModelReportTests.Fixture fixture) : IClassFixture<ModelReportTests.Fixture>
{
    private ModelReport Report => fixture.Report;

    /// <summary>One report for all tests.</summary>
    public sealed class Fixture
    {
        public Fixture()
        {
            using CpuEngine engine = CpuEngine.Create();
            Model = GraphBuilder.Classifier();
            Samples = new Labelled(new SyntheticDataset([8, 10, 10], 40, seed: 3));
            Result = new PostTrainingQuantizer(engine).Quantize(Model, Samples, new QuantizationOptions { SampleCount = 16 });
            Report = new ModelReporter(engine)
                .Create("a <model> & \"more\"", Model, Result, Samples, new Pair(4000, 1000),
                    new ReportOptions { ComparedSamples = 12, CandidateSamples = 2 });
        }

        public ModelGraph Model { get; }

        public IDataset Samples { get; }

        public QuantizationResult Result { get; }

        public ModelReport Report { get; }
    }

    private sealed class Labelled(IDataset inner) : IDataset
    {
        public string Name => inner.Name;

        public int Count => inner.Count;

        public Shape SampleShape => inner.SampleShape;

        public string SampleName(int index) => inner.SampleName(index);

        public int? Label(int index) => index % 10;

        public void Load(int index, Span<float> destination) => inner.Load(index, destination);
    }

    [Fact]
    public void Every_layer_is_compared_with_the_f32_model_and_close_to_it()
    {
        Assert.Contains(Report.Layers, l => l.Name == "stem" && l.IsInt8);
        Assert.Contains(Report.Layers, l => l.Name == "logits" && l.IsInt8);
        foreach (LayerReport layer in Report.Layers.Where(l => l.OpType is "Conv" or "Gemm" or "Add"))
        {
            Assert.NotNull(layer.Similarity);
            Assert.InRange(layer.Similarity.Value.Sqnr, 20, 80);
            Assert.InRange(layer.Similarity.Value.Cosine, 0.99, 1);
            Assert.True(layer.Milliseconds is { Float: > 0, Int8: > 0 }, $"{layer.Name} takes time");
        }

        Assert.InRange(Report.Output.Sqnr, 25, 60);
        Assert.Equal((16, 12, true),
            (Report.Conditions.CalibrationSamples, Report.Conditions.ComparedSamples, Report.Conditions.IsHeldOut));
        Assert.Equal(24, Report.Accuracy!.Samples);
    }

    [Fact]
    public void The_similarity_of_the_output_equals_direct_computation()
    {
        using CpuEngine engine = CpuEngine.Create();
        IDataset compared = fixture.Samples.Remainder(16)!.Subset(12);
        (double signal, double noise) = (0, 0);
        for (int i = 0; i < compared.Count; i++)
        {
            float[] exact = Run(engine, fixture.Model, compared, i), judged = Run(engine, fixture.Result.Graph, compared, i);
            signal += exact.Sum(x => (double)x * x);
            noise += exact.Zip(judged, (x, y) => Math.Pow((double)x - y, 2)).Sum();
        }

        Assert.Equal(10 * Math.Log10(signal / noise), Report.Output.Sqnr, 2);
    }

    [Fact]
    public void The_clipped_share_counts_values_outside_the_range()
    {
        var parameters = new QuantizationParameters(DataType.UInt8, 0.1f, 0);
        var meter = new ActivationMeter(new QuantizedActivation("x", new ValueRange(0, 20), parameters, 0));
        meter.Add([0, 25.5f, 25.54f, 25.6f, 30, -0.04f, -1, float.NaN]);   // 25.5 and what rounds to it are inside
        Assert.Equal(3 / 8.0, meter.Result.Clipped);
        Assert.Equal(7, meter.Result.Counts.Sum());
        Assert.Equal(8, meter.Result.Values);
    }

    [Fact]
    public void A_reverted_layer_computes_in_f32_and_the_ranking_is_by_gain()
    {
        using CpuEngine engine = CpuEngine.Create();
        var ranking = new ExclusionRanking(engine, fixture.Model, fixture.Result.Graph);
        using CompiledModel model = engine.Compile(ranking.Revert("left")!);
        Assert.False(model.Explain(new Dictionary<string, Shape> { ["x"] = [1, 8, 10, 10] }).Nodes.Single(n => n.Name == "left").IsInt8);
        Assert.Null(ranking.Revert("nothing"));
        Assert.NotEmpty(Report.Candidates);
        Assert.Equal(Report.Candidates.OrderByDescending(c => c.Gain), Report.Candidates);
        Assert.All(Report.Candidates, c => Assert.True(c.Gain > 0));
    }

    [Fact]
    public void The_page_is_well_formed_deterministic_and_self_contained()
    {
        string page = ReportPage.Write(Report);
        Assert.Equal(page, ReportPage.Write(Report));
        XDocument document = Parse(page);
        Assert.DoesNotMatch(new Regex("(https?:)?//[a-z]|url\\(|@import", RegexOptions.IgnoreCase), page);
        foreach (XAttribute link in document.Descendants().Attributes()
            .Where(a => a.Name.LocalName is "href" or "src" or "srcset" or "data"))
        {
            Assert.StartsWith("#", link.Value, StringComparison.Ordinal);
            Assert.Contains(document.Descendants(), e => (string?)e.Attribute("id") == link.Value[1..]);
        }

        // Text survives its markup characters, and no element that HTML wants closed is written as an empty tag.
        Assert.Equal("a <model> & \"more\"", document.Descendants("h1").Single().Value);
        Assert.DoesNotMatch(new Regex("<(td|div|span|p|section|script|style|th)( [^>]*)?/>"), page);
        Assert.DoesNotContain("&", document.Descendants("style").Single().Value + document.Descendants("script").Single().Value,
            StringComparison.Ordinal);
        Assert.DoesNotMatch(new Regex("[<>]"), document.Descendants("style").Single().Value
            + document.Descendants("script").Single().Value);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Numbers_of_the_page_equal_those_of_the_JSON(bool isPruned)
    {
        ModelReport report = isPruned ? Report with { Pruning = Pruned } : Report;
        XDocument page = Parse(ReportPage.Write(report));
        JsonNode json = JsonNode.Parse(ReportJson.Write(report))!;
        XElement[] numbers = [.. page.Descendants().Where(e => e.Attribute("data-key") is not null)];
        foreach (XElement number in numbers)
        {
            string key = (string)number.Attribute("data-key")!;
            double shown = double.Parse((string)number.Attribute("data-value")!, CultureInfo.InvariantCulture);
            Assert.True(At(json, key).Equals(shown), $"{key}: {At(json, key)} in the JSON, {shown} in the page");
            Assert.NotEmpty(number.Value);
        }

        string[] keys = [.. numbers.Select(n => (string)n.Attribute("data-key")!)];
        for (int i = 0; i < Report.Layers.Count; i++)
            Assert.Contains($"layers[{i}].ms.int8", keys);
        for (int i = 0; i < Report.Activations.Count; i++)
            Assert.Contains($"activations[{i}].clipped", keys);
        Assert.Equal(isPruned, keys.Contains("pruning.nodes[1].flops.after"));
        const string sentence = "The model was pruned first: 50.00 % of the filters";
        Assert.Equal(isPruned, ReportSummary.Sentences(report)[1].StartsWith(sentence, StringComparison.Ordinal));
        foreach (string key in new[] { "accuracy.top1.f32", "accuracy.top1.int8", "sqnr", "cosine", "ms.f32", "file_bytes.int8",
            "clipped", "int8_layers" })
            Assert.Contains(key, keys);
    }

    private static PruningReport Pruned => new([], new Change(1200, 700), new Change(90_000, 40_000), [0.5], 0)
    {
        Filters = new Change(16, 8),
        Nodes =
        [
            new("a", "Conv", new Change(1000, 600), new Change(80_000, 35_000)),
            new("b", "Gemm", new Change(200, 100), new Change(10_000, 5000)),
        ],
    };

    [Fact]
    public void Long_lists_of_f32_nodes_are_grouped_by_reason()
    {
        NodePrecision[] nodes =
            [.. Enumerable.Range(0, 30).Select(i => new NodePrecision($"n{i}", "Mul", false, i < 20 ? "swish" : "head"))];
        XElement section = Parse(ReportPage.Write(Report with { FloatNodes = nodes })).Descendants()
            .Single(e => (string?)e.Attribute("id") == "float");
        Assert.Equal(
            ["20 nodes: swish", "10 nodes: head"],
            section.Descendants().Where(e => e.Name.LocalName == "summary").Select(e => e.Value));
        Assert.Equal(30, section.Descendants().Count(e => (string?)e.Attribute("class") == "name"));
    }

    [Fact]
    public void The_summary_speaks_plainly()
    {
        IReadOnlyList<string> sentences = ReportSummary.Sentences(Report);
        Assert.Contains("Top-1 accuracy", sentences[0], StringComparison.Ordinal);
        Assert.Contains("4.0 times smaller", sentences[1], StringComparison.Ordinal);
        Assert.Contains("layers run on int8", sentences[2], StringComparison.Ordinal);
        Assert.Contains($"--ignore \"{Report.Candidates[0].Name}\"", sentences[3], StringComparison.Ordinal);
        Assert.Contains("no labels", ReportSummary.Sentences(Report with { Accuracy = null })[0], StringComparison.Ordinal);
        string loss = ReportSummary.Sentences(
            Report with { Accuracy = new AccuracyReport(new Pair(0.8, 0.7), new Pair(0.9, 0.9), 1000, 120) })[0];
        Assert.Equal("Top-1 accuracy falls by 10.00 points, from 80.00 % to 70.00 %: more than chance explains with 1000 "
            + "images (±2.15).", loss);
        string guess = ReportSummary.Sentences(
            Report with { Accuracy = new AccuracyReport(new Pair(0.1, 0.1), new Pair(0.5, 0.5), 1000, 0) { IsGuessing = true } })[0];
        Assert.Contains("says nothing here", guess, StringComparison.Ordinal);
        Assert.Contains("how images are prepared", guess, StringComparison.Ordinal);
    }

    private static XDocument Parse(string page)
    {
        using XmlReader reader = XmlReader.Create(new StringReader(page), new XmlReaderSettings { DtdProcessing = DtdProcessing.Ignore });
        return XDocument.Load(reader, LoadOptions.PreserveWhitespace);
    }

    private static double At(JsonNode root, string key)
    {
        JsonNode? node = root;
        foreach (Match part in Regex.Matches(key, @"(\w+)(?:\[(\d+)\])?"))
        {
            node = node![part.Groups[1].Value];
            if (part.Groups[2].Success)
                node = node![int.Parse(part.Groups[2].Value, CultureInfo.InvariantCulture)];
        }

        return double.Parse(node!.ToJsonString(), CultureInfo.InvariantCulture);
    }

    private static float[] Run(CpuEngine engine, ModelGraph graph, IDataset samples, int index)
    {
        using CompiledModel model = engine.Compile(graph);
        using InferenceRequest request = model.CreateRequest(1);
        samples.Load(index, request.Input().AsSpan<float>());
        request.Run();
        return request.Output().AsSpan<float>().ToArray();
    }
}
