// Identities of channels: which channels of different tensors have to stay or go together, and which have to stay.
using Int8Runtime.Graph;

namespace Int8Runtime.Quantization.Pruning;

/// <summary>A filter of a convolution.</summary>
internal readonly record struct Filter(GraphNode Convolution, int Index);

/// <summary>
/// A set of channel identities with the relation "one cannot go without the other" (union-find), the filters that produce
/// them, and the reasons why some cannot go at all.
/// </summary>
internal sealed class ChannelIdentities
{
    private readonly List<int> _parents = [];
    private readonly Dictionary<int, string> _pins = [];
    private readonly Dictionary<int, List<Filter>> _filters = [];

    /// <summary>New identities, one for each channel.</summary>
    public int[] Create(int count)
    {
        int first = _parents.Count;
        for (int i = 0; i < count; i++)
            _parents.Add(first + i);
        return [.. Enumerable.Range(first, count)];
    }

    /// <summary>New identities that the filters of a convolution produce.</summary>
    public int[] CreateFor(GraphNode convolution, int count)
    {
        int[] ids = Create(count);
        for (int i = 0; i < count; i++)
            _filters[ids[i]] = [new Filter(convolution, i)];
        return ids;
    }

    /// <summary>The representative of all identities that stay or go together with this one.</summary>
    public int GroupOf(int id)
    {
        while (_parents[id] != id)
            id = _parents[id] = _parents[_parents[id]];
        return id;
    }

    /// <summary>From now on the two stay or go together.</summary>
    public void Unite(int a, int b)
    {
        (a, b) = (GroupOf(a), GroupOf(b));
        if (a == b)
            return;
        _parents[b] = a;
        if (_pins.Remove(b, out string? reason))
            _pins.TryAdd(a, reason);
        if (_filters.Remove(b, out List<Filter>? filters))
            _filters[a] = _filters.TryGetValue(a, out List<Filter>? mine) ? [.. mine, .. filters] : filters;
    }

    /// <summary>The channels have to stay. The first reason given is kept.</summary>
    public void Pin(IEnumerable<int> ids, string reason)
    {
        foreach (int id in ids)
            _pins.TryAdd(GroupOf(id), reason);
    }

    /// <summary>Why a channel has to stay, or null.</summary>
    public string? PinOf(int id) => _pins.GetValueOrDefault(GroupOf(id));

    /// <summary>The filters of every group that has some, in the order in which the first one was met.</summary>
    public IEnumerable<(int Group, IReadOnlyList<Filter> Filters)> Groups() =>
        _filters.OrderBy(f => f.Key).Select(f => (f.Key, (IReadOnlyList<Filter>)f.Value));
}
