// What passes did to which node.
namespace Int8Runtime.Graph;

/// <summary>One change that a pass made.</summary>
/// <param name="Pass">Name of the pass.</param>
/// <param name="Node">The node that was changed.</param>
/// <param name="Change">What was done.</param>
public sealed record PassEvent(string Pass, string Node, string Change)
{
    /// <summary>Pass, node and change.</summary>
    public override string ToString() => $"{Pass}: {Node}: {Change}";
}

/// <summary>Collects the changes of passes.</summary>
internal sealed class PassLog
{
    private readonly List<PassEvent> _events = [];

    /// <summary>All changes in order.</summary>
    public IReadOnlyList<PassEvent> Events => _events;

    public void Add(string pass, string node, string change) => _events.Add(new PassEvent(pass, node, change));

    public void AddRange(IEnumerable<PassEvent> events) => _events.AddRange(events);
}
