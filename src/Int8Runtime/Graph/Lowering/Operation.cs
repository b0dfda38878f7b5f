// One step of computation: what is computed, from which tensors, with which post-ops and quantization.
namespace Int8Runtime.Graph.Lowering;

/// <summary>A node that is computed by the kernel of another one.</summary>
/// <param name="Name">The node.</param>
/// <param name="OpType">Its operator.</param>
internal readonly record struct FusedNode(string Name, string OpType);

/// <summary>An operation with typed parameters. Passes change it in place.</summary>
internal sealed class Operation
{
    private readonly List<Operand?> _operands = [];
    private readonly List<FusedNode> _fusedNodes = [];
    private readonly Edge[] _outputs;

    public Operation(string name, string opType, OperationSpec spec, ReadOnlySpan<Operand?> operands, ReadOnlySpan<Edge> outputs)
    {
        Name = name;
        OpType = opType;
        Spec = spec;
        _outputs = outputs.ToArray();
        foreach (Edge output in _outputs)
            output.Producer = this;
        foreach (Operand? operand in operands)
            AddOperand(operand);
    }

    /// <summary>The name of the node it comes from.</summary>
    public string Name { get; }

    /// <summary>The operator of that node.</summary>
    public string OpType { get; }

    /// <summary>What is computed.</summary>
    public OperationSpec Spec { get; set; }

    /// <summary>The tensors read; null where an optional one is absent. Operands of post-ops follow those of the operation.</summary>
    public IReadOnlyList<Operand?> Operands => _operands;

    /// <summary>The tensors written.</summary>
    public IReadOnlyList<Edge> Outputs => _outputs;

    /// <summary>The first (for all but host operations: the only) tensor written.</summary>
    public Edge Output => _outputs[0];

    /// <summary>What the integers of the result stand for; null where the result is stored as it is.</summary>
    public Quantization? OutputQuantization { get; set; }

    /// <summary>What happens to the result before it is stored, in order.</summary>
    public List<FusedPostOp> PostOps { get; } = [];

    /// <summary>The convolutions that it is computed together with, band by band; null for none.</summary>
    public OperationChain? Chain { get; set; }

    /// <summary>Other nodes that are computed here as well.</summary>
    public IReadOnlyList<FusedNode> FusedNodes => _fusedNodes;

    /// <summary>Notes that another operation's node is computed here.</summary>
    public void AddFused(Operation other) => _fusedNodes.Add(new FusedNode(other.Name, other.OpType));

    /// <summary>Notes that nodes of another operation are computed here.</summary>
    public void AddFused(IEnumerable<FusedNode> nodes) => _fusedNodes.AddRange(nodes);

    /// <summary>Remarks for the report.</summary>
    public List<string> Notes { get; } = [];

    /// <summary>The operand at <paramref name="index"/>, which must be present.</summary>
    public Operand this[int index] => _operands[index]!;

    /// <summary>The operand at <paramref name="index"/>, or null.</summary>
    public Operand? OptionalOperand(int index) => index < _operands.Count ? _operands[index] : null;

    public int AddOperand(Operand? operand)
    {
        _operands.Add(operand);
        operand?.Edge.AddUse(new OperandUse(this, _operands.Count - 1));
        return _operands.Count - 1;
    }

    public void SetOperand(int index, Operand? operand)
    {
        _operands[index]?.Edge.RemoveUse(new OperandUse(this, index));
        _operands[index] = operand;
        operand?.Edge.AddUse(new OperandUse(this, index));
    }

    /// <summary>Lets the operation write another tensor.</summary>
    public void SetOutput(Edge edge)
    {
        if (_outputs[0].Producer == this)
            _outputs[0].Producer = null;
        _outputs[0] = edge;
        edge.Producer = this;
    }

    internal void ReleaseOperands()
    {
        for (int i = 0; i < _operands.Count; i++)
            SetOperand(i, null);
    }

    public override string ToString() => $"{Name} ({OpType})";
}

/// <summary>A post-op of an operation.</summary>
internal abstract record FusedPostOp;

/// <summary>An element-wise function.</summary>
internal sealed record FusedEltwise(EltwiseAlgorithm Algorithm, float Alpha, float Beta) : FusedPostOp;

/// <summary>A binary function whose second argument is operand <paramref name="OperandIndex"/> of the operation.</summary>
internal sealed record FusedBinary(BinaryAlgorithm Algorithm, int OperandIndex) : FusedPostOp;
