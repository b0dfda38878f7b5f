// Which products serve bf16 and f16, what a permission to round f32 to bf16 does, and the conversions of operands.
using FsCheck;
using FsCheck.Fluent;
using Int8Runtime.Jit;
using Int8Runtime.Reference;
using Int8Runtime.TestKit;

namespace Int8Runtime.X64.Tests.Brgemm;

public sealed unsafe class FloatTypeTests
{
    private static readonly KernelCache Cache = new();

    [Theory]
    [InlineData(DataType.BFloat16, DataType.BFloat16, 34, "avx512_bf16", "brgemm_matmul:avx512_bf16")]
    [InlineData(DataType.BFloat16, DataType.BFloat16, 35, "avx512_bf16", "brgemm_matmul:avx512:f32")] // half a pair is left over
    [InlineData(DataType.BFloat16, DataType.BFloat16, 34, "avx512_vnni", "brgemm_matmul:avx512:f32")]
    [InlineData(DataType.BFloat16, DataType.BFloat16, 34, "avx2", "brgemm_matmul:avx2:f32")]
    [InlineData(DataType.Float32, DataType.BFloat16, 34, "avx512_bf16", "brgemm_matmul:avx512:f32")]
    [InlineData(DataType.Float16, DataType.Float16, 34, "avx512_bf16", "brgemm_matmul:avx512:f32")]
    [InlineData(DataType.Float32, DataType.Float32, 34, "avx512_bf16", "brgemm_matmul:avx512")]
    public void The_name_tells_the_product(DataType source, DataType weights, int sum, string tier, string expected)
    {
        PlanResult result = new BrgemmMatMul(Cache, CpuFeatures.Host).TryPlan(Request(source, weights, sum, FloatMath.Strict, tier));
        if ((IsaTiers.Parse(tier) & ~IsaEmulation.HostAndEmulated) == 0)
            Assert.Equal(expected, result.Plan?.Name);
    }

    [Fact]
    public void B11_what_cannot_use_the_bf16_product_computes_in_f32_and_says_so()
    {
        // Half a pair is left over; f16; f32 that must not be rounded; and functions of bf16, whose kernels have no bf16 product.
        foreach ((DataType type, int sum) in new[] { (DataType.BFloat16, 35), (DataType.Float16, 34) })
        {
            PrimitivePlan plan = new BrgemmMatMul(Cache, CpuFeatures.Host).TryPlan(Request(type, type, sum, FloatMath.Strict, "avx512")).Plan!;
            Assert.EndsWith(":f32", plan.Name, StringComparison.Ordinal);
        }

        Epilogue epilogue = Epilogue.CreateForValues(new() { PostOps = [PostOp.Eltwise(EltwiseAlgorithm.Tanh)] }, DataType.BFloat16);
        EpilogueSpec stores = EpiloguePlan.TryForValues(epilogue)!.Spec;
        string code = Disassembler.Format(
            new RunGenerator().Generate(new RunSpec(DataType.BFloat16, OperandMode.PerChannel, false, stores), IsaTiers.Avx512Bf16));
        Assert.DoesNotContain("vdpbf16ps", code, StringComparison.Ordinal);
        Assert.Contains("vfmadd", code, StringComparison.Ordinal);
    }

    [Fact]
    public void F32_is_rounded_to_bf16_only_where_that_is_allowed_and_faster()
    {
        foreach ((string tier, Isa isa) in Tiers.Generated)
        {
            string name = new BrgemmMatMul(Cache, CpuFeatures.Host)
                .TryPlan(Request(DataType.Float32, DataType.Float32, 34, FloatMath.BFloat16, tier)).Plan!.Name;
            string variant = isa.HasFlag(Isa.Avx512Bf16) ? "avx512_bf16:bf16" : KernelTier.NameOf(isa);
            Assert.Equal("brgemm_matmul:" + variant, name);
        }
    }

    [Fact]
    public void Products_of_rounded_f32_stay_within_the_rounding()
    {
        Gen<Problem> problems =
            from window in Gen.Elements(1, 3)
            from channels in Gen.Choose(1, 40)
            from outputs in Gen.Choose(1, 40)
            from destination in Gen.Elements(DataType.Float32, DataType.BFloat16)
            from options in Arbitraries.Options()
            let descriptor = new ConvolutionDescriptor
            {
                Source = new([1, channels, 6, 5], DataType.Float32, FormatTag.Nhwc),
                Weights = MemoryDescriptor.Any([outputs, channels, window, window], DataType.Float32),
                Destination = new([1, outputs, 6, 5], destination, FormatTag.Nhwc),
                PaddingBefore = [window / 2, window / 2], PaddingAfter = [window / 2, window / 2],
            }
            let attributes = new PrimitiveAttributes { FloatMath = FloatMath.BFloat16 }
            let tolerance = Int8Runtime.Diagnostics.ToleranceRules.For(descriptor, attributes)
            select new Problem(descriptor, attributes, options with { Tolerance = tolerance });
        foreach ((string tier, Isa isa) in Tiers.Generated)
            Properties.Check(problems, problem => Check(isa, problem), 15);
    }

    [Fact]
    public void Every_half_is_widened_exactly_and_every_rounding_to_bf16_is_that_of_the_reference()
    {
        ushort[] halves = [.. Enumerable.Range(0, 0x10000).Select(i => (ushort)i)];
        var floats = new float[halves.Length];
        fixed (ushort* source = halves)
        fixed (float* widened = floats)
        {
            foreach (DataType type in new[] { DataType.BFloat16, DataType.Float16 })
            {
                FloatConversion.Run(widened, DataType.Float32, source, type, halves.Length - 3); // vectors and a rest
                for (int i = 0; i < halves.Length - 3; i++)
                {
                    float expected = ScalarAccess.Load(source, type, i);
                    bool same = expected.Equals(widened[i]) && float.IsNegative(expected) == float.IsNegative(widened[i]);
                    Assert.True(same, $"{type} {i:x4}");
                }
            }

            var rounded = new ushort[halves.Length];
            foreach (uint low in (uint[])[0, 1, 0x7FFF, 0x8000, 0x8001, 0xFFFF])
            {
                for (int i = 0; i < floats.Length; i++)
                    floats[i] = BitConverter.UInt32BitsToSingle(((uint)i << 16) | low);
                fixed (ushort* target = rounded)
                    FloatConversion.Run(target, DataType.BFloat16, widened, DataType.Float32, floats.Length);
                for (int i = 0; i < floats.Length; i++)
                    Assert.Equal(ScalarAccess.ToBFloat16(floats[i]), rounded[i]);
            }
        }
    }

    private static PlanRequest Request(DataType source, DataType weights, int sum, FloatMath math, string tier) => new(
        new MatMulDescriptor
        {
            Source = new([5, sum], source), Weights = MemoryDescriptor.Any([sum, 20], weights), Destination = new([5, 20], DataType.Float32),
        },
        new PrimitiveAttributes { FloatMath = math }, IsaTiers.Parse(tier), 1);

    private static void Check(Isa isa, Problem problem)
    {
        using var engine = new TestEngine(isa, [new BrgemmConvolution(Cache, CpuFeatures.Host)]);
        PrimitiveCheck.AgainstReference(engine, problem.Descriptor, problem.Attributes, problem.Options);
    }
}
