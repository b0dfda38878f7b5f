// Plans by input shapes.
using System.Text;

namespace Int8Runtime.Graph.Planning;

/// <summary>A plan, the nodes that could not be planned, and the log of the passes.</summary>
internal sealed record CompiledPlan(ExecutionPlan Plan, DynamicTail? Tail, IReadOnlyList<PassEvent> Events);

/// <summary>The plans of a model, the least recently used dropped first. Thread-safe; equal shapes are planned once.</summary>
internal sealed class PlanCache(int capacity, Func<SortedDictionary<string, Shape>, CompiledPlan> create)
{
    private readonly Lock _lock = new();
    private readonly LinkedList<(string Key, Lazy<CompiledPlan> Plan)> _recent = new();

    public CompiledPlan Get(SortedDictionary<string, Shape> shapes)
    {
        string key = KeyOf(shapes);
        Lazy<CompiledPlan> plan;
        lock (_lock)
        {
            LinkedListNode<(string Key, Lazy<CompiledPlan> Plan)>? node = _recent.First;
            while (node is not null && node.Value.Key != key)
                node = node.Next;
            if (node is not null)
                _recent.Remove(node);
            else
                node = new LinkedListNode<(string, Lazy<CompiledPlan>)>((key, new Lazy<CompiledPlan>(() => create(shapes))));
            _recent.AddFirst(node);
            while (_recent.Count > Math.Max(1, capacity))
                _recent.RemoveLast();
            plan = node.Value.Plan;
        }

        try
        {
            return plan.Value;
        }
        catch
        {
            // What failed once, for want of memory for example, may succeed later.
            lock (_lock)
                _recent.Remove((key, plan));
            throw;
        }
    }

    public void Clear()
    {
        lock (_lock)
            _recent.Clear();
    }

    private static string KeyOf(SortedDictionary<string, Shape> shapes)
    {
        var key = new StringBuilder();
        foreach ((string name, Shape shape) in shapes)
            key.Append(name).Append('=').Append(shape.ToString()).Append(';');
        return key.ToString();
    }
}
