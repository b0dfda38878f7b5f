// Plans of the two stages of a fused depthwise convolution for each band of destination rows.
namespace Int8Runtime.X64;

/// <summary>A band of destination rows.</summary>
/// <param name="FirstRow">Its first destination row.</param>
/// <param name="FirstInput">First row of the value between the convolutions that its windows meet.</param>
/// <param name="InputRows">Number of such rows.</param>
/// <param name="Shared">How many of them the band before it meets as well.</param>
/// <param name="Fresh">The 1×1 convolution of all its rows.</param>
/// <param name="Continued">The 1×1 convolution of the rows that are not shared; null if there are none.</param>
/// <param name="Depthwise">The depthwise convolution.</param>
internal sealed record Band(
    int FirstRow, int FirstInput, int InputRows, int Shared, PrimitivePlan Fresh, PrimitivePlan? Continued, PrimitivePlan Depthwise);

/// <summary>All bands of an image.</summary>
/// <param name="Items">The bands from top to bottom.</param>
/// <param name="PointwiseWeights">Layout of the 1×1 weights in every band.</param>
/// <param name="DepthwiseWeights">Layout of the depthwise weights in every band.</param>
internal sealed record Bands(IReadOnlyList<Band> Items, MemoryDescriptor PointwiseWeights, MemoryDescriptor DepthwiseWeights)
{
    /// <summary>What follows the algorithm in the plan's name: that of the 1×1 convolution.</summary>
    public string Variant => Items[0].Fresh.Name[(Items[0].Fresh.Name.IndexOf(':', StringComparison.Ordinal) + 1)..];

    /// <summary>All plans, each once.</summary>
    public IEnumerable<PrimitivePlan> Plans =>
        Items.SelectMany(band => new[] { band.Fresh, band.Continued, band.Depthwise }).OfType<PrimitivePlan>().Distinct();
}

/// <summary>Plans a convolution for one band height. Bands of one form share their plans.</summary>
/// <param name="name">The implementation, for refusals.</param>
/// <param name="convolutions">The implementations that plan the stages.</param>
/// <param name="request">The whole problem.</param>
/// <param name="fused">Its two stages, whose tensors are strided without inner blocks.</param>
internal sealed class BandPlanner(string name, IReadOnlyList<IImplementation> convolutions, PlanRequest request, FusedDepthwise fused)
{
    private readonly Dictionary<int, PrimitivePlan> _pointwise = [];
    private readonly Dictionary<(int Before, int Rows, int After), PrimitivePlan> _depthwise = [];
    private MemoryDescriptor _pointwiseWeights = Open(fused.Pointwise.Weights), _depthwiseWeights = Open(fused.Depthwise.Weights);
    private Rejection? _refusal;

    /// <summary>
    /// Plans bands of <paramref name="rows"/> destination rows, the last one of the rest; null with the refusal otherwise.
    /// </summary>
    public Bands? TryPlan(int rows, out Rejection? refusal)
    {
        int height = fused.Depthwise.Destination.Dimensions[2], inputs = fused.Intermediate.Dimensions[2];
        int stride = fused.Depthwise.Stride(0), kernel = fused.Depthwise.Weights.Dimensions[2], padding = fused.Depthwise.Before(0);
        var bands = new List<Band>();
        int computed = 0; // rows of the value between that earlier bands have met
        for (int first = 0; first < height; first += rows)
        {
            int outputs = Math.Min(rows, height - first);
            int top = (first * stride) - padding, bottom = ((first + outputs - 1) * stride) - padding + kernel;
            (int from, int to) = (Math.Max(0, top), Math.Min(inputs, bottom));
            int shared = Math.Clamp(computed - from, 0, to - from);
            if (Pointwise(to - from) is not { } fresh || (shared < to - from ? Pointwise(to - from - shared) : fresh) is not { } rest
                || Depthwise(from - top, to - from, bottom - to, outputs) is not { } depthwise)
            {
                refusal = _refusal;
                return null;
            }

            bands.Add(new Band(first, from, to - from, shared, fresh, shared < to - from ? rest : null, depthwise));
            computed = to;
        }

        refusal = null;
        return new Bands(bands, _pointwiseWeights, _depthwiseWeights);
    }

    // Weights that are not packed yet are packed before the bands, in the layout that the first plan chooses.
    private static MemoryDescriptor Open(MemoryDescriptor weights) =>
        weights.IsStrided ? MemoryDescriptor.Any(weights.Dimensions, weights.DataType) : weights;

    private PrimitivePlan? Pointwise(int rows)
    {
        if (_pointwise.TryGetValue(rows, out PrimitivePlan? known))
            return known;
        ConvolutionDescriptor whole = fused.Pointwise;
        var descriptor = whole with
        {
            Source = RowsOf(whole.Source, ((rows - 1) * whole.Stride(0)) + 1), Weights = _pointwiseWeights,
            Destination = Between(rows),
        };
        if (Plan(descriptor, fused.PointwiseAttributes, rows) is not { } plan)
            return null;
        _pointwiseWeights = ((ConvolutionDescriptor)plan.Descriptor).Weights;
        return _pointwise[rows] = plan;
    }

    private PrimitivePlan? Depthwise(int before, int rows, int after, int outputs)
    {
        if (_depthwise.TryGetValue((before, rows, after), out PrimitivePlan? known))
            return known;
        ConvolutionDescriptor whole = fused.Depthwise;
        var descriptor = whole with
        {
            Source = Between(rows), Weights = _depthwiseWeights, Destination = RowsOf(whole.Destination, outputs),
            PaddingBefore = [before, whole.Before(1)], PaddingAfter = [after, whole.After(1)],
        };
        if (Plan(descriptor, fused.DepthwiseAttributes, outputs) is not { } plan)
            return null;
        _depthwiseWeights = ((ConvolutionDescriptor)plan.Descriptor).Weights;
        return _depthwise[(before, rows, after)] = plan;
    }

    private PrimitivePlan? Plan(ConvolutionDescriptor descriptor, PrimitiveAttributes attributes, int rows)
    {
        attributes = attributes with
        {
            PostOps = PostOpChain.Create([.. attributes.PostOps.Select(postOp => postOp is OperandPostOp operand
                ? operand with { Operand = RowsOf(operand.Operand, operand.Operand.Dimensions[2] > 1 ? rows : 1) }
                : postOp)]),
        };
        foreach (IImplementation implementation in convolutions)
        {
            PlanResult result = implementation.TryPlan(new PlanRequest(descriptor, attributes, request.Isa, Threads: 1));
            if (result.Plan is { } plan)
                return plan;
            _refusal = new Rejection(name, result.Rejection!.Reason, result.Rejection.ToString());
        }

        return null;
    }

    // Rows of one image of a tensor; executions add the place of image and row to its address.
    private static MemoryDescriptor RowsOf(MemoryDescriptor tensor, int rows) =>
        tensor.Slice([0, 0, 0, 0], [1, tensor.Dimensions[1], rows, tensor.Dimensions[3]]);

    private MemoryDescriptor Between(int rows)
    {
        MemoryDescriptor whole = fused.Intermediate;
        return new MemoryDescriptor([1, whole.Dimensions[1], rows, whole.Dimensions[3]], whole.DataType, FormatTag.Nhwc);
    }
}
