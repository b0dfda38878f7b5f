// Plans by input shapes.
using System.Text;

namespace Int8Runtime.Graph.Planning;

/// <summary>A plan, the nodes that could not be planned, and the log of the passes.</summary>
internal sealed record CompiledPlan(ExecutionPlan Plan, DynamicTail? Tail, IReadOnlyList<PassEvent> Events);

/// <summary>The plans of a model, the least recently used dropped first. Thread-safe; equal shapes are planned once.</summary>
internal sealed class PlanCache(int capacity, Func<SortedDictionary<string, Shape>, CompiledPlan> create)
{
    private readonly Lock _lock = new();
    private readonly BoundedEntries<string, Lazy<CompiledPlan>> _plans = new(Math.Max(1, capacity)); // each weighs 1

    public CompiledPlan Get(SortedDictionary<string, Shape> shapes)
    {
        string key = KeyOf(shapes);
        BoundedEntries<string, Lazy<CompiledPlan>>.Entry? plan;
        lock (_lock)
        {
            plan = _plans.Find(key);
            if (plan is null)
            {
                plan = _plans.Add(key, new Lazy<CompiledPlan>(() => create(shapes)));
                _plans.Weigh(plan, 1);
            }
        }

        try
        {
            return plan.Value.Value;
        }
        catch
        {
            // What failed once, for want of memory for example, may succeed later.
            lock (_lock)
                _plans.Remove(plan);
            throw;
        }
    }

    public void Clear()
    {
        lock (_lock)
            _plans.Clear();
    }

    private static string KeyOf(SortedDictionary<string, Shape> shapes)
    {
        var key = new StringBuilder();
        foreach ((string name, Shape shape) in shapes)
            key.Append(name).Append('=').Append(shape.ToString()).Append(';');
        return key.ToString();
    }
}
