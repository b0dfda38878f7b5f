// Builds the chain of an element-wise computation from attributes.
using System.Runtime.InteropServices;

namespace Int8Runtime.X64;

/// <summary>Collects <see cref="ElementwiseStep"/>s in the order in which the reference computes.</summary>
internal sealed class ElementwiseSteps
{
    private readonly List<ElementwiseStep> _steps = [];

    /// <summary>The steps so far.</summary>
    public IReadOnlyList<ElementwiseStep> Steps => _steps;

    /// <summary>Appends a step.</summary>
    public ElementwiseSteps Add(PostOp postOp)
    {
        _steps.Add(new ElementwiseStep(postOp));
        return this;
    }

    /// <summary>Appends a function of the value and an argument, which may be quantized.</summary>
    public ElementwiseSteps Add(
        BinaryAlgorithm algorithm, MemoryDescriptor operand, ArgumentSlot slot, OperandQuantization? quantization = null)
    {
        _steps.Add(new ElementwiseStep(
            PostOp.Binary(algorithm, operand), slot, Quantization: quantization is { IsIdentity: true } ? null : quantization));
        return this;
    }

    /// <summary>Appends a function of the value and numbers of the plan: one, or one for each index of a dimension.</summary>
    /// <param name="algorithm">The function.</param>
    /// <param name="values">The numbers.</param>
    /// <param name="rank">Rank of the tensors.</param>
    /// <param name="dimension">The dimension that they belong to, if there are several.</param>
    public ElementwiseSteps Add(BinaryAlgorithm algorithm, ReadOnlySpan<float> values, int rank, int dimension) =>
        Add(algorithm, values, ExtentsOf(values.Length, rank, dimension));

    /// <summary>Appends a function of the value and numbers of the plan: one, or a tensor of them.</summary>
    /// <param name="algorithm">The function.</param>
    /// <param name="values">The numbers in row-major order.</param>
    /// <param name="extents">Extents of the tensor: 1 where it is broadcast.</param>
    public ElementwiseSteps Add(BinaryAlgorithm algorithm, ReadOnlySpan<float> values, Shape extents)
    {
        Shape shape = values.Length > 1 ? extents : Shape.Filled(extents.Rank, 1);
        var operand = new MemoryDescriptor(shape, DataType.Float32);
        _steps.Add(new ElementwiseStep(PostOp.Binary(algorithm, operand), default, AlignedFloats.Copy(values)));
        return this;
    }

    /// <summary>Appends <c>scale·(v − zeroPoint)</c>; either may be given at execution.</summary>
    public ElementwiseSteps AddDequantization(QuantizationScale? scale, ZeroPoint? zeroPoint, int rank, int dimension)
    {
        int values = Math.Max(scale?.Values.Length ?? 1, zeroPoint?.Values.Length ?? 1);
        return AddDequantization(scale, zeroPoint, ExtentsOf(values, rank, dimension));
    }

    /// <summary>Appends <c>scale·(v − zeroPoint)</c>; where there are several they form a tensor of <paramref name="extents"/>.</summary>
    public ElementwiseSteps AddDequantization(QuantizationScale? scale, ZeroPoint? zeroPoint, Shape extents)
    {
        if (zeroPoint is { IsRuntime: true })
            Add(BinaryAlgorithm.Subtract, Single(extents.Rank, DataType.Int32), ArgumentSlot.SourceZeroPoint);
        else if (zeroPoint is { IsZero: false })
            Add(BinaryAlgorithm.Subtract, ToFloats(zeroPoint), extents);
        if (scale is { IsRuntime: true })
            Add(BinaryAlgorithm.Multiply, Single(extents.Rank, DataType.Float32), ArgumentSlot.SourceScale);
        else if (scale is not null && scale.Values.ContainsAnyExcept(1f))
            Add(BinaryAlgorithm.Multiply, scale.Values, extents);
        return this;
    }

    /// <summary>Appends the factor and post-ops of an epilogue of computed values.</summary>
    public ElementwiseSteps AddPostOps(Epilogue epilogue, int rank)
    {
        if (EpiloguePlan.HasFactor(epilogue))
            Add(BinaryAlgorithm.Multiply, epilogue.Scale, rank, 0);
        for (int i = 0; i < epilogue.PostOps.Count; i++)
        {
            _steps.Add(new ElementwiseStep(epilogue.PostOps[i], ArgumentSlot.PostOp0 + i));
        }

        return this;
    }

    /// <summary>
    /// Ends the chain of an s32 destination with its zero points: values are bounded so that the sums are inside s32, and the
    /// integers are added to the rounded values.
    /// </summary>
    /// <param name="zeroPoint">Several zero points.</param>
    /// <param name="extents">Extents of the tensor that they form.</param>
    public ElementwiseSteps AddInt32ZeroPoints(ZeroPoint zeroPoint, Shape extents)
    {
        (float Lower, float Upper)[] bounds = [.. zeroPoint.Values.ToArray().Select(value => Epilogue.BoundsOf(DataType.Int32, value))];
        Add(BinaryAlgorithm.Maximum, [.. bounds.Select(bound => bound.Lower)], extents);
        Add(BinaryAlgorithm.Minimum, [.. bounds.Select(bound => bound.Upper)], extents);
        AlignedFloats bits = AlignedFloats.Copy(MemoryMarshal.Cast<int, float>(zeroPoint.Values));
        _steps.Add(new ElementwiseStep(
            PostOp.Binary(BinaryAlgorithm.Add, new MemoryDescriptor(extents, DataType.Int32)), default, bits, FollowsRounding: true));
        return this;
    }

    // A tensor with several values along one dimension; a single value also where there are no dimensions.
    private static Shape ExtentsOf(int values, int rank, int dimension) =>
        values > 1 ? Shape.Filled(rank, 1).With(dimension, values) : Shape.Filled(rank, 1);

    /// <summary>Zero points as f32.</summary>
    public static float[] ToFloats(ZeroPoint zeroPoint) => [.. zeroPoint.Values.ToArray().Select(value => (float)value)];

    /// <summary>A tensor of one element.</summary>
    public static MemoryDescriptor Single(int rank, DataType type) => new(Shape.Filled(rank, 1), type);
}
