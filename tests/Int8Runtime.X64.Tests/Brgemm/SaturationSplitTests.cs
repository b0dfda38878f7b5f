// Split weights: no pair can saturate, nothing is lost, and only pairs that need it are split.
using Int8Runtime.Jit;
using Int8Runtime.TestKit;

namespace Int8Runtime.X64.Tests.Brgemm;

public sealed unsafe class SaturationSplitTests
{
    private const int Lanes = 16;

    [Fact]
    public void Every_pair_of_weights_is_split_exactly_where_its_sum_would_leave_16_bits()
    {
        BrgemmResiduals layout = BrgemmResiduals.For(entries: 1, Lanes);
        var memory = new byte[layout.Stride];
        var packed = new sbyte[Lanes * 4];
        fixed (byte* residuals = memory)
        fixed (sbyte* step = packed)
        {
            for (int first = -128; first < 128; first++)
                for (int second = -128; second < 128; second++)
                {
                    Array.Clear(packed);
                    (step[30], step[31]) = ((sbyte)first, (sbyte)second);
                    new SaturationSplit(layout, residuals, Lanes).Split(step, steps: 1, run: 0, step: 0);
                    bool saturates = !Fits(first, second);
                    Assert.Equal(saturates ? 1 : 0, *(long*)residuals);
                    var rest = (sbyte*)(residuals + layout.WeightsOffset);
                    int keptFirst = step[30], keptSecond = step[31];
                    int restFirst = saturates ? rest[30] : 0, restSecond = saturates ? rest[31] : 0;
                    Assert.True(Fits(keptFirst, keptSecond) && Fits(restFirst, restSecond), $"{first}, {second}");
                    Assert.Equal((first, second), (keptFirst + restFirst, keptSecond + restSecond));
                }
        }
    }

    [Fact]
    public void Two_steps_are_split_so_that_no_sum_of_four_leaves_16_bits_and_nothing_is_lost()
    {
        BrgemmResiduals layout = BrgemmResiduals.For(SaturationSplit.MostEntries(2, together: 2), Lanes);
        var memory = new byte[layout.Stride];
        var random = new Random(5);
        sbyte[] edges = [-128, -127, -65, -64, -1, 0, 1, 63, 64, 65, 127];
        for (int round = 0; round < 2000; round++)
        {
            var weights = new sbyte[2 * Lanes * 4];
            for (int i = 0; i < weights.Length; i++)
                weights[i] = round % 2 == 0 ? edges[random.Next(edges.Length)] : (sbyte)random.Next(-40, 41);
            if (round < 2)
                Array.Fill(weights, round == 0 ? (sbyte)-128 : (sbyte)127);
            sbyte[] packed = [.. weights];
            fixed (byte* residuals = memory)
            fixed (sbyte* steps = packed)
            {
                new SaturationSplit(layout, residuals, Lanes).Split(steps, steps: 2, run: 0, step: 0);
                for (int word = 0; word < Lanes * 2; word++)
                    Assert.True(FitsWord([.. packed.AsSpan(word * 2, 2), .. packed.AsSpan((Lanes * 4) + (word * 2), 2)]), $"word {word}");
                long count = *(long*)residuals;
                Assert.InRange(count, 0, SaturationSplit.MostEntries(2, together: 2));
                var total = packed.Select(w => (int)w).ToArray();
                var entries = (int*)(residuals + BrgemmResiduals.EntriesOffset);
                var rest = (sbyte*)(residuals + layout.WeightsOffset);
                for (int entry = 0; entry < count; entry++, rest += Lanes * 4)
                {
                    int step = entries[(2 * entry) + 1] / 4;
                    for (int i = 0; i < Lanes * 4; i++)
                        total[(step * Lanes * 4) + i] += rest[i];
                    for (int word = 0; word < Lanes * 2; word++)
                        Assert.True(FitsWord([rest[word * 2], rest[(word * 2) + 1]]), $"residual word {word}");
                }

                Assert.Equal(weights.Select(w => (int)w), total);
            }
        }
    }

    [Fact]
    public void Residuals_name_the_run_and_the_step_they_belong_to()
    {
        BrgemmResiduals layout = BrgemmResiduals.For(entries: 6, Lanes);
        var memory = new byte[layout.Stride];
        var packed = new sbyte[Lanes * 4];
        fixed (byte* residuals = memory)
        fixed (sbyte* step = packed)
        {
            var split = new SaturationSplit(layout, residuals, Lanes);
            for (int run = 0; run < 2; run++)
                for (int s = 0; s < 3; s++)
                {
                    Array.Fill(packed, (sbyte)(run == s ? 127 : 1));
                    split.Split(step, 1, run, s);
                }

            Assert.Equal(2, *(long*)residuals);
            int* entries = (int*)(residuals + BrgemmResiduals.EntriesOffset);
            Assert.Equal([0, 0, BrgemmRun.Bytes, 4], new ReadOnlySpan<int>(entries, 4).ToArray());
        }
    }

    [Theory]
    [InlineData(NumericMode.ExactPairs, 255, 127, 64)]
    [InlineData(NumericMode.ExactPairs, 255, -128, 1000)]
    [InlineData(NumericMode.ExactPairs, 1, 127, 7)]
    [InlineData(NumericMode.ExactQuads, 255, 127, 68)]
    [InlineData(NumericMode.ExactQuads, 255, -128, 1000)]
    [InlineData(NumericMode.ExactQuads, 1, 127, 7)]
    public void Pairs_of_the_largest_products_are_exact_on_every_tier(NumericMode mode, int source, int weight, int sum)
    {
        var descriptor = new MatMulDescriptor
        {
            Source = new MemoryDescriptor([5, sum], DataType.UInt8), Weights = MemoryDescriptor.Any([sum, 37], DataType.Int8),
            Destination = new MemoryDescriptor([5, 37], DataType.Int32),
        };
        foreach ((string tier, Isa isa) in Tiers.Generated)
        {
            using var engine = new TestEngine(isa, [new BrgemmMatMul(new KernelCache(), CpuFeatures.Host)]);
            using var stream = engine.CreateStream();
            using Primitive primitive = engine.Create(descriptor, new PrimitiveAttributes { NumericMode = mode });
            using var plain = TensorMemory.From<sbyte>(
                new MemoryDescriptor([sum, 37], DataType.Int8), Enumerable.Repeat((sbyte)weight, sum * 37).ToArray());
            using TensorMemory weights = WeightsPacking.Pack(engine, plain, primitive.Weights);
            using var x = TensorMemory.From<byte>(descriptor.Source, Enumerable.Repeat((byte)source, 5 * sum).ToArray());
            using var y = new TensorMemory(descriptor.Destination);
            primitive.Execute(stream, new MatMulArguments(x, weights, null, y));
            Assert.All(y.AsSpan<int>().ToArray(), value => Assert.Equal(source * weight * sum, value));
        }
    }

    [Fact]
    public void Fast_mode_saturates_where_there_is_no_dot_product_instruction_and_says_so()
    {
        var descriptor = new MatMulDescriptor
        {
            Source = new MemoryDescriptor([1, 4], DataType.UInt8), Weights = MemoryDescriptor.Any([4, 8], DataType.Int8),
            Destination = new MemoryDescriptor([1, 8], DataType.Int32),
        };
        using var engine = new TestEngine(IsaTiers.Avx2, [new BrgemmMatMul(new KernelCache(), CpuFeatures.Host)]);
        using var stream = engine.CreateStream();
        using Primitive primitive = engine.Create(descriptor, new PrimitiveAttributes { NumericMode = NumericMode.Fast });
        Assert.Equal("brgemm_matmul:avx2:fast", primitive.ImplementationName);
        using var plain = TensorMemory.From<sbyte>(new MemoryDescriptor([4, 8], DataType.Int8), Enumerable.Repeat((sbyte)127, 32).ToArray());
        using TensorMemory weights = WeightsPacking.Pack(engine, plain, primitive.Weights);
        using var x = TensorMemory.From<byte>(descriptor.Source, [255, 255, 255, 255]);
        using var y = new TensorMemory(descriptor.Destination);
        primitive.Execute(stream, new MatMulArguments(x, weights, null, y));
        Assert.All(y.AsSpan<int>().ToArray(), value => Assert.Equal(2 * short.MaxValue, value));
    }

    private static bool FitsWord(sbyte[] weights) =>
        weights.Where(w => w > 0).Sum(w => w) * 255 <= short.MaxValue && weights.Where(w => w < 0).Sum(w => w) * 255 >= short.MinValue;

    private static bool Fits(int first, int second)
    {
        foreach (int a in new[] { 0, 255 })
            foreach (int b in new[] { 0, 255 })
                if ((a * first) + (b * second) is < short.MinValue or > short.MaxValue)
                    return false;
        return true;
    }
}
