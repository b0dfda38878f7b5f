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
        BrgemmResiduals layout = BrgemmResiduals.For(steps: 1, Lanes);
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
                    new SaturationSplit(layout, residuals, Lanes).Split(step, run: 0, step: 0);
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
    public void Residuals_name_the_run_and_the_step_they_belong_to()
    {
        BrgemmResiduals layout = BrgemmResiduals.For(steps: 6, Lanes);
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
                    split.Split(step, run, s);
                }

            Assert.Equal(2, *(long*)residuals);
            int* entries = (int*)(residuals + BrgemmResiduals.EntriesOffset);
            Assert.Equal([0, 0, BrgemmRun.Bytes, 4], new ReadOnlySpan<int>(entries, 4).ToArray());
        }
    }

    [Theory]
    [InlineData(255, 127, 64)]
    [InlineData(255, -128, 1000)]
    [InlineData(1, 127, 7)]
    public void Pairs_of_the_largest_products_are_exact_on_every_tier(int source, int weight, int sum)
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
            using Primitive primitive = engine.Create(descriptor, new PrimitiveAttributes { NumericMode = NumericMode.ExactPairs });
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

    private static bool Fits(int first, int second)
    {
        foreach (int a in new[] { 0, 255 })
            foreach (int b in new[] { 0, 255 })
                if ((a * first) + (b * second) is < short.MinValue or > short.MaxValue)
                    return false;
        return true;
    }
}
