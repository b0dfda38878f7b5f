// What every primitive's description has in common.
namespace Int8Runtime;

/// <summary>The operations that are primitives.</summary>
public enum PrimitiveKind
{
    /// <summary>Copies between layouts and types, with quantization.</summary>
    Reorder,

    /// <summary>Convolution.</summary>
    Convolution,

    /// <summary>Deconvolution (transposed convolution).</summary>
    Deconvolution,

    /// <summary>Fully connected layer.</summary>
    InnerProduct,

    /// <summary>Matrix product.</summary>
    MatMul,

    /// <summary>Max and average pooling.</summary>
    Pooling,

    /// <summary>Unary element-wise function.</summary>
    Eltwise,

    /// <summary>Binary element-wise function with broadcast.</summary>
    Binary,

    /// <summary>Rectifier with a tensor of slopes.</summary>
    PRelu,

    /// <summary>Choice between two tensors by a third one.</summary>
    Select,

    /// <summary>Softmax and log-softmax.</summary>
    Softmax,

    /// <summary>Local response normalization.</summary>
    Lrn,

    /// <summary>Concatenation.</summary>
    Concat,

    /// <summary>Sum of any number of tensors.</summary>
    Sum,

    /// <summary>Channel shuffle.</summary>
    Shuffle,

    /// <summary>Change of spatial extents by the nearest element or linear interpolation.</summary>
    Resampling,

    /// <summary>Layer normalization.</summary>
    LayerNormalization,

    /// <summary>Sums, extremes, means and norms over dimensions.</summary>
    Reduction,

    /// <summary>Batch normalization.</summary>
    BatchNormalization,

    /// <summary>Group normalization, and instance normalization.</summary>
    GroupNormalization,
}

/// <summary>
/// Shapes, types and parameters of an operation. Descriptors are records: they compare by value and key the primitive
/// cache.
/// </summary>
public abstract record PrimitiveDescriptor
{
    private protected PrimitiveDescriptor()
    {
    }

    /// <summary>The operation.</summary>
    public abstract PrimitiveKind Kind { get; }

    /// <summary>Checks that shapes, parameters and attributes fit together.</summary>
    /// <exception cref="ArgumentException">They do not; the message names the member and what it should be.</exception>
    public abstract void Validate(PrimitiveAttributes attributes);

    /// <summary>The problem without attributes as a command line of i8bench; <see cref="ProblemLine.Of"/> adds those.</summary>
    public string ToProblemText() => ProblemLine.Of(this).Command;

    /// <summary>Writes driver, options and problem text.</summary>
    internal abstract void WriteProblem(ProblemWriter writer);

    /// <summary>Throws an <see cref="ArgumentException"/> that starts with the kind of primitive.</summary>
    private protected void Require(bool condition, string message)
    {
        if (!condition)
            throw new ArgumentException($"{Kind}: {message}");
    }

    /// <summary>Checks that parameters of windows are given for each spatial dimension, or not at all.</summary>
    private protected void RequireEntries(int rank, params ReadOnlySpan<(string Name, Shape Value)> parameters)
    {
        foreach ((string name, Shape value) in parameters)
            Require(value.Count == 0 || value.Count == rank, $"{name} has {value.Count} entries for {rank} spatial dimensions.");
    }

    /// <summary>Checks the windows of a spatial dimension: their steps, and that 32 bits hold every position that they reach.</summary>
    /// <param name="axis">The spatial dimension.</param>
    /// <param name="extent">Extent over which windows move.</param>
    /// <param name="window">Extent, stride and dilation of the window.</param>
    /// <param name="padding">Padding before and after.</param>
    private protected void RequireWindow(
        int axis, int extent, (int Kernel, int Stride, int Dilation) window, (int Before, int After) padding)
    {
        Require(window is { Stride: >= 1, Dilation: >= 1 }, "strides and dilations are at least 1.");
        long positions = extent + Math.Abs((long)padding.Before) + Math.Abs((long)padding.After)
            + ((long)window.Kernel * window.Dilation);
        Require(positions <= int.MaxValue,
            $"padding and window of spatial dimension {axis} reach over {positions} positions, which 32 bits do not count.");
    }

    /// <summary>Checks a scale or zero point count against the number of channels.</summary>
    private protected void RequireChannels(QuantizationScale? scale, ZeroPoint? zeroPoint, int channels, string operand)
    {
        if (scale is { Granularity: QuantizationGranularity.PerChannel, IsRuntime: false })
            Require(scale.Values.Length == channels, $"{scale.Values.Length} {operand} scales given for {channels} channels.");
        if (zeroPoint is { Granularity: QuantizationGranularity.PerChannel })
            Require(zeroPoint.Values.Length == channels, $"{zeroPoint.Values.Length} {operand} zero points given for {channels} channels.");
    }

    /// <summary>Checks the number of scales or zero points of groups along K, of one matrix or of every matrix of a batch.</summary>
    private protected void RequireGroups(int? groupSize, int? count, int sum, int vectors, long matrices, bool mayEndEarly)
    {
        if (groupSize is not (> 0 and int size))
            return;
        long each = ((long)sum + size - 1) / size * vectors;
        Require((mayEndEarly || sum % size == 0) && (count == each || count == each * matrices),
            $"{count} scales or zero points in groups of {size} given for {vectors} vectors of {sum} in {matrices} matrices.");
    }

    /// <summary>Checks that the zero points of an 8-bit operand are values of its type; those of s32 may be any.</summary>
    private protected void RequireZeroPoint(ZeroPoint? zeroPoint, DataType type, string operand)
    {
        if (zeroPoint is null || !type.IsInt8())
            return;
        (int min, int max) = type.IntegerRange();
        foreach (int value in zeroPoint.Values)
            Require(value >= min && value <= max,
                $"the {operand} zero point {value} is outside the range of {type.ToShortName()}, {min} to {max}.");
    }

    /// <summary>Checks that operands of post-ops fit the destination.</summary>
    private protected void RequirePostOps(PostOpChain postOps, MemoryDescriptor destination)
    {
        foreach (PostOp postOp in postOps)
        {
            if (postOp is SumPostOp sum && sum.DataType != DataType.Undefined)
                Require(sum.DataType.SizeInBytes() == destination.DataType.SizeInBytes(),
                    $"a sum reads {sum.DataType.ToShortName()}, which has another size than the destination's "
                        + $"{destination.DataType.ToShortName()}.");
            Require(postOp is not DepthwisePostOp, "a depthwise post-op follows a 1x1 convolution.");
            if (postOp is OperandPostOp { Operand: var operand })
                RequireBroadcast(operand, destination, "the operand of a post-op");
        }
    }

    /// <summary>
    /// Checks that a bias has a type that kernels read and one element for each channel, or broadcasts to the destination.
    /// </summary>
    private protected void RequireBias(MemoryDescriptor? bias, MemoryDescriptor destination, int channels)
    {
        if (bias is null)
            return;
        Require(bias.DataType is DataType.Float32 or DataType.BFloat16 or DataType.Float16 or DataType.Int32 or DataType.Int8
            or DataType.UInt8,
            $"a bias is f32, bf16, f16, s32, s8 or u8, not {bias.DataType.ToShortName()}.");
        if (bias.Rank == 1)
            Require(bias.ElementCount == channels && bias.IsStrided, $"the bias {bias} needs {channels} elements.");
        else
            RequireBroadcast(bias, destination, "the bias");
    }

    /// <summary>Checks that a shape has the rank of another one and in each dimension its extent or 1.</summary>
    private protected void RequireBroadcast(Shape operand, Shape destination, string name)
    {
        Require(operand.Rank == destination.Rank, $"{name} {operand} needs rank {destination.Rank}.");
        for (int d = 0; d < destination.Rank; d++)
            Require(operand[d] == 1 || operand[d] == destination[d], $"{name} {operand} does not broadcast to {destination}.");
    }

    private void RequireBroadcast(MemoryDescriptor operand, MemoryDescriptor destination, string name)
    {
        Require(operand.IsStrided, $"{name} {operand} needs a layout.");
        RequireBroadcast(operand.Dimensions, destination.Dimensions, name);
    }
}
