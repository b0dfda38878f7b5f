// A model planned for one set of input shapes.
using Int8Runtime.Graph.Lowering;

namespace Int8Runtime.Graph.Planning;

/// <summary>Steps and memory of a model for concrete shapes. Immutable; any number of requests run it.</summary>
/// <param name="Operations">The operations that the steps compute.</param>
/// <param name="Steps">The steps in order.</param>
/// <param name="Inputs">Memory of the inputs by name.</param>
/// <param name="Outputs">Memory of the outputs by name.</param>
/// <param name="Buffers">Every buffer in the arena.</param>
/// <param name="ArenaBytes">Size of the arena of a request.</param>
internal sealed record ExecutionPlan(
    OperationGraph Operations, IReadOnlyList<PlannedStep> Steps, IReadOnlyDictionary<string, Location> Inputs,
    IReadOnlyDictionary<string, Location> Outputs, IReadOnlyList<PlannedBuffer> Buffers, long ArenaBytes)
{
    /// <summary>Scratch bytes of the neediest step.</summary>
    public long ScratchBytes => Steps.Count == 0 ? 0 : Steps.Max(s => s.ScratchBytes);
}
