// Scales and zero points as values: what they refuse, when they are equal, which element belongs to which group; comparisons of binary
// functions; what an epilogue clamps to.
using RefProduct = Int8Runtime.Reference.RefProduct;

namespace Int8Runtime.Core.Tests.Attributes;

public sealed class QuantizationValueTests
{
    [Theory]
    [InlineData(0f)]
    [InlineData(-1f)]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void Scales_are_positive_and_finite(float scale)
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => QuantizationScale.PerTensor(scale));
        Assert.Throws<ArgumentOutOfRangeException>(() => QuantizationScale.PerChannel([1f, scale]));
        Assert.Throws<ArgumentOutOfRangeException>(() => QuantizationScale.PerGroup([scale], 4));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-2)]
    public void Groups_have_a_size(int size)
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => QuantizationScale.PerGroup([1f], size));
        Assert.Throws<ArgumentOutOfRangeException>(() => ZeroPoint.PerGroup([1], size));
    }

    [Fact]
    public void Groups_are_found_by_place_and_other_granularities_by_channel()
    {
        // Two groups of three columns: rows 0 to 3 and 4 to 7.
        static GroupPlace Weight(int matrix, int k, int column) => new([matrix, k, column], [2, 8, 3], sumDimension: 1);
        QuantizationScale shared = QuantizationScale.PerGroup([1f, 2f, 3f, 4f, 5f, 6f], groupSize: 4);
        Assert.False(shared.IsRuntime);
        Assert.Equal([1f, 3f, 1f, 4f, 6f, 6f], new[]
        {
            shared.At(Weight(0, 0, 0)), shared.At(Weight(0, 3, 2)), shared.At(Weight(0, 2, 0)), shared.At(Weight(0, 4, 0)),
            shared.At(Weight(0, 7, 2)), shared.At(Weight(1, 7, 2)),
        });
        Assert.Equal([5f, 6f], shared.From(Weight(1, 5, 1)));
        ZeroPoint own = ZeroPoint.PerGroup([.. Enumerable.Range(1, 12)], groupSize: 4); // of each matrix
        Assert.False(own.IsRuntime);
        Assert.Equal([1, 3, 4, 6, 7, 12], new[]
        {
            own.At(Weight(0, 0, 0)), own.At(Weight(0, 3, 2)), own.At(Weight(0, 4, 0)), own.At(Weight(0, 7, 2)),
            own.At(Weight(1, 0, 0)), own.At(Weight(1, 7, 2)),
        });

        // Two groups of each of three rows; a batch of two dimensions.
        static GroupPlace Element(int outer, int inner, int m, int k) => new([outer, inner, m, k], [2, 2, 3, 8], sumDimension: 3);
        ZeroPoint rows = ZeroPoint.PerGroup([.. Enumerable.Range(0, 24)], groupSize: 4);
        Assert.Equal([0, 1, 4, 6, 17, 23], new[]
        {
            rows.At(Element(0, 0, 0, 3)), rows.At(Element(0, 0, 0, 4)), rows.At(Element(0, 0, 2, 0)), rows.At(Element(0, 1, 0, 0)),
            rows.At(Element(1, 0, 2, 7)), rows.At(Element(1, 1, 2, 7)),
        });
        Assert.Equal(2f, QuantizationScale.PerChannel([1f, 2f]).At(1));
        Assert.Equal([7, 7, 8], new[] { ZeroPoint.PerTensor(7).At(0), ZeroPoint.PerTensor(7).At(5), ZeroPoint.PerChannel([7, 8]).At(1) });
    }

    [Fact]
    public void Values_that_differ_in_one_respect_are_not_equal()
    {
        QuantizationScale[] scales =
        [
            QuantizationScale.PerTensor(2), QuantizationScale.PerTensor(3), QuantizationScale.PerChannel([2]),
            QuantizationScale.PerChannel([2, 3]),
            QuantizationScale.PerGroup([2, 3], 4), QuantizationScale.PerGroup([2, 3], 8), QuantizationScale.Runtime,
            QuantizationScale.RuntimePerChannel,
        ];
        ZeroPoint[] zeros =
        [
            ZeroPoint.PerTensor(2), ZeroPoint.PerTensor(3), ZeroPoint.PerChannel([2]), ZeroPoint.PerChannel([2, 3]),
            ZeroPoint.PerGroup([2, 3], 4),
            ZeroPoint.PerGroup([2, 3], 8), ZeroPoint.Runtime,
        ];
        for (int i = 0; i < scales.Length; i++)
            for (int j = 0; j < scales.Length; j++)
                Assert.Equal(i == j, scales[i].Equals(scales[j]));
        for (int i = 0; i < zeros.Length; i++)
            for (int j = 0; j < zeros.Length; j++)
                Assert.Equal(i == j, zeros[i].Equals(zeros[j]));
        Assert.False(scales[0].Equals(null));
        Assert.False(zeros[0].Equals(null));
        Assert.NotEqual(scales[0].GetHashCode(), scales[1].GetHashCode());
        Assert.NotEqual(scales[0].GetHashCode(), scales[2].GetHashCode());
        Assert.NotEqual(zeros[0].GetHashCode(), zeros[1].GetHashCode());
        Assert.NotEqual(zeros[0].GetHashCode(), zeros[2].GetHashCode());
        Assert.Equal(scales[3].GetHashCode(), QuantizationScale.PerChannel([2, 3]).GetHashCode());
    }

    [Fact]
    public void A_zero_point_is_zero_only_if_it_is_known_to_be()
    {
        Assert.True(ZeroPoint.PerTensor(0).IsZero);
        Assert.True(ZeroPoint.PerChannel([0, 0]).IsZero);
        Assert.False(ZeroPoint.PerChannel([0, 1]).IsZero);
        Assert.False(ZeroPoint.Runtime.IsZero);
    }

    // Results for (1, 2), (2, 2), (3, 2).
    [Theory]
    [InlineData(BinaryAlgorithm.Maximum, 2f, 2f, 3f)]
    [InlineData(BinaryAlgorithm.Minimum, 1f, 2f, 2f)]
    [InlineData(BinaryAlgorithm.GreaterOrEqual, 0f, 1f, 1f)]
    [InlineData(BinaryAlgorithm.Greater, 0f, 0f, 1f)]
    [InlineData(BinaryAlgorithm.LessOrEqual, 1f, 1f, 0f)]
    [InlineData(BinaryAlgorithm.Less, 1f, 0f, 0f)]
    [InlineData(BinaryAlgorithm.Equal, 0f, 1f, 0f)]
    [InlineData(BinaryAlgorithm.NotEqual, 1f, 0f, 1f)]
    public void Comparisons_tell_less_equal_and_greater_apart(BinaryAlgorithm algorithm, float less, float equal,
        float greater) => Assert.Equal(
        [less, equal, greater],
        new[] { EltwiseMath.Evaluate(algorithm, 1, 2), EltwiseMath.Evaluate(algorithm, 2, 2),
            EltwiseMath.Evaluate(algorithm, 3, 2) });

    [Fact]
    public void An_epilogue_clamps_where_a_bound_is_finite()
    {
        static Epilogue Of(DataType type, params PostOp[] postOps) =>
            Epilogue.Create(new PrimitiveAttributes { PostOps = PostOpChain.Create(postOps) }, DataType.Float32, type, 1, hasBias: false);
        Assert.False(Of(DataType.Float32).Clamps);
        Assert.True(Of(DataType.Float32, PostOp.Relu()).Clamps);
        Assert.True(Of(DataType.UInt8).Clamps);
        Assert.Equal((0f, float.PositiveInfinity),
            (Of(DataType.Float32, PostOp.Relu()).LowerBound, Of(DataType.Float32, PostOp.Relu()).UpperBound));
        Assert.Equal((0f, 255f), (Of(DataType.UInt8).LowerBound, Of(DataType.UInt8).UpperBound));
    }

    [Fact]
    public void Only_an_untouched_accumulator_is_stored_as_it_is()
    {
        static bool Stores(DataType accumulator, DataType destination, PrimitiveAttributes? attributes = null, bool bias = false) =>
            Epilogue.Create(attributes ?? PrimitiveAttributes.Default, accumulator, destination, 2, bias).StoresAccumulator;
        Assert.True(Stores(DataType.Int32, DataType.Int32));
        Assert.False(Stores(DataType.Int32, DataType.Float32));
        Assert.False(Stores(DataType.Float32, DataType.Int32));
        Assert.False(Stores(DataType.Int32, DataType.Int32, bias: true));
        foreach (PrimitiveAttributes attributes in new PrimitiveAttributes[]
        {
            new() { SourceScale = QuantizationScale.Runtime }, new() { WeightsScale = QuantizationScale.Runtime },
            new() { WeightsScale = QuantizationScale.PerChannel([1, 2]) }, new() { DestinationScale = QuantizationScale.Runtime },
            new() { DestinationScale = QuantizationScale.PerTensor(2) }, new() { DestinationZeroPoint = ZeroPoint.Runtime },
            new() { DestinationZeroPoint = 3 }, new() { DestinationZeroPoint = ZeroPoint.PerChannel([0, 1]) },
            new() { PostOps = [PostOp.Relu()] },
        })
            Assert.False(Stores(DataType.Int32, DataType.Int32, attributes), $"{attributes}");
    }

    [Fact]
    public void Products_refuse_quantization_that_is_not_defined_for_them()
    {
        Expect("source scales per channel", new() { SourceScale = QuantizationScale.PerChannel([1, 2]) });
        Expect("destination scales per channel", new() { DestinationScale = QuantizationScale.PerChannel([1, 2]) });
        Expect("groups of a source", new() { SourceScale = QuantizationScale.PerGroup([1, 2], 4) }, DataType.Float32);
        Expect("groups of a source", new() { SourceZeroPoint = ZeroPoint.PerGroup([1, 2], 4) }, DataType.BFloat16);
        foreach (DataType source in new[] { DataType.Float32, DataType.UInt8 })
            Assert.Null(ProductQuantization.Refuse("ref", new() { WeightsScale = QuantizationScale.PerGroup([1, 2], 4) }, source));
        Assert.Null(ProductQuantization.Refuse("ref", new() { SourceScale = QuantizationScale.PerGroup([1, 2], 4) }, DataType.Int8));
        Assert.Null(ProductQuantization.Refuse("ref",
            new() { WeightsScale = QuantizationScale.PerChannel([1, 2]), SourceZeroPoint = 3 }, DataType.UInt8));

        static void Expect(string text, PrimitiveAttributes attributes, DataType source = DataType.Int8)
        {
            Rejection? rejection = ProductQuantization.Refuse("ref", attributes, source);
            Assert.Equal(RejectionReason.Quantization, rejection!.Reason);
            Assert.Contains(text, rejection.Detail, StringComparison.Ordinal);
        }
    }
}
