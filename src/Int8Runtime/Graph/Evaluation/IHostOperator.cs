// The contract of operators that run in plain C#.
namespace Int8Runtime.Graph.Evaluation;

/// <summary>An operator evaluated on the host: for constant folding, and for the operators of a model that need no
/// kernel.</summary>
public interface IHostOperator
{
    /// <summary>Computes the outputs of a node, in order; optional ones may be left out at the end.</summary>
    /// <exception cref="ModelFormatException">The operands do not fit the operator.</exception>
    /// <exception cref="UnsupportedModelException">The operator does not exist for the element type.</exception>
    TensorData[] Evaluate(NodeOperands operands);
}

/// <summary>A host operator from a function.</summary>
internal sealed class HostOperator(Func<NodeOperands, TensorData[]> evaluate) : IHostOperator
{
    /// <summary>An operator with one output.</summary>
    public HostOperator(Func<NodeOperands, TensorData> evaluate) : this(operands => new[] { evaluate(operands) })
    {
    }

    /// <inheritdoc/>
    public TensorData[] Evaluate(NodeOperands operands) => evaluate(operands);
}
