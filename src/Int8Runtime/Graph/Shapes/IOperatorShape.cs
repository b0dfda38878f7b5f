// The contract of shape inference for one family of operators.
namespace Int8Runtime.Graph.Shapes;

/// <summary>Derives the types of the results of an operator from its operands.</summary>
public interface IOperatorShape
{
    /// <summary>The type of each output of the node. Omitted outputs may be left out at the end.</summary>
    /// <exception cref="ModelFormatException">The operands do not fit the operator.</exception>
    TensorType[] Infer(NodeOperands operands);
}
