// The cache of compiled models on disk: it changes no result, and nothing in it is trusted that is damaged or foreign.
using Int8Runtime.Caching;
using Int8Runtime.Graph;
using Int8Runtime.Graph.Planning;
using Int8Runtime.Jit;
using Int8Runtime.TestKit;
using Int8Runtime.Tests.Graph.Compilation;

namespace Int8Runtime.Tests.Caching;

// They clear and read the kernels of the whole process: nothing else runs meanwhile.
[CollectionDefinition(nameof(ModelCacheTests), DisableParallelization = true)]
[Collection(nameof(ModelCacheTests))]
public sealed class ModelCacheTests : IDisposable
{
    private readonly string _folder = Path.Combine(Path.GetTempPath(), $"plans-{Guid.NewGuid():N}");

    public void Dispose()
    {
        if (Directory.Exists(_folder))
            Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public void Cached_plans_give_the_same_bits_on_every_tier()
    {
        foreach ((string tier, Isa isa) in Tiers.Generated)
        {
            foreach (ModelGraph graph in (ModelGraph[])[Network(), QuantizedNetwork()])
            {
                var options = new CpuEngineOptions { MaxIsa = isa, Emulate = true, Threads = 2 };
                float[] expected = Run(options, graph);
                ModelCache cache = ModelCache.Open(_folder);
                Assert.Equal(expected, Run(options with { ModelCache = cache }, graph));
                Assert.Equal(expected, Run(options with { ModelCache = cache }, graph));
                Assert.Equal((1, 1, 0, 1), (cache.Metrics.Hits, cache.Metrics.Misses, cache.Metrics.Refused, cache.Metrics.Stored));
                Assert.True(expected.Distinct().Count() > 1, tier);
            }
        }

        Assert.Equal(2 * Tiers.Generated.Count(), Files().Length); // no tier takes the file of another
    }

    [Fact]
    public void Code_and_weights_come_from_the_file()
    {
        ModelCache cache = ModelCache.Open(_folder);
        using var writer = new StringWriter();
        CpuEngineOptions options = Options(cache) with { Verbose = VerboseEvents.Cache, VerboseWriter = writer };
        float[] expected = Run(options, Network());
        string[] kernels = [.. KernelsOf(Assert.Single(Files())).Select(k => k.Name)];
        Assert.NotEmpty(kernels);
        KernelCache.Shared.Clear();
        Assert.Equal(expected, Run(options, Network()));

        // Generated kernels know what their registers stand for; files do not hold that.
        CompiledKernel[] loaded = [.. KernelCache.Shared.Kernels.Where(k => kernels.Contains(k.Name, StringComparer.Ordinal))];
        Assert.Equal(kernels.Length, loaded.Length);
        Assert.All(loaded, kernel => Assert.Empty(kernel.Image.Leases));
        string[][] lines = [.. writer.ToString().Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries)
            .Select(line => line.Split(',', 9))];
        Assert.Equal(["cache:miss", "cache:stored", "cache:hit"], lines.Select(l => l[2]));
        Assert.All(lines, l => Assert.Equal(("Model", Path.GetFileName(Files()[0]), "sketch"), (l[3], l[4], l[8])));
        Assert.Equal($"kernels:{kernels.Length} constants:4", lines[2][5]);
    }

    [Fact]
    public void Warming_up_takes_the_way_of_a_compilation()
    {
        ModelCache cache = ModelCache.Open(_folder);
        using CpuEngine engine = CpuEngine.Create(Options(cache));
        CompilerWarmUp.Compile(engine);
        byte[] content = File.ReadAllBytes(Assert.Single(Files()));
        CompilerWarmUp.Compile(engine);
        Assert.Equal(content, File.ReadAllBytes(Assert.Single(Files())));
        using CompiledModel model = engine.Compile(CompilerWarmUp.Network());
        Assert.Equal((1, 0), (cache.Metrics.Hits, cache.Metrics.Misses));
    }

    [Fact]
    public void Files_hold_what_the_generators_make()
    {
        Run(Options(ModelCache.Open(_folder)), QuantizedNetwork());
        Dictionary<string, KernelImage> kernels = KernelsOf(Assert.Single(Files())).ToDictionary(k => k.Name, StringComparer.Ordinal);
        CompiledKernel[] generated = [.. KernelCache.Shared.Kernels.Where(k => kernels.ContainsKey(k.Name))];
        Assert.NotEmpty(generated);
        Assert.All(generated, kernel => Assert.Equal(kernel.Image.Bytes, kernels[kernel.Name].Bytes));
    }

    [Fact]
    public void Every_damaged_byte_is_noticed_and_the_file_written_anew()
    {
        ModelCache cache = ModelCache.Open(_folder);
        float[] expected = Run(Options(cache), Network());
        string file = Assert.Single(Files());
        byte[] sound = File.ReadAllBytes(file), key = Convert.FromHexString(Path.GetFileNameWithoutExtension(file));
        int header = 128, index = BitConverter.ToInt32(sound, 52), weights = BitConverter.ToInt32(sound, 56);
        var random = new Random(5);
        int[] places =
        [
            0, 8, 16, 47, 48, 52, 56, 64, header, header + index - 1, weights,
            .. Enumerable.Range(0, 60).Select(_ => header + random.Next(index)), weights + 1000, sound.Length - 64,
        ];
        foreach (int place in places)
        {
            byte[] damaged = [.. sound];
            damaged[place] ^= (byte)(1 << random.Next(8));
            File.WriteAllBytes(file, damaged);
            Assert.Throws<CacheFileException>(() => CachedPlan.Read(file, key));
        }

        foreach (int length in (int[])[1, 100, 128, header + index, weights, sound.Length - 1])
        {
            File.WriteAllBytes(file, sound[..length]);
            Assert.Throws<CacheFileException>(() => CachedPlan.Read(file, key));
        }

        File.WriteAllBytes(file, []);
        Assert.Equal(expected, Run(Options(cache), Network()));
        Assert.Equal(sound, File.ReadAllBytes(file));
        Assert.Equal((1, 2), (cache.Metrics.Refused, cache.Metrics.Stored));
        Assert.Equal(expected, Run(Options(cache), Network()));
        Assert.Equal(1, cache.Metrics.Hits);
    }

    [Fact]
    public void The_key_names_model_build_engine_options_and_shapes()
    {
        using CpuEngine engine = CpuEngine.Create(Options(null)), narrow = CpuEngine.Create(Options(null) with { MaxIsa = Isa.Sse41 });
        using CpuEngine single = CpuEngine.Create(Options(null) with { Threads = 1 }),
            fast = CpuEngine.Create(Options(null) with { NumericMode = NumericMode.Fast });
        var digests = DigestKey.Random();
        byte[] model = GraphFingerprint.Of(Network(), digests);
        var shapes = new SortedDictionary<string, Shape> { ["x0"] = [1, 8, 12, 12] };
        byte[][] keys =
        [
            PlanKey.Of(model, engine, new CompileOptions(), shapes, PlanKey.Builds),
            PlanKey.Of(GraphFingerprint.Of(QuantizedNetwork(), digests), engine, new CompileOptions(), shapes, PlanKey.Builds),
            PlanKey.Of(model, engine, new CompileOptions(), shapes, [.. PlanKey.Builds.Skip(1), Guid.NewGuid()]),
            PlanKey.Of(model, narrow, new CompileOptions(), shapes, PlanKey.Builds),
            PlanKey.Of(model, single, new CompileOptions(), shapes, PlanKey.Builds),
            PlanKey.Of(model, fast, new CompileOptions(), shapes, PlanKey.Builds),
            PlanKey.Of(model, engine, new CompileOptions { Observe = ["relu4"] }, shapes, PlanKey.Builds),
            PlanKey.Of(model, engine, new CompileOptions { DisabledPasses = ["cleanup"] }, shapes, PlanKey.Builds),
            PlanKey.Of(model, engine, new CompileOptions(), new SortedDictionary<string, Shape> { ["x0"] = [2, 8, 12, 12] },
                PlanKey.Builds),
        ];
        Assert.Equal(keys.Length, keys.Select(Convert.ToHexString).Distinct().Count());
        Assert.Equal(keys[0], PlanKey.Of(GraphFingerprint.Of(Network().Clone(), digests), engine, new CompileOptions(), shapes, PlanKey.Builds));
    }

    [Fact]
    public void A_changed_weight_of_four_bits_is_another_model()
    {
        var digests = DigestKey.Random();
        var elements = new byte[(1 << 21) + 1]; // two digests and an odd one
        byte[] first = FingerprintOf(elements);
        Assert.Equal(first, FingerprintOf(elements));
        foreach (int changed in (int[])[0, 1, elements.Length - 1])
        {
            elements[changed] = 5;
            Assert.NotEqual(first, FingerprintOf(elements));
            elements[changed] = 0;
        }

        byte[] FingerprintOf(byte[] values)
        {
            var graph = new ModelGraph("nibbles");
            graph.AddOutput(graph.AddConstant("weights", new TensorData(DataType.UInt4, [values.Length], (byte[])values.Clone()).Packed()));
            return GraphFingerprint.Of(graph, digests);
        }
    }

    [Fact]
    public void A_changed_weight_attribute_or_node_is_another_model()
    {
        var fingerprints = new HashSet<string>();
        var digests = DigestKey.Random();
        for (int i = 0; i < 6; i++)
        {
            ModelGraph graph = Network();
            GraphNode conv = graph.Nodes.First(n => n.Is("Conv"));
            TensorData weights = conv.ConstantInput(1)!;
            float[] values = weights.AsSpan<float>().ToArray();
            values[^1] = i == 1 ? values[^1] + 1 : values[^1];
            conv.Input(1).SetConstant(TensorData.Create<float>(values, weights.Shape));
            if (i == 2)
                conv.Attributes.Add("pads", new[] { 1, 1, 1, 2 });
            if (i == 3)
                graph.AddOutput(conv.Output);
            if (i == 4)
                conv.SetInput(2, null);
            if (i == 5)
                graph.Inputs[0].Shape = new GraphShape(1, 8, 12, 13);
            Assert.True(fingerprints.Add(Convert.ToHexString(GraphFingerprint.Of(graph, digests))), $"change {i} went unnoticed");
        }
    }

    [Fact]
    public void A_folder_keeps_the_key_of_its_digests_for_its_owner_alone()
    {
        byte[] content = [1, 2, 3];
        byte[] digest = ModelCache.Open(_folder).Key.Digest(content);
        string file = Path.Combine(_folder, "digest.key");
        if (!OperatingSystem.IsWindows())
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
        Assert.Equal(digest, ModelCache.Open(_folder).Key.Digest(content));
        Assert.NotEqual(digest, ModelCache.Open(_folder).Key.Digest([1, 2, 4]));
        Assert.NotEqual(digest, DigestKey.Random().Digest(content));
        File.WriteAllBytes(file, [1, 2, 3]); // damaged
        byte[] other = ModelCache.Open(_folder).Key.Digest(content);
        Assert.NotEqual(digest, other);
        Assert.Equal(other, ModelCache.Open(_folder).Key.Digest(content));
    }

    [Fact]
    public void A_file_under_the_name_of_another_plan_is_refused()
    {
        ModelCache cache = ModelCache.Open(_folder);
        Run(Options(cache), Network());
        string first = Assert.Single(Files());
        Run(Options(cache) with { Threads = 1 }, Network());
        string second = Files().Single(f => f != first);
        File.Copy(first, second, overwrite: true);
        Assert.Contains("another key", Assert.Throws<CacheFileException>(
            () => CachedPlan.Read(second, Convert.FromHexString(Path.GetFileNameWithoutExtension(second)))).Message,
                StringComparison.Ordinal);
    }

    [Fact]
    public void What_others_may_write_is_refused()
    {
        if (OperatingSystem.IsWindows())
            return; // access control lists there, which a new folder inherits from the profile
        ModelCache cache = ModelCache.Open(_folder);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(_folder));
        float[] expected = Run(Options(cache), Network());
        string file = Assert.Single(Files());
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.OtherWrite);
        Assert.Equal(expected, Run(Options(cache), Network()));
        Assert.Equal((0, 1), (cache.Metrics.Hits, cache.Metrics.Refused));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file)); // written anew
        File.SetUnixFileMode(_folder, File.GetUnixFileMode(_folder) | UnixFileMode.GroupWrite);
        Assert.Contains("chmod", Assert.Throws<IOException>(() => ModelCache.Open(_folder)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_least_recently_used_files_leave_when_the_bound_is_passed()
    {
        ModelCache cache = ModelCache.Open(_folder);
        CpuEngineOptions[] options = [.. Enumerable.Range(1, 3).Select(t => Options(cache) with { Threads = t, ThreadPool = SharedPool })];
        Run(options[0], Network());
        long size = new FileInfo(Assert.Single(Files())).Length;
        string first = Files()[0];
        Run(options[1], Network());
        string second = Files().Single(f => f != first);
        File.SetLastWriteTimeUtc(first, DateTime.UtcNow.AddMinutes(-3));
        File.SetLastWriteTimeUtc(second, DateTime.UtcNow.AddMinutes(-2));
        string abandoned = first + ".1234.tmp", recent = first + ".5678.tmp";
        File.WriteAllText(abandoned, "");
        File.SetLastWriteTimeUtc(abandoned, DateTime.UtcNow.AddHours(-2));
        File.WriteAllText(recent, "");
        Run(options[0], Network()); // a use
        ModelCache bounded = ModelCache.Open(_folder, (2 * size) + (size / 2));
        float[] expected = Run(options[2] with { ModelCache = bounded }, Network());
        Assert.Contains(first, Files());
        Assert.DoesNotContain(second, Files());
        Assert.Equal(2, Files().Length);
        Assert.False(File.Exists(abandoned));
        Assert.True(File.Exists(recent)); // another process may be writing it

        Assert.Equal(expected, Run(options[2] with { ModelCache = ModelCache.Open(_folder, 0) }, Network()));
    }

    [Fact]
    public async Task Concurrent_writers_and_readers_leave_one_sound_file()
    {
        ModelGraph graph = Network();
        float[] expected = Run(Options(null), graph);
        ModelCache[] caches = [.. Enumerable.Range(0, 6).Select(_ => ModelCache.Open(_folder))];
        await Task.WhenAll(caches.Select(cache => Task.Run(() =>
        {
            for (int i = 0; i < 4; i++)
                Assert.Equal(expected, Run(Options(cache), graph));
        })));
        Assert.All(caches, cache => Assert.Equal((4, 0), (cache.Metrics.Hits + cache.Metrics.Misses, cache.Metrics.Refused)));
        string file = Assert.Single(Files());
        Assert.Empty(Directory.GetFiles(_folder, "*.tmp"));
        CachedPlan.Read(file, Convert.FromHexString(Path.GetFileNameWithoutExtension(file)));
    }

    [Fact]
    public void A_request_outlives_the_file_and_the_cache_of_plans()
    {
        ModelCache cache = ModelCache.Open(_folder);
        float[] expected = Run(Options(cache), Network());
        using CpuEngine engine = CpuEngine.Create(Options(cache));
        using CompiledModel model = engine.Compile(Network());
        using InferenceRequest request = model.CreateRequest();
        Directory.Delete(_folder, recursive: true);
        model.Dispose();
        for (int i = 0; i < 3; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        Assert.Equal(expected, Runner.Run(request));
        Assert.Equal(expected, Run(Options(cache), Network())); // the folder is gone: nothing is stored, and nothing fails
    }

    [Fact]
    public void Shapes_have_files_of_their_own_and_share_the_memory_of_equal_weights()
    {
        var sketch = new ModelSketch();
        ModelGraph graph = sketch.Output(sketch.Conv(sketch.Input(GraphDimension.Unknown, 5, 9, 9), 5, 37));
        ModelCache cache = ModelCache.Open(_folder);
        for (int round = 0; round < 2; round++)
        {
            using CpuEngine engine = CpuEngine.Create(Options(cache));
            using CompiledModel model = engine.Compile(graph);
            using InferenceRequest one = model.CreateRequest(1), three = model.CreateRequest(3);
            float[] single = Runner.Run(one);
            Assert.Equal(single, Runner.Run(three)[..single.Length]);
            using var reference = new ReferenceEngine();
            Assert.True(model.WeightsBytes < 2 * 4 * 48 * 9 * 5 * 2);
        }

        Assert.Equal((2, 2), (cache.Metrics.Hits, cache.Metrics.Stored));
    }

    [Fact]
    public void Names_that_two_kernels_have_are_left_out()
    {
        var image = new KernelImage("a", Isa.Avx2, [0xC3], 1);
        var library = new KernelLibrary([KeyValuePair.Create("old", image)]);
        library.Add("one", 1, image);
        library.Add("two", 1, image);
        library.Add("two", 2, image);
        Assert.Equal(["old", "one"], library.Images.Select(i => i.Key));
        Assert.Equal(["two"], library.AmbiguousNames);
        Assert.Equal(2, library.Added);
        Assert.NotNull(library.Find("one", 1, Isa.Avx2));
        Assert.Null(library.Find("one", 2, Isa.Avx2));
        Assert.Null(library.Find("one", 1, Isa.Avx512));
        Assert.Null(library.Find("two", 1, Isa.Avx2));
        Assert.Null(KernelLibrary.Current);
        using (KernelLibrary.Use(library))
            Assert.Same(library, KernelLibrary.Current);
        Assert.Null(KernelLibrary.Current);
    }

    private static SharedThreadPool SharedPool { get; } = new(3);

    private static CpuEngineOptions Options(ModelCache? cache) => new() { Threads = 2, ThreadPool = SharedPool, ModelCache = cache };

    private static IEnumerable<KernelImage> KernelsOf(string file) =>
        CachedPlan.Read(file, Convert.FromHexString(Path.GetFileNameWithoutExtension(file))).Kernels.Select(k => k.Value);

    private static float[] Run(CpuEngineOptions options, ModelGraph graph)
    {
        using CpuEngine engine = CpuEngine.Create(options);
        return Runner.Run(engine, graph);
    }

    private static ModelGraph Network()
    {
        var sketch = new ModelSketch();
        GraphValue x = sketch.Op("Relu", sketch.Conv(sketch.Input(1, 8, 12, 12), 8, 43));
        return sketch.Output(sketch.Conv(x, 43, 41, kernel: 1));
    }

    private static ModelGraph QuantizedNetwork()
    {
        var sketch = new ModelSketch();
        GraphValue x = sketch.Edge(sketch.Input(1, 7, 10, 10), 0.01f, 120);
        GraphValue conv = sketch.Op("Relu", sketch.Op(
            "Conv", new GraphAttributes { { "pads", new[] { 1, 1, 1, 1 } } }, x,
            sketch.QuantizedWeights(DataType.Int8, 0, 29, 7, 3, 3), sketch.Random(29)));
        GraphValue pooled = sketch.Op("GlobalAveragePool", sketch.Edge(conv, 0.05f, 10));
        return sketch.Output(sketch.Op("Flatten", sketch.Edge(pooled, 0.02f, 3)));
    }

    private string[] Files() => Directory.GetFiles(_folder, "*.i8plan");
}
