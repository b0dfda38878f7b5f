// Plans of equal problems, shared and bounded in bytes.
namespace Int8Runtime;

/// <summary>
/// A least-recently-used cache of primitives. Dropping an entry never breaks a primitive that is in use: the cache only
/// holds a reference.
/// </summary>
internal sealed class PrimitiveCache(long capacityInBytes)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<(PrimitiveDescriptor, PrimitiveAttributes), LinkedListNode<Entry>> _entries = [];
    private readonly LinkedList<Entry> _recent = new();
    private long _size;

    /// <summary>Bytes of all entries.</summary>
    public long SizeInBytes => Volatile.Read(ref _size);

    /// <summary>Returns the cached primitive or creates it. Creation runs outside the lock; the first result wins.</summary>
    public Primitive GetOrAdd(
        (PrimitiveDescriptor Descriptor, PrimitiveAttributes Attributes) key,
        Func<(PrimitiveDescriptor Descriptor, PrimitiveAttributes Attributes), Primitive> create)
    {
        lock (_lock)
        {
            if (Find(key) is { } cached)
                return cached;
        }

        Primitive primitive = create(key);
        lock (_lock)
        {
            if (Find(key) is { } other)
                return other;
            _entries[key] = _recent.AddFirst(new Entry(key, primitive));
            _size += primitive.SizeInBytes;
            while (_size > capacityInBytes && _recent.Count > 1)
            {
                Entry oldest = _recent.Last!.Value;
                _recent.RemoveLast();
                _entries.Remove(oldest.Key);
                _size -= oldest.Primitive.SizeInBytes;
            }
        }

        return primitive;
    }

    /// <summary>Drops every entry.</summary>
    public void Clear()
    {
        lock (_lock)
        {
            _entries.Clear();
            _recent.Clear();
            _size = 0;
        }
    }

    private Primitive? Find((PrimitiveDescriptor, PrimitiveAttributes) key)
    {
        if (!_entries.TryGetValue(key, out LinkedListNode<Entry>? node))
            return null;
        _recent.Remove(node);
        _recent.AddFirst(node);
        return node.Value.Primitive;
    }

    private readonly record struct Entry((PrimitiveDescriptor, PrimitiveAttributes) Key, Primitive Primitive);
}
