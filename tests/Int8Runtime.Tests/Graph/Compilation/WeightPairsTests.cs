// Which weights meet in sums of 16 bits: exactly those that WeightPairs names.
namespace Int8Runtime.Tests.Graph.Compilation;

public sealed class WeightPairsTests
{
    // Each output channel has two weights of 127, another two in every channel, and every source element is 255: 2·255·127
    // saturates at 16 bits if and only if a kernel adds the two products before it widens them.
    [Theory]
    [InlineData("dense 3x3", 4, 1, new[] { 3, 3 }, 1)]
    [InlineData("three channels", 3, 1, new[] { 3, 3 }, 1)]
    [InlineData("1x1", 7, 1, new[] { 1, 1 }, 1)]
    [InlineData("dilated", 6, 1, new[] { 2, 3 }, 2)]
    [InlineData("dilated, odd", 3, 1, new[] { 2, 3 }, 2)]
    [InlineData("one dimension", 4, 1, new[] { 3 }, 1)]
    [InlineData("volume", 2, 1, new[] { 2, 2, 3 }, 1)]
    [InlineData("depthwise 3x3", 1, 0, new[] { 3, 3 }, 1)]
    [InlineData("depthwise 5x2", 1, 0, new[] { 5, 2 }, 1)]
    [InlineData("depthwise row", 1, 0, new[] { 4 }, 1)]
    [InlineData("depthwise volume", 1, 0, new[] { 2, 3, 2 }, 1)]
    public void Convolutions_add_the_pairs_that_are_named(string name, int inputs, int groups, int[] window, int dilation)
    {
        int taps = window.Aggregate(inputs, (a, b) => a * b);
        (int, int)[] combinations = Combinations(taps);
        int outputs = combinations.Length;
        bool isDepthwise = groups == 0;
        int[] ones = [.. window.Select(_ => 1)];
        var weights = new MemoryDescriptor([outputs, inputs, .. window], DataType.Int8);
        var descriptor = new ConvolutionDescriptor
        {
            Source = MemoryDescriptor.Any([1, isDepthwise ? outputs : inputs, .. window.Select(w => ((w - 1) * dilation) + 1)],
                DataType.UInt8),
            Weights = MemoryDescriptor.Any(weights.Dimensions, DataType.Int8),
            Destination = MemoryDescriptor.Any([1, outputs, .. ones], DataType.Int32),
            Strides = ones,
            Dilations = [.. window.Select(_ => dilation)],
            PaddingBefore = [.. window.Select(_ => 0)],
            PaddingAfter = [.. window.Select(_ => 0)],
            Groups = isDepthwise ? outputs : 1,
        };
        Check(name, descriptor, weights, WeightPairs.ForConvolution(weights, descriptor.Groups, dilation), combinations,
            column: taps, element: 1);
    }

    [Fact]
    public void Weights_fit_if_no_pair_of_the_list_is_beyond()
    {
        var random = new Random(4);
        int fitting = 0;
        for (int trial = 0; trial < 600; trial++)
        {
            int[] window = [random.Next(1, 4), random.Next(1, 4)];
            bool isProduct = random.Next(2) == 0;
            var weights = new MemoryDescriptor(
                isProduct ? [random.Next(1, 40), random.Next(1, 40)] : [random.Next(1, 20), random.Next(1, 20), .. window], DataType.Int8);
            WeightPairs pairs = isProduct ? WeightPairs.ForMatMul(weights) : WeightPairs.ForConvolution(weights, 1, random.Next(1, 3));
            sbyte[] content = new sbyte[weights.Dimensions.ElementCount];
            for (int i = 0; i < content.Length; i++) // few at the limit
                content[i] = (sbyte)(random.Next(40) == 0 ? random.Next(2) == 0 ? 127 : -128 : random.Next(-1, 2));
            bool expected = pairs.Columns().All(c => pairs.Pairs().All(p => Math.Abs(content[c + p.First] + content[c + p.Second]) <= 128));
            Assert.Equal(expected, pairs.Fit(content));
            fitting += expected ? 1 : 0;
        }

        Assert.InRange(fitting, 60, 540);
    }

    [Theory]
    [InlineData("even", 8)]
    [InlineData("odd", 7)]
    public void Matrix_products_add_the_pairs_that_are_named(string name, int sum)
    {
        (int, int)[] combinations = Combinations(sum);
        int columns = combinations.Length;
        var weights = new MemoryDescriptor([sum, columns], DataType.Int8);
        var descriptor = new MatMulDescriptor
        {
            Source = new MemoryDescriptor([1, sum], DataType.UInt8), Weights = MemoryDescriptor.Any(weights.Dimensions, DataType.Int8),
            Destination = new MemoryDescriptor([1, columns], DataType.Int32),
        };
        Check(name, descriptor, weights, WeightPairs.ForMatMul(weights), combinations, column: 1, element: columns);
    }

    [Theory]
    [InlineData("vector", 9, 1)]
    [InlineData("map", 4, 3)]
    [InlineData("map of odd channels", 3, 3)]
    public void Inner_products_add_the_pairs_that_are_named(string name, int channels, int width)
    {
        (int, int)[] combinations = Combinations(channels * width);
        int[] map = width == 1 ? [channels] : [channels, 1, width];
        var weights = new MemoryDescriptor([combinations.Length, .. map], DataType.Int8);
        var descriptor = new InnerProductDescriptor
        {
            Source = MemoryDescriptor.Any([1, .. map], DataType.UInt8), Weights = MemoryDescriptor.Any(weights.Dimensions, DataType.Int8),
            Destination = MemoryDescriptor.Any([1, combinations.Length], DataType.Int32),
        };
        Check(name, descriptor, weights, WeightPairs.ForInnerProduct(weights), combinations, column: channels * width, element: 1);
    }

    [Fact]
    public void Fit_finds_the_one_pair_that_is_too_large()
    {
        var weights = new MemoryDescriptor([2, 4, 1, 1], DataType.Int8);
        WeightPairs pairs = WeightPairs.ForConvolution(weights, 1, 1);
        Assert.True(pairs.Fit([127, 1, -1, -127, 64, 64, 127, -128]));
        Assert.True(pairs.Fit([0, 127, 127, 0, 1, 127, -128, 0]));
        Assert.False(pairs.Fit([0, 0, 0, 0, 0, 0, 127, 2]));
        Assert.False(pairs.Fit([-100, -29, 0, 0, 0, 0, 0, 0]));
        Assert.True(WeightPairs.Any.Fit([64, 64, -64]));
        Assert.False(WeightPairs.Any.Fit([0, 65, 0]));
    }

    public static TheoryData<string, WeightPairs, int> Orders
    {
        get
        {
            static MemoryDescriptor Of(params int[] dimensions) => new(dimensions, DataType.Int8);
            static WeightPairs Convolution(int groups, params int[] dimensions) => WeightPairs.ForConvolution(Of(dimensions), groups, 1);
            return new TheoryData<string, WeightPairs, int>
            {
                { "1x1", Convolution(1, 5, 14, 1, 1), 70 },
                { "3x3, even channels", Convolution(1, 3, 4, 3, 3), 108 },
                { "3x3, odd channels", Convolution(1, 3, 3, 3, 3), 81 },
                { "window above a vector", Convolution(1, 2, 4, 3, 7), 168 },
                { "depthwise", Convolution(6, 6, 1, 3, 3), 54 },
                { "matrix, even", WeightPairs.ForMatMul(Of(6, 19)), 114 },
                { "matrix, odd", WeightPairs.ForMatMul(Of(7, 19)), 133 },
                { "matrices", WeightPairs.ForMatMul(Of(2, 4, 17)), 136 },
                { "fully connected", WeightPairs.ForInnerProduct(Of(4, 18)), 72 },
                { "fully connected over a map", WeightPairs.ForInnerProduct(Of(3, 4, 2, 3)), 72 },
            };
        }
    }

    [Theory]
    [MemberData(nameof(Orders))]
    public void Fit_looks_at_every_pair_and_at_no_other(string name, WeightPairs pairs, int elements)
    {
        var weights = new sbyte[elements];
        foreach (int column in pairs.Columns())
        {
            foreach ((int first, int second) in pairs.Pairs())
            {
                foreach (sbyte sign in (sbyte[])[1, -1])
                {
                    Array.Fill(weights, (sbyte)(sign * -64));
                    (weights[column + first], weights[column + second]) = ((sbyte)(sign * 127), (sbyte)(sign * 1));
                    Assert.True(pairs.Fit(weights), name);
                    weights[column + second] = (sbyte)(sign * 2);
                    Assert.False(pairs.Fit(weights), $"{name}: {column} + ({first}, {second})");
                }
            }
        }
    }

    private static (int, int)[] Combinations(int count) =>
        [.. from i in Enumerable.Range(0, count) from j in Enumerable.Range(i + 1, count - i - 1) select (i, j)];

    private static void Check(
        string name, PrimitiveDescriptor descriptor, MemoryDescriptor plain, WeightPairs pairs,
        (int First, int Second)[] combinations, int column, int element)
    {
        var content = new sbyte[plain.ElementCount];
        for (int o = 0; o < combinations.Length; o++)
        {
            content[(o * column) + (combinations[o].First * element)] = 127;
            content[(o * column) + (combinations[o].Second * element)] = 127;
        }

        HashSet<(int, int)> meeting =
            [.. pairs.Pairs().Select(p => (Math.Min(p.First, p.Second) / element, Math.Max(p.First, p.Second) / element))];
        int[] expected = [.. combinations.Select(c => meeting.Contains(c) ? short.MaxValue : 2 * 255 * 127)];
        foreach (Isa isa in (Isa[])[IsaTiers.Sse41, IsaTiers.Avx2, IsaTiers.Avx512])
        {
            using CpuEngine engine = CpuEngine.Create(new CpuEngineOptions { MaxIsa = isa, Threads = 1 });
            using var stream = engine.CreateStream();
            // The promise is broken on purpose, so that pairs show.
            using Primitive primitive = engine.Create(descriptor, new PrimitiveAttributes { NumericMode = NumericMode.NarrowWeights });
            using TensorMemory given = TensorMemory.From<sbyte>(plain, content);
            using TensorMemory weights = WeightsPacking.Pack(engine, given, primitive.Weights);
            (MemoryDescriptor source, MemoryDescriptor destination) = primitive.Descriptor switch
            {
                ConvolutionDescriptor d => (d.Source, d.Destination),
                InnerProductDescriptor d => (d.Source, d.Destination),
                MatMulDescriptor d => (d.Source, d.Destination),
                _ => throw new ArgumentException("a product with weights", nameof(descriptor)),
            };
            using TensorMemory x = TensorMemory.From<byte>(source, [.. Enumerable.Repeat((byte)255, (int)source.ElementCount)]);
            using var y = new TensorMemory(destination);
            if (descriptor is ConvolutionDescriptor)
                primitive.Execute(stream, new ConvolutionArguments(x, weights, null, y));
            else if (descriptor is InnerProductDescriptor)
                primitive.Execute(stream, new InnerProductArguments(x, weights, null, y));
            else
                primitive.Execute(stream, new MatMulArguments(x, weights, null, y));
            Assert.True(expected.SequenceEqual(y.AsSpan<int>().ToArray()),
                $"{name}, {IsaTiers.NameOf(isa)}, {primitive.ImplementationName}");
        }
    }
}
