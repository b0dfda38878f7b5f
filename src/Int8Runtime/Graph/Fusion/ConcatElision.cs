// Producers write directly into the memory of a concatenation.
using Int8Runtime.Graph.Lowering;

namespace Int8Runtime.Graph.Fusion;

/// <summary>
/// Gives the operands of a concatenation their place in its result, so that nothing is copied. Left out are operands that
/// have a place already, that the caller supplies or reads, that are constant, that only name the memory of another
/// tensor, or whose integers have another scale.
/// </summary>
internal sealed class ConcatElision : IOperationPass
{
    public string Name => "concat-elision";

    public void Run(OperationGraph graph, PassLog log)
    {
        foreach (Operation concat in graph.Operations)
        {
            if (concat.Spec is not ConcatSpec spec)
                continue;
            int start = 0;
            foreach (Operand? operand in concat.Operands)
            {
                if (Obstacle(concat, operand!) is { } obstacle)
                {
                    concat.Notes.Add($"copies {operand!.Edge.Name}: {obstacle}");
                }
                else
                {
                    operand!.Edge.Slot = new ConcatSlot(concat, start);
                    log.Add(Name, concat.Name, $"{operand.Edge.Name} is written in place");
                }

                start += operand!.Shape[spec.Axis];
            }
        }
    }

    private static string? Obstacle(Operation concat, Operand operand)
    {
        Edge edge = operand.Edge;
        return edge.Slot is not null ? "it is part of another concatenation"
            : edge.IsInput || edge.IsOutput ? "it is an input or output of the model"
            : edge.Constant is not null ? "it is constant"
            : edge.Producer!.Spec is ReshapeSpec or TransposeSpec or SliceSpec or HostSpec or PadSpec ? "it is a view of another tensor"
            : operand.Quantization is not null || edge.Type != concat.Output.Type ? "its scale differs"
            : concat.Operands.Count(o => o!.Edge == edge) > 1 ? "it occurs twice"
            : null;
    }
}
