// The contract of passes over model graphs.
namespace Int8Runtime.Graph.Passes;

/// <summary>Rewrites a model graph without changing what it computes, whatever the shapes of its inputs are.</summary>
internal interface IGraphPass
{
    /// <summary>The name in logs and options.</summary>
    string Name { get; }

    /// <summary>Rewrites the graph and logs each change.</summary>
    void Run(ModelGraph graph, PassLog log);
}
