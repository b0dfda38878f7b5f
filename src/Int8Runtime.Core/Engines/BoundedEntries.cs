// Entries in the order of their use, bounded in bytes: what the caches of primitives and kernels have in common.
namespace Int8Runtime;

/// <summary>
/// Values by key, of which the least recently used leave when all together pass a bound in bytes. What an entry weighs may become known
/// later; until then it stays. Not thread-safe: the owner locks.
/// </summary>
/// <param name="capacityBytes">The bound; an entry that passes it alone stays until another is weighed.</param>
internal sealed class BoundedEntries<TKey, TValue>(long capacityBytes)
    where TKey : notnull
{
    private readonly Dictionary<TKey, LinkedListNode<Entry>> _entries = [];
    private readonly LinkedList<Entry> _byUse = new(); // most recent first

    /// <summary>Number of entries.</summary>
    public int Count => _entries.Count;

    /// <summary>Bytes of all entries that were weighed.</summary>
    public long Bytes { get; private set; }

    /// <summary>The values that were weighed, the most recently used first.</summary>
    public IEnumerable<TValue> Weighed => _byUse.Where(entry => entry.Bytes > 0).Select(entry => entry.Value);

    /// <summary>The entry of a key, which is now the most recently used; null for none.</summary>
    public Entry? Find(TKey key)
    {
        if (!_entries.TryGetValue(key, out LinkedListNode<Entry>? node))
            return null;
        _byUse.Remove(node);
        _byUse.AddFirst(node);
        return node.Value;
    }

    /// <summary>Adds an entry that is not weighed yet.</summary>
    /// <exception cref="ArgumentException">The key has one.</exception>
    public Entry Add(TKey key, TValue value)
    {
        var entry = new Entry(key, value);
        _entries.Add(key, entry.Node);
        _byUse.AddFirst(entry.Node);
        return entry;
    }

    /// <summary>Weighs an entry and makes room for it. Does nothing if it was weighed before or is gone.</summary>
    /// <returns>How many others left.</returns>
    public int Weigh(Entry entry, long bytes)
    {
        if (entry.Bytes != 0 || entry.Node.List is null)
            return 0;
        entry.Bytes = bytes;
        Bytes += bytes;
        int left = 0;
        LinkedListNode<Entry>? last = _byUse.Last;
        while (Bytes > capacityBytes && last is not null)
        {
            LinkedListNode<Entry>? previous = last.Previous;
            if (last != entry.Node && last.Value.Bytes > 0)
            {
                Remove(last.Value);
                left++;
            }

            last = previous;
        }

        return left;
    }

    /// <summary>Removes an entry if it is still there.</summary>
    public void Remove(Entry entry)
    {
        if (entry.Node.List is null)
            return;
        Bytes -= entry.Bytes;
        _byUse.Remove(entry.Node);
        _entries.Remove(entry.Key);
    }

    /// <summary>Removes all entries.</summary>
    public void Clear()
    {
        _entries.Clear();
        _byUse.Clear();
        Bytes = 0;
    }

    /// <summary>A key with its value.</summary>
    internal sealed class Entry
    {
        internal Entry(TKey key, TValue value)
        {
            (Key, Value) = (key, value);
            Node = new LinkedListNode<Entry>(this);
        }

        /// <summary>The key.</summary>
        public TKey Key { get; }

        /// <summary>The value.</summary>
        public TValue Value { get; }

        /// <summary>Bytes; 0 if not known yet.</summary>
        internal long Bytes { get; set; }

        /// <summary>The place in the order of use; in no list once the entry is gone.</summary>
        internal LinkedListNode<Entry> Node { get; }
    }
}
