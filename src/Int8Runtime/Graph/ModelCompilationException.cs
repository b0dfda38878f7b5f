// Nodes that cannot be compiled.
namespace Int8Runtime.Graph;

/// <summary>A node that cannot be compiled.</summary>
/// <param name="Node">Name of the node; empty where the reason names it.</param>
/// <param name="OpType">Its operator.</param>
/// <param name="Reason">Why it cannot be compiled.</param>
public sealed record NodeFailure(string Node, string OpType, string Reason)
{
    /// <summary>Node, operator and reason.</summary>
    public override string ToString() =>
        Node.Length == 0 || Reason.Contains($"'{Node}'", StringComparison.Ordinal) ? Reason : $"Node '{Node}' ({OpType}): {Reason}";
}

/// <summary>A model cannot be compiled; the message lists every node that stands in the way.</summary>
public sealed class ModelCompilationException : Exception
{
    /// <summary>Creates the exception.</summary>
    public ModelCompilationException(string model, IReadOnlyList<NodeFailure> failures)
        : base($"The model '{model}' cannot be compiled. {string.Join(Environment.NewLine, failures ?? [])}")
    {
        Failures = failures ?? [];
    }

    /// <summary>The nodes that cannot be compiled.</summary>
    public IReadOnlyList<NodeFailure> Failures { get; }
}
