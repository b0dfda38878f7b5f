// The destination of a product and its post-ops, residual additions among them.
using Int8Runtime.Graph.Lowering;

namespace Int8Runtime.Graph.Planning;

/// <summary>
/// Plans where the result goes and what happens to it. A residual addition reads the previous content of the destination:
/// the result takes over the memory of the other operand if nobody needs that any more. Otherwise an f32 operand is read
/// beside the destination, and an integer one is copied into it first.
/// </summary>
internal sealed class PostOpEmitter
{
    private readonly List<(ArgumentSlot, Location?)> _arguments = [];

    private PostOpEmitter(Location destination, PostOpChain postOps)
    {
        Destination = destination;
        PostOps = postOps;
    }

    public Location Destination { get; }

    public PostOpChain PostOps { get; private set; }

    /// <summary>Operands of binary post-ops.</summary>
    public IReadOnlyList<(ArgumentSlot Slot, Location? Location)> Arguments => _arguments;

    public static PostOpEmitter Of(Operation operation, PlanBuilder plan)
    {
        FusedBinary? residual = operation.PostOps.OfType<FusedBinary>().FirstOrDefault(b => IsResidual(operation, b));
        Operand? other = residual is null ? null : operation[residual.OperandIndex];
        if (other is not null && operation.Output.Slot is { } slot)
        {
            // A residual lies in memory like the result, which a part of a wider tensor does not.
            slot.Concat.Notes.Add($"copies {operation.Output.Name}: a residual is added to it");
            operation.Output.Slot = null;
        }

        Location? shared = other is null ? null : plan.TryDefineInPlace(operation.Output, other);
        Location destination = shared ?? plan.Define(operation.Output);
        var emitter = new PostOpEmitter(destination, PostOpChain.Empty);
        foreach (FusedPostOp fused in operation.PostOps)
        {
            PostOp postOp = fused switch
            {
                FusedEltwise eltwise => PostOp.Eltwise(eltwise.Algorithm, eltwise.Alpha, eltwise.Beta),
                FusedBinary binary when binary == residual && shared is not null => SumInPlace(operation.Output, other!),
                FusedBinary binary when operation[binary.OperandIndex].Quantization is not null =>
                    emitter.CopyAndSum(operation, operation[binary.OperandIndex], plan),
                FusedBinary binary => emitter.Binary(operation, binary, plan),
                _ => throw new ArgumentException($"{fused} is no post-op"),
            };
            emitter.PostOps = emitter.PostOps.Append(postOp);
        }

        return emitter;
    }

    /// <summary>The same with destination and operands seen in another way, for example with their dimensions in another order.</summary>
    public PostOpEmitter Seen(Func<MemoryDescriptor, MemoryDescriptor> view)
    {
        var seen = new PostOpEmitter(
            Destination with { Descriptor = view(Destination.Descriptor) },
            [.. PostOps.Select(postOp => postOp is BinaryPostOp binary ? binary with { Operand = view(binary.Operand) } : postOp)]);
        foreach ((ArgumentSlot slot, Location? location) in _arguments)
            seen._arguments.Add((slot, location! with { Descriptor = view(location.Descriptor) }));
        return seen;
    }

    private static bool IsResidual(Operation operation, FusedBinary binary) =>
        binary.Algorithm == BinaryAlgorithm.Add && operation[binary.OperandIndex].Shape == operation.Output.Shape;

    private static PostOp SumInPlace(Edge result, Operand other) => PostOp.Sum(
        other.Quantization?.Scales[0] ?? 1, other.Quantization?.ZeroPoints[0] ?? 0,
        result.Type == other.Edge.Type ? DataType.Undefined : other.Edge.Type);

    // Brings the integers into the destination, as integers of its type or as real numbers, and adds them from there.
    private PostOp CopyAndSum(Operation operation, Operand other, PlanBuilder plan)
    {
        Quantization quantization = other.Quantization!;
        DataType type = operation.Output.Type;
        operation.Notes.Add($"copies {other.Edge.Name} to add it: it is still needed");
        Location source = plan.LocationOf(other.Edge);
        if (type == DataType.Float32)
        {
            plan.Reorder(operation.Name + ":residual", source, Destination, AttributesOf.Unary(quantization, null));
            return PostOp.Sum();
        }

        int shift = (type == DataType.UInt8 ? 128 : 0) - (quantization.Type == DataType.UInt8 ? 128 : 0);
        plan.Reorder(operation.Name + ":residual", source, Destination, shift == 0
            ? PrimitiveAttributes.Default
            : new PrimitiveAttributes { DestinationZeroPoint = shift });
        return PostOp.Sum(quantization.Scales[0], quantization.ZeroPoints[0] + shift);
    }

    private PostOp Binary(Operation operation, FusedBinary binary, PlanBuilder plan)
    {
        Operand operand = operation[binary.OperandIndex];
        if (operand.Shape.Rank != operation.Output.Shape.Rank)
            throw new ArgumentException($"the operand {operand.Edge} of a post-op needs the rank of {operation.Output}");
        Location location = plan.Read(operand.Edge, plan.Layouts.IsChannelsLast(operation.Output));
        _arguments.Add((ArgumentSlot.PostOp0 + PostOps.Count, location));
        return PostOp.Binary(binary.Algorithm, location.Descriptor);
    }
}
