// The kinds of operations and their parameters.
using System.Collections.Immutable;

namespace Int8Runtime.Graph.Lowering;

/// <summary>What an operation computes. Operands are listed with each kind.</summary>
internal abstract record OperationSpec
{
    /// <summary>Whether only the place of elements changes, so that quantized values pass unchanged.</summary>
    public virtual bool MovesElements => false;
}

/// <summary>Operands: source [N, C, …], weights [O, C/groups, …], optional bias [O], optional run-time source zero point.</summary>
internal sealed record ConvolutionSpec(Shape Strides, Shape Dilations, Shape Before, Shape After, int Groups) : OperationSpec
{
    /// <summary>Whether it is a deconvolution.</summary>
    public bool IsTransposed { get; init; }

    /// <summary>Whether each pixel is multiplied by the same matrix.</summary>
    /// <param name="weights">The shape of the weights.</param>
    public bool IsPointwise(Shape weights) => !IsTransposed && Groups == 1 && weights[2..].All(extent => extent == 1)
        && Strides.All(stride => stride == 1) && Before.All(padding => padding == 0) && After.All(padding => padding == 0);
}

/// <summary>Operands: source [N, C, …], constant weights [O, C·…], or [C·…, O] if input-major, optional bias [O].</summary>
internal sealed record InnerProductSpec(bool InputMajorWeights) : OperationSpec;

/// <summary>
/// Operands: left [… , M, K], right [… , K, N], each transposed if so marked; optional bias [N]; run-time source zero point.
/// </summary>
internal sealed record MatMulSpec(bool TransposeLeft, bool TransposeRight) : OperationSpec;

/// <summary>Operand: source [N, C, …].</summary>
internal sealed record PoolingSpec(
    PoolingAlgorithm Algorithm, Shape Kernel, Shape Strides, Shape Dilations, Shape Before, Shape After) : OperationSpec
{
    /// <summary>A maximum picks one of the elements.</summary>
    public override bool MovesElements => Algorithm == PoolingAlgorithm.Max;
}

/// <summary>Operand: source [N, C, …]; one map of coordinates for each spatial dimension.</summary>
internal sealed record ResamplingSpec(
    ResamplingAlgorithm Algorithm, ResamplingRounding Rounding, ImmutableArray<CoordinateMap> Coordinates) : OperationSpec
{
    /// <summary>The nearest element is one of the source's.</summary>
    public override bool MovesElements => Algorithm == ResamplingAlgorithm.Nearest;
}

/// <summary>Operands: source [N, C, …], grid [N, …, dimensions].</summary>
internal sealed record GridSampleSpec(GridSampleView View) : OperationSpec;

/// <summary>Operand: source of any shape.</summary>
internal sealed record EltwiseSpec(EltwiseAlgorithm Algorithm, float Alpha = 0, float Beta = 0) : OperationSpec;

/// <summary>Operands: two sources of the result's rank; extents of 1 are broadcast.</summary>
internal sealed record BinarySpec(BinaryAlgorithm Algorithm) : OperationSpec;

/// <summary>Operands: source and slopes, both of the result's rank; extents of 1 in the slopes are broadcast.</summary>
internal sealed record PReluSpec : OperationSpec;

/// <summary>Operands: the tensors to add, all of the result's shape; the result is their sum times a factor.</summary>
internal sealed record SumSpec(float Factor) : OperationSpec;

/// <summary>
/// Operands: the condition, what is taken where it holds, and what elsewhere; all of the result's rank, extents of 1 are
/// broadcast.
/// </summary>
internal sealed record SelectSpec : OperationSpec;

/// <summary>Operand: source of any shape.</summary>
internal sealed record SoftmaxSpec(int Axis, bool Logarithm) : OperationSpec;

/// <summary>Operand: source [N, C, …].</summary>
internal sealed record LrnSpec(int Size, float Alpha, float Beta, float K) : OperationSpec;

/// <summary>Operands: source, optional factors and optional addends of the dimensions from the axis on.</summary>
internal sealed record LayerNormalizationSpec(int Axis, float Epsilon) : OperationSpec;

/// <summary>Operands: source [N, C, …], factors and addends of the channels.</summary>
internal sealed record GroupNormalizationSpec(int Groups, float Epsilon) : OperationSpec;

/// <summary>Operand: source; the dimensions in which the result has extent 1 are reduced. P is the exponent of norms.</summary>
internal sealed record ReductionSpec(ReductionAlgorithm Algorithm, float P = 1) : OperationSpec;

/// <summary>Operands: the tensors to put side by side.</summary>
internal sealed record ConcatSpec(int Axis) : OperationSpec
{
    public override bool MovesElements => true;
}

/// <summary>Operand: a tensor that is stored in another type or with another quantization.</summary>
internal sealed record ConvertSpec : OperationSpec;

/// <summary>Operand: a tensor whose row-major elements get another shape.</summary>
internal sealed record ReshapeSpec : OperationSpec
{
    public override bool MovesElements => true;
}

/// <summary>Operand: a tensor whose dimensions are put in another order; dimension i of the result is Order[i] of the source.</summary>
internal sealed record TransposeSpec(ImmutableArray<int> Order) : OperationSpec
{
    public override bool MovesElements => true;

    public bool Equals(TransposeSpec? other) => other is not null && Order.AsSpan().SequenceEqual(other.Order.AsSpan());

    public override int GetHashCode() => Order.Length;
}

/// <summary>Operand: a tensor of which every Step[d]-th index from Start[d] on is taken.</summary>
internal sealed record SliceSpec(Shape Start, Shape Step) : OperationSpec
{
    public override bool MovesElements => true;
}

/// <summary>Operand: a tensor that is surrounded by a constant (a real number, not a quantized one).</summary>
internal sealed record PadSpec(Shape Before, Shape After, double Value) : OperationSpec
{
    public override bool MovesElements => true;
}

/// <summary>Operands and results are those of the node, which the portable evaluator computes on row-major tensors.</summary>
internal sealed record HostSpec(GraphNode Node, string Reason) : OperationSpec;
