// The typed form of a model for one set of input shapes: operations in the order of execution.
namespace Int8Runtime.Graph.Lowering;

/// <summary>An output of the model under its name.</summary>
internal sealed record OutputPort(string Name, Edge Edge);

/// <summary>Operations and the tensors between them.</summary>
internal sealed class OperationGraph
{
    private readonly List<Operation> _operations = [];

    /// <summary>Second-level cache of a core of the machine that executes it, in bytes; 0 if unknown.</summary>
    public long CacheBytes { get; set; }

    /// <summary>The tensors that the caller supplies.</summary>
    public List<Edge> Inputs { get; } = [];

    /// <summary>The tensors that the caller reads.</summary>
    public List<OutputPort> Outputs { get; } = [];

    /// <summary>The operations; each comes after the producers of its operands.</summary>
    public IReadOnlyList<Operation> Operations => _operations;

    public Operation Add(Operation operation)
    {
        _operations.Add(operation);
        return operation;
    }

    public void InsertBefore(Operation position, Operation operation) => _operations.Insert(IndexOf(position), operation);

    public void InsertAfter(Operation position, Operation operation) => _operations.Insert(IndexOf(position) + 1, operation);

    /// <summary>Moves an operation whose result nobody reads before <paramref name="position"/> to the place in front of that.</summary>
    public void MoveBefore(Operation position, Operation operation)
    {
        _operations.RemoveAt(IndexOf(operation));
        _operations.Insert(IndexOf(position), operation);
    }

    /// <summary>Removes an operation whose result nobody reads any more, or which another operation writes now.</summary>
    public void Remove(Operation operation)
    {
        _operations.RemoveAt(IndexOf(operation));
        operation.ReleaseOperands();
    }

    /// <summary>
    /// Lets <paramref name="producer"/> do the work of <paramref name="consumer"/>, its only reader, as well: it moves to
    /// the consumer's position, where all operands exist, and writes the consumer's result.
    /// </summary>
    public void Merge(Operation producer, Operation consumer)
    {
        _operations.RemoveAt(IndexOf(producer));
        _operations[IndexOf(consumer)] = producer;
        Edge result = consumer.Output;
        consumer.ReleaseOperands();
        producer.SetOutput(result);
        producer.AddFused(consumer);
        producer.AddFused(consumer.FusedNodes);
        producer.Notes.AddRange(consumer.Notes);
    }

    /// <summary>Lets every reader of <paramref name="old"/>, the caller included, read <paramref name="replacement"/>.</summary>
    public void ReplaceUses(Edge old, Edge replacement)
    {
        foreach (OperandUse use in old.Uses.ToArray())
            use.Operation.SetOperand(use.Index, use.Operation[use.Index] with { Edge = replacement });
        if (!old.IsOutput)
            return;
        for (int i = 0; i < Outputs.Count; i++)
        {
            if (Outputs[i].Edge == old)
                Outputs[i] = Outputs[i] with { Edge = replacement };
        }

        old.IsOutput = false;
        replacement.IsOutput = true;
    }

    /// <summary>Removes the operations whose results nobody reads.</summary>
    public void RemoveDead()
    {
        for (int i = _operations.Count - 1; i >= 0; i--)
        {
            if (_operations[i].Outputs.All(o => o.Uses.Count == 0 && !o.IsOutput))
                Remove(_operations[i]);
        }
    }

    private int IndexOf(Operation operation)
    {
        int index = _operations.IndexOf(operation);
        return index >= 0 ? index : throw new ArgumentException($"{operation} is not in the graph.", nameof(operation));
    }
}
