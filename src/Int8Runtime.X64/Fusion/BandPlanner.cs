// Plans of the stages of a chain of convolutions for each band of destination rows.
namespace Int8Runtime.X64;

/// <summary>A piece of work of one stage.</summary>
/// <param name="SourceRow">The first row that it reads.</param>
/// <param name="Row">The first row that it writes.</param>
/// <param name="Plan">The convolution of just these rows.</param>
internal sealed record BandWindow(int SourceRow, int Row, PrimitivePlan Plan);

/// <summary>What one stage does for a band.</summary>
/// <param name="First">First row of its result that the band needs.</param>
/// <param name="Rows">Number of such rows.</param>
/// <param name="Shared">How many of them the band before needs as well.</param>
/// <param name="Fresh">The computation of all of them.</param>
/// <param name="Continued">The computation of those that are not shared; null if there are none.</param>
internal sealed record BandStage(int First, int Rows, int Shared, BandWindow Fresh, BandWindow? Continued);

/// <summary>Plans a chain of convolutions for one band height. Windows of one form share their plans.</summary>
/// <param name="name">The implementation, for refusals.</param>
/// <param name="convolutions">The implementations that plan the stages.</param>
/// <param name="isa">Instruction sets that may be used.</param>
/// <param name="stages">The convolutions; their tensors are strided without inner blocks.</param>
internal sealed class BandPlanner(
    string name, IReadOnlyList<IImplementation> convolutions, Isa isa, IReadOnlyList<ConvolutionStage> stages)
{
    private readonly Dictionary<(int Stage, int Before, int Rows, int After), PrimitivePlan> _plans = [];
    private Rejection? _refusal;

    /// <inheritdoc cref="BandedConvolutions.KeepsTiles"/>
    public bool KeepsTiles { get; init; }

    /// <summary>All plans, each once.</summary>
    public IReadOnlyCollection<PrimitivePlan> Plans => _plans.Values;

    /// <summary>
    /// Plans bands of <paramref name="rows"/> destination rows, the last one of the rest, as [band][stage]; null with the refusal
    /// otherwise.
    /// </summary>
    public BandStage[][]? TryPlan(int rows, out Rejection? refusal)
    {
        int height = stages[^1].Descriptor.Destination.Dimensions[2];
        var bands = new List<BandStage[]>();
        var computed = new int[stages.Count]; // rows of the results that earlier bands have needed
        for (int first = 0; first < height; first += rows)
        {
            var band = new BandStage[stages.Count];
            (int From, int To) needed = (first, Math.Min(height, first + rows));
            for (int i = stages.Count - 1; i >= 0; i--)
            {
                int shared = Math.Clamp(computed[i] - needed.From, 0, needed.To - needed.From);
                BandWindow? fresh = Window(i, needed.From, needed.To), rest = fresh;
                if (shared > 0)
                    rest = needed.From + shared < needed.To ? Window(i, needed.From + shared, needed.To) : null;
                if (fresh is null || (rest is null && needed.From + shared < needed.To))
                {
                    refusal = _refusal;
                    return null;
                }

                band[i] = new BandStage(needed.From, needed.To - needed.From, shared, fresh, rest);
                computed[i] = needed.To;
                needed = stages[i].Reads(needed.From, needed.To);
            }

            bands.Add(band);
        }

        refusal = null;
        return [.. bands];
    }

    private BandWindow? Window(int index, int from, int to)
    {
        ConvolutionStage stage = stages[index];
        (int top, int bottom) = stage.Meets(from, to);
        (int first, int end) = stage.Reads(from, to);
        if (first >= end)
        {
            _refusal = new Rejection(name, RejectionReason.Shape, $"rows {from} to {to} of stage {index} meet padding only");
            return null;
        }

        (int, int, int, int) form = (index, first - top, end - first, bottom - end);
        if (!_plans.TryGetValue(form, out PrimitivePlan? plan))
        {
            if ((plan = Plan(index, first - top, end - first, bottom - end, to - from)) is null)
                return null;
            _plans.Add(form, plan);
        }

        return new BandWindow(first, from, plan);
    }

    // The order of a sum of floats depends on the tile.
    private PrimitivePlan? Plan(int index, int before, int sourceRows, int after, int rows)
    {
        ConvolutionStage stage = stages[index];
        ConvolutionDescriptor whole = stage.Descriptor;
        MemoryDescriptor source = index == 0 ? RowsOf(whole.Source, sourceRows) : Between(whole.Source, sourceRows);
        MemoryDescriptor destination = index == stages.Count - 1 ? RowsOf(whole.Destination, rows) : Between(whole.Destination, rows);
        var descriptor = whole with
        {
            Source = source, Destination = destination,
            PaddingBefore = [before, whole.Before(1)], PaddingAfter = [after, whole.After(1)],
        };
        PrimitiveAttributes attributes = stage.Attributes with
        {
            PostOps = PostOpChain.Create([.. stage.Attributes.PostOps.Select(postOp => postOp is OperandPostOp operand
                ? operand with { Operand = RowsOf(operand.Operand, operand.Operand.Dimensions[2] > 1 ? rows : 1) }
                : postOp)]),
        };
        var request = new PlanRequest(descriptor, attributes, isa, Threads: 1) { Tile = stage.Whole.Tile };
        foreach (IImplementation implementation in convolutions)
        {
            PlanResult result = implementation.TryPlan(request);
            if (result.Plan is not { } plan)
                _refusal = new Rejection(name, result.Rejection!.Reason, result.Rejection.ToString());
            else if (plan.Name != stage.Whole.Name || (KeepsTiles && plan.Tile != stage.Whole.Tile && source.DataType.IsFloatingPoint()))
                _refusal = new Rejection(
                    name, RejectionReason.Shape, $"{plan.Name} {plan.Tile} for {rows} rows instead of {stage.Whole.Name} {stage.Whole.Tile}");
            else
                return plan;
        }

        return null;
    }

    // Rows of one image of a tensor; executions add the place of image and row to its address.
    private static MemoryDescriptor RowsOf(MemoryDescriptor tensor, int rows) =>
        tensor.Slice([0, 0, 0, 0], [1, tensor.Dimensions[1], rows, tensor.Dimensions[3]]);

    // What lies between two stages is dense, whatever the layout of the whole tensor would be.
    private static MemoryDescriptor Between(MemoryDescriptor whole, int rows) =>
        new([1, whole.Dimensions[1], rows, whole.Dimensions[3]], whole.DataType, FormatTag.Nhwc);
}
