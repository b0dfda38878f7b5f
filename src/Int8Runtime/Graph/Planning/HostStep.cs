// A node computed by the portable evaluator.
using Int8Runtime.Graph.Evaluation;
using Int8Runtime.Graph.Lowering;

namespace Int8Runtime.Graph.Planning;

/// <summary>
/// Copies row-major operands out of the arena, lets the portable evaluator compute the node, and copies the results back.
/// Correct but slow, and the only kind of step that allocates.
/// </summary>
internal sealed class HostStep(GraphNode node, IReadOnlyList<Location?> sources, IReadOnlyList<TensorData?> constants,
    IReadOnlyList<Location> results)
    : PlannedStep(node.Name)
{
    public override IEnumerable<Location> Locations => sources.OfType<Location>().Concat(results);

    public override BoundStep Bind(TensorMemory arena) => new Bound(
        node,
        [.. sources.Select((s, i) => new Source(s?.Descriptor, s is null ? null : HostMemory.Bytes(s, arena), constants[i]))],
        [.. results.Select(r => HostMemory.Bytes(r, arena))]);

    private sealed record Source(MemoryDescriptor? Descriptor, TensorMemory? Memory, TensorData? Constant)
    {
        public TensorData? Read() => Memory is null
            ? Constant
            : new TensorData(Descriptor!.DataType, Descriptor.Dimensions, Memory.AsSpan<byte>().ToArray());
    }

    private sealed class Bound(GraphNode node, Source[] sources, TensorMemory[] results) : BoundStep
    {
        public override void Execute(ExecutionStream stream)
        {
            TensorData[] values = HostEvaluator.Evaluate(node, Array.ConvertAll(sources, s => s.Read()));
            for (int i = 0; i < results.Length; i++)
                values[i].Bytes.Span.CopyTo(results[i].AsSpan<byte>());
        }
    }
}
