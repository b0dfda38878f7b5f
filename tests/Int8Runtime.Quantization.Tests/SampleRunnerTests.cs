// Passes over data sets: every sample once, failures and cancellation end them.
using Int8Runtime.Graph;
using Int8Runtime.Quantization.Tests.Algorithms;

namespace Int8Runtime.Quantization.Tests;

public sealed class SampleRunnerTests
{
    private static readonly IDataset Samples = new SyntheticDataset([8, 10, 10], 40);

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void Every_sample_is_seen_once(int threads)
    {
        IReadOnlyList<List<int>> seen = Run(threads, Samples, CancellationToken.None);
        Assert.Equal(Enumerable.Range(0, 40), seen.SelectMany(s => s).Order());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void Cancellation_is_reported_as_such(int threads) =>
        Assert.ThrowsAny<OperationCanceledException>(() => Run(threads, Samples, new CancellationToken(canceled: true)));

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void A_sample_that_cannot_be_read_ends_the_pass(int threads)
    {
        var samples = new Failing();
        var exception = Assert.Throws<DataFileException>(() => Run(threads, samples, CancellationToken.None));
        Assert.Equal("bad.png: broken", exception.Message);
        Assert.InRange(samples.Loaded, 1, samples.Count / 2);   // how many more depends on when the other threads see it
    }

    private static IReadOnlyList<List<int>> Run(int threads, IDataset samples, CancellationToken cancellation)
    {
        using CpuEngine engine = CpuEngine.Create(new CpuEngineOptions { Threads = threads });
        ModelGraph graph = GraphBuilder.Classifier();
        using CompiledModel model = engine.Compile(graph);
        return SampleRunner.Run(engine, model, SampleFeed.Of(graph, samples), samples, () => new List<int>(),
            static (list, index, _) => list.Add(index), null, cancellation);
    }

    private sealed class Failing : IDataset
    {
        private int _loaded;

        public int Loaded => _loaded;

        public string Name => "failing";

        public int Count => 100_000;

        public Shape SampleShape => [8, 10, 10];

        public string SampleName(int index) => "bad.png";

        public int? Label(int index) => null;

        public void Load(int index, Span<float> destination)
        {
            if (Interlocked.Increment(ref _loaded) == 3)
                throw new DataFileException("bad.png", "broken");
        }
    }
}
