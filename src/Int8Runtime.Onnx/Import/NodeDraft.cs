// A node while it is being read: mutable, so that upgrades can turn attributes into inputs.
using Int8Runtime.Graph;

namespace Int8Runtime.Onnx.Import;

/// <summary>A node of the file whose operands and results are resolved to values of the graph.</summary>
internal sealed class NodeDraft(string name, string opType, string domain, GraphAttributes attributes)
{
    public string Name { get; } = name;

    public string OpType { get; set; } = opType;

    public string Domain { get; set; } = domain;

    public List<GraphValue?> Inputs { get; } = [];

    public List<GraphValue> Outputs { get; } = [];

    public GraphAttributes Attributes { get; } = attributes;

    /// <summary>Opens the messages of exceptions.</summary>
    public string Subject => Attributes.Owner;

    public GraphValue? OptionalInput(int index) => index < Inputs.Count ? Inputs[index] : null;

    public GraphValue Input(int index) => OptionalInput(index)
        ?? throw new ModelFormatException(
            $"{Subject}: input {index} is missing. The model is damaged; export it again.");

    /// <summary>Sets an operand, and fills the gap before it with left-out operands.</summary>
    public void SetInput(int index, GraphValue? value)
    {
        while (Inputs.Count <= index)
            Inputs.Add(null);
        Inputs[index] = value;
    }
}
