// The arithmetic between accumulator and store: the published formulas, folding, bounds.
using FsCheck;
using FsCheck.Fluent;
using Int8Runtime.Reference;
using Int8Runtime.TestKit;

namespace Int8Runtime.Core.Tests.Attributes;

public sealed unsafe class EpilogueTests
{
    private static readonly MemoryDescriptor One = new([1, 1], DataType.Float32);

    // Runs one accumulator through the planned arithmetic.
    private static float Finish(
        PrimitiveAttributes attributes, int accumulator, DataType type = DataType.Float32, float bias = 0, float previous = 0,
        int channel = 0, int channels = 1)
    {
        Epilogue epilogue = Epilogue.Create(attributes, DataType.Int32, type, channels, hasBias: bias != 0);
        long destination = 0;
        ScalarAccess.Store(&destination, type, 0, previous);
        ExecutionArguments arguments = default;
        arguments[ArgumentSlot.Destination] = &destination;
        RefEpilogue.Finish(epilogue, accumulator, channel, bias, in arguments, One.WithDataType(type), [0, 0]);
        return ScalarAccess.Load(&destination, type, 0);
    }

    private static PrimitiveAttributes Scales(float source = 1, float weights = 1, float destination = 1, params PostOp[] postOps) => new()
    {
        SourceScale = QuantizationScale.PerTensor(source),
        WeightsScale = QuantizationScale.PerTensor(weights),
        DestinationScale = QuantizationScale.PerTensor(destination),
        PostOps = PostOpChain.Create(postOps),
    };

    [Fact]
    public void H01_one_activation_scale() =>
        Assert.Equal(0.5f * 4f / 0.25f * 9, Finish(Scales(0.5f, 4f, 0.25f), 9, DataType.UInt8));

    [Fact]
    public void H02_bias_inside_the_scale_is_the_folded_bias()
    {
        // scale·(conv + bia) is conv·scale + (scale·bia): a bias in units of the accumulator is scaled by the caller.
        const float Scale = 0.5f * 0.25f, BiasInAccumulator = 24;
        Assert.Equal(Scale * (100 + BiasInAccumulator), Finish(Scales(0.5f, 0.25f), 100, bias: Scale * BiasInAccumulator));
    }

    [Fact]
    public void H03_scale_and_bias_per_output_channel()
    {
        PrimitiveAttributes attributes = Scales(0.5f) with { WeightsScale = QuantizationScale.PerChannel([1f, 8f]) };
        Assert.Equal((0.5f * 6) + 1, Finish(attributes, 6, bias: 1, channel: 0, channels: 2));
        Assert.Equal((4f * 6) + 3, Finish(attributes, 6, bias: 3, channel: 1, channels: 2));
    }

    [Fact]
    public void H04_convolution_with_bias() => Assert.Equal((0.25f * 10) + 3, Finish(Scales(0.25f), 10, bias: 3));

    [Fact]
    public void H05_convolution_then_accumulation() =>
        Assert.Equal((0.5f * 40) + (0.25f * 10), Finish(Scales(0.25f, postOps: PostOp.Sum(0.5f)), 10, previous: 40));

    [Fact]
    public void H06_convolution_then_eltwise_with_factor() => Assert.Equal(
        3f * (0.25f * 0.25f * 16 * 16),
        Finish(Scales(0.25f, 1, 1, PostOp.Eltwise(EltwiseAlgorithm.Square), PostOp.Eltwise(EltwiseAlgorithm.Linear, 3)), 16));

    [Fact]
    public void H07_accumulation_before_the_rectifier() =>
        Assert.Equal(8f, Finish(Scales(1, 1, 1, PostOp.Sum(0.5f), PostOp.Relu()), -12, previous: 40));

    [Fact]
    public void H08_accumulation_behind_the_rectifier_differs_on_negative_data() =>
        Assert.Equal(20f, Finish(Scales(1, 1, 1, PostOp.Relu(), PostOp.Sum(0.5f)), -12, previous: 40));

    [Fact]
    public void H13_factor_of_a_rectifier_is_folded()
    {
        PrimitiveAttributes attributes = Scales(0.5f, 1, 0.25f, PostOp.Relu(0.5f), PostOp.Eltwise(EltwiseAlgorithm.Linear, 3));
        Assert.Equal(1f, Epilogue.Create(attributes, DataType.Int32, DataType.Int8, 1, false).OutputMultiplier);
        Assert.Equal(3 * 0.5f * -4 / 0.25f / 2, Finish(attributes, -4, DataType.Int8));
        Assert.Equal(3 * 0.5f * 4 / 0.25f, Finish(attributes, 4, DataType.Int8));
    }

    [Fact]
    public void H15_residual_block_in_multipliers()
    {
        // Multipliers m = 1/scale: the sum's other branch 1, source 2, weights 3, destination 4.
        const float M1 = 8, M2 = 16, M3 = 32, M4 = 4;
        PrimitiveAttributes attributes = Scales(1 / M2, 1 / M3, 1 / M4, PostOp.Sum(1 / M1));
        Epilogue epilogue = Epilogue.Create(attributes, DataType.Int32, DataType.UInt8, 1, false);
        Assert.Equal(M4 / (M2 * M3), epilogue.Scale[0]);
        Assert.Equal(M4 / M1, Assert.IsType<SumPostOp>(Assert.Single(epilogue.PostOps)).Scale);
    }

    [Fact]
    public void Trailing_rectifiers_and_clips_become_bounds()
    {
        PrimitiveAttributes attributes = Scales(1, 1, 0.5f, PostOp.Relu(), PostOp.Clip(-3, 6)) with { DestinationZeroPoint = 100 };
        Epilogue epilogue = Epilogue.Create(attributes, DataType.Int32, DataType.UInt8, 1, false);
        Assert.Empty(epilogue.PostOps);
        Assert.Equal((0f, 12f), (epilogue.LowerBound, epilogue.UpperBound));
        Assert.Equal(100, Finish(attributes, -50, DataType.UInt8));
        Assert.Equal(112, Finish(attributes, 50, DataType.UInt8));
    }

    [Fact]
    public void Chains_that_are_not_homogeneous_keep_the_multiplication()
    {
        PrimitiveAttributes attributes = Scales(0.5f, 1, 0.25f, PostOp.Eltwise(EltwiseAlgorithm.Square));
        Epilogue epilogue = Epilogue.Create(attributes, DataType.Int32, DataType.UInt8, 1, false);
        Assert.Equal((4f, 0.5f), (epilogue.OutputMultiplier, epilogue.Scale[0]));
        Assert.Equal(2f * 2 * 4, Finish(attributes, 4, DataType.UInt8));
    }

    [Theory]
    [InlineData(DataType.UInt8, 0, 0)]
    [InlineData(DataType.Int8, 17, -128)]
    [InlineData(DataType.Int32, 0, int.MinValue)]
    public void NaN_is_stored_as_the_lowest_value(DataType type, int zeroPoint, int expected)
    {
        PrimitiveAttributes attributes = Scales(1, 1, 1, PostOp.Eltwise(EltwiseAlgorithm.Sqrt)) with { DestinationZeroPoint = zeroPoint };
        Assert.Equal(expected, Finish(attributes, -1, type));
    }

    [Fact]
    public void Rounds_halves_to_even_and_saturates()
    {
        float[] results = [.. new[] { 1, 3, 5, -1, -3, 511, 1000 }.Select(a => Finish(Scales(0.5f), a, DataType.Int8))];
        Assert.Equal([0f, 2f, 2f, 0f, -2f, 127f, 127f], results);
    }

    [Theory]
    [InlineData(DataType.UInt8, 128, -128f, 127f)]
    [InlineData(DataType.Int8, -5, -123f, 132f)]
    [InlineData(DataType.Int32, 0, -2147483648f, 2147483520f)]
    [InlineData(DataType.Int32, 1000, -2147483648f, 2147482624f)]
    [InlineData(DataType.Int32, -1, -2147483520f, 2147483520f)]
    [InlineData(DataType.Float32, 7, float.NegativeInfinity, float.PositiveInfinity)]
    public void Bounds_leave_room_for_the_zero_point(DataType type, int zeroPoint, float lower, float upper) =>
        Assert.Equal((lower, upper), Epilogue.BoundsOf(type, zeroPoint));

    [Fact]
    public void Zero_point_of_s32_never_overflows()
    {
        foreach (int zeroPoint in new[] { int.MinValue + 1, -1_000_000, -129, -1, 0, 1, 127, 129, 1_000_000, int.MaxValue })
        {
            (float lower, float upper) = Epilogue.BoundsOf(DataType.Int32, zeroPoint);
            foreach (float bound in new[] { lower, upper })
            {
                Assert.InRange((long)bound, int.MinValue, int.MaxValue);
                Assert.InRange((long)bound + zeroPoint, int.MinValue, int.MaxValue);
            }
        }
    }

    [Fact]
    public void Plain_s32_results_bypass_f32()
    {
        Epilogue plain = Epilogue.Create(PrimitiveAttributes.Default, DataType.Int32, DataType.Int32, 3, false);
        Assert.True(plain.StoresAccumulator);
        Assert.False(Epilogue.Create(PrimitiveAttributes.Default, DataType.Int32, DataType.Int32, 3, true).StoresAccumulator);
        Assert.False(Epilogue.Create(Scales(0.5f), DataType.Int32, DataType.Int32, 3, false).StoresAccumulator);
        Assert.False(Epilogue.Create(Scales(1, 1, 1, PostOp.Relu()), DataType.Int32, DataType.Int32, 3, false).StoresAccumulator);
    }

    [Fact]
    public void Folding_moves_a_result_by_at_most_one_step() => Properties.Check(
        from type in Gen.Elements(DataType.UInt8, DataType.Int8)
        from postOps in Arbitraries.PostOps(One.WithDataType(type), binary: false)
        from source in Arbitraries.Scale
        from weights in Arbitraries.Scale
        from destination in Arbitraries.Scale
        from zeroPoint in Arbitraries.ZeroPoint(type)
        from accumulator in Gen.Choose(-2000, 2000)
        from bias in Gen.Choose(-4, 4)
        from previous in Gen.Choose(0, 127)
        select (Attributes: Scales(source, weights, destination, [.. postOps]) with { DestinationZeroPoint = zeroPoint }, type,
            accumulator, bias: (float)bias, previous),
        problem =>
        {
            (PrimitiveAttributes attributes, DataType type, int accumulator, float bias, int previous) = problem;
            double value = ((double)attributes.SourceScale!.At(0) * attributes.WeightsScale!.At(0) * accumulator) + bias;
            foreach (PostOp postOp in attributes.PostOps)
                value = postOp is SumPostOp sum
                    ? value + (sum.Scale * (previous - sum.ZeroPoint))
                    : EltwiseMath.Evaluate(((EltwisePostOp)postOp).Algorithm, (float)value, ((EltwisePostOp)postOp).Alpha,
                        ((EltwisePostOp)postOp).Beta);
            (int min, int max) = type.IntegerRange();
            double unfolded = Math.Clamp(Math.Round(value / attributes.DestinationScale!.At(0))
                + attributes.DestinationZeroPoint!.At(0), min, max);
            Assert.InRange(Finish(attributes, accumulator, type, bias, previous), unfolded - 1, unfolded + 1);
        },
        count: 2000);
}
