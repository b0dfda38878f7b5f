// The contract of passes over operations, and the log of what they did.
using Int8Runtime.Graph.Lowering;

namespace Int8Runtime.Graph.Fusion;

/// <summary>Rewrites operations without changing what the model computes.</summary>
internal interface IOperationPass
{
    /// <summary>The name in logs and options.</summary>
    string Name { get; }

    /// <summary>Rewrites the graph and logs each change.</summary>
    void Run(OperationGraph graph, PassLog log);
}
