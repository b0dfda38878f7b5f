// Chains of convolutions around depthwise ones: computed in bands, with the bits of the convolutions one after the other.
using Int8Runtime.Graph;
using Int8Runtime.Jit;

namespace Int8Runtime.Tests.Graph.Compilation;

public sealed class BandFusionTests
{
    private const int Columns = 40, Channels = 48;

    // So many rows that a tensor of these channels is larger than the second-level cache.
    private static int Rows(int bytesOfElement) => (int)(CacheBytes / (Columns * Channels * bytesOfElement)) + 8;

    private static long CacheBytes => CpuFeatures.Host.Caches.L2 > 0 ? CpuFeatures.Host.Caches.L2 : 1 << 20;

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Floats_keep_their_bits_and_need_no_memory_between(int threads)
    {
        var sketch = new ModelSketch();
        GraphValue x = sketch.Conv(sketch.Input(1, 3, Rows(4), Columns), 3, 12);
        ModelGraph graph = sketch.Output(sketch.Conv(Expanded(sketch, x), Channels, 9, kernel: 1));
        ModelExplanation explanation = AssertSameBits(graph, threads);
        NodeExplanation[] banded = [.. explanation.Nodes.Where(IsBanded)];
        Assert.Equal(3, banded.Length);
        Assert.All(banded, node => Assert.DoesNotContain("bands", node.Implementation, StringComparison.Ordinal));
        long between = (long)Rows(4) * Columns * Channels * 4;
        Assert.InRange(explanation.ArenaBytes, 1, Unbanded(graph, threads).ArenaBytes - between);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Residuals_are_added_while_other_bands_still_read_them(int threads)
    {
        var sketch = new ModelSketch();
        GraphValue x = sketch.Op("Relu", sketch.Conv(sketch.Input(1, 3, Rows(4), Columns), 3, 12));
        GraphValue block = sketch.Op("Add", sketch.Conv(Expanded(sketch, x), Channels, 12, kernel: 1), x);
        ModelExplanation explanation = AssertSameBits(sketch.Output(sketch.Conv(block, 12, 2, kernel: 1)), threads);
        Assert.Equal(3, explanation.Nodes.Count(IsBanded));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Integers_keep_their_bits(int threads)
    {
        var sketch = new ModelSketch();
        GraphValue x = sketch.Edge(sketch.Conv(sketch.Input(1, 3, Rows(1), Columns), 3, 16), 0.05f, 120);
        GraphValue Product(GraphValue source, int outputs, int inputs, int kernel, int group) => sketch.Op(
            "Conv", new GraphAttributes { { "pads", new[] { kernel / 2, kernel / 2, kernel / 2, kernel / 2 } }, { "group", group } }, source,
            sketch.QuantizedWeights(DataType.Int8, 0, outputs, inputs / group, kernel, kernel), sketch.Random(outputs));
        GraphValue wide = sketch.Edge(sketch.Op("Relu", Product(x, Channels, 16, 1, 1)), 0.3f, 0);
        wide = sketch.Edge(sketch.Op("Relu", Product(wide, Channels, Channels, 3, Channels)), 0.5f, 3);
        GraphValue sum = sketch.Op("Add", sketch.Edge(Product(wide, 16, Channels, 1, 1), 0.7f, 100), x);
        ModelExplanation explanation = AssertSameBits(sketch.Output(sketch.Edge(sum, 0.8f, 100)), threads);
        Assert.Equal(2, explanation.Nodes.Count(IsBanded)); // the residual is an integer of the chain's source
    }

    [Fact]
    public void Every_batch_is_planned_by_its_own_size()
    {
        var sketch = new ModelSketch();
        GraphValue x = sketch.Conv(sketch.Input(GraphDimension.Named("batch"), 3, Rows(4) / 3, Columns), 3, 12);
        ModelGraph graph = sketch.Output(sketch.Conv(Expanded(sketch, x), Channels, 9, kernel: 1));
        using CpuEngine engine = CpuEngine.Create(new CpuEngineOptions { Threads = 2 });
        using CompiledModel banded = engine.Compile(graph);
        using CompiledModel plain = engine.Compile(graph, new CompileOptions { DisabledPasses = ["band-fusion"] });
        foreach (int batch in (int[])[1, 4])
        {
            using InferenceRequest expected = plain.CreateRequest(batch), actual = banded.CreateRequest(batch);
            Assert.Equal(Runner.Run(expected), Runner.Run(actual));
            var shapes = new Dictionary<string, Shape> { [graph.Inputs[0].Name] = [batch, 3, Rows(4) / 3, Columns] };
            Assert.Equal(batch == 1 ? 0 : 3, banded.Explain(shapes).Nodes.Count(IsBanded));
        }
    }

    [Fact]
    public void Tensors_that_others_read_end_a_chain()
    {
        var sketch = new ModelSketch();
        GraphValue wide = sketch.Conv(sketch.Input(1, 12, Rows(4), Columns), 12, Channels, kernel: 1);
        GraphValue deep = sketch.Conv(wide, Channels, Channels, group: Channels);
        ModelGraph graph = sketch.Output(sketch.Conv(deep, Channels, 4, kernel: 1));
        Assert.Equal(3, AssertSameBits(graph, 1).Nodes.Count(IsBanded));

        ModelExplanation observed = AssertSameBits(graph, 1, new CompileOptions { Observe = [wide.Name] });
        Assert.Equal([deep.Name, graph.Outputs[0].Name], observed.Nodes.Where(IsBanded).Select(node => graph.Nodes
            .First(n => n.Name == node.Name).Outputs[0].Name));

        var second = new ModelSketch();
        GraphValue shared = second.Conv(second.Input(1, 12, Rows(4), Columns), 12, Channels, kernel: 1);
        GraphValue left = second.Conv(shared, Channels, Channels, group: Channels), right = second.Conv(shared, Channels, 4, kernel: 1);
        Assert.DoesNotContain(AssertSameBits(second.Output(left, right), 1).Nodes, IsBanded);
    }

    [Fact]
    public void Tensors_that_stay_in_the_cache_and_products_without_a_depthwise_one_are_left_alone()
    {
        var small = new ModelSketch();
        GraphValue x = small.Input(1, 12, 8, Columns);
        Assert.DoesNotContain(AssertSameBits(small.Output(small.Conv(Expanded(small, x), Channels, 9, kernel: 1)), 1).Nodes, IsBanded);

        var dense = new ModelSketch();
        GraphValue y = dense.Conv(dense.Input(1, 12, Rows(4), Columns), 12, Channels, kernel: 1);
        Assert.DoesNotContain(AssertSameBits(dense.Output(dense.Conv(y, Channels, 4, kernel: 1)), 1).Nodes, IsBanded);
    }

    private static GraphValue Expanded(ModelSketch sketch, GraphValue x)
    {
        GraphValue wide = sketch.Op("Relu", sketch.Conv(x, 12, Channels, kernel: 1));
        return sketch.Op("Relu", sketch.Conv(wide, Channels, Channels, group: Channels));
    }

    private static bool IsBanded(NodeExplanation node) =>
        node.Notes.Any(note => note.StartsWith("bands:", StringComparison.Ordinal) && note.Contains(" together with ", StringComparison.Ordinal));

    private static ModelExplanation Unbanded(ModelGraph graph, int threads)
    {
        using CpuEngine engine = Engine(threads);
        using CompiledModel model = engine.Compile(graph, new CompileOptions { DisabledPasses = ["band-fusion"] });
        return model.Explain();
    }

    private static ModelExplanation AssertSameBits(ModelGraph graph, int threads, CompileOptions? options = null)
    {
        options ??= new CompileOptions();
        using CpuEngine engine = Engine(threads);
        float[] expected = Runner.Run(engine, graph, options with { DisabledPasses = ["band-fusion"] });
        using CompiledModel model = engine.Compile(graph, options);
        using InferenceRequest request = model.CreateRequest();
        Assert.Equal(expected, Runner.Run(request));
        Assert.Equal(expected, Runner.Run(request)); // nothing was destroyed
        return model.Explain();
    }

    private static CpuEngine Engine(int threads) =>
        CpuEngine.Create(new CpuEngineOptions { Threads = threads, ThreadPool = new SharedThreadPool(threads) });
}
