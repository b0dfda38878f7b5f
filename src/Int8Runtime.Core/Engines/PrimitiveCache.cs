// Plans of equal problems, shared and bounded in bytes.
namespace Int8Runtime;

/// <summary>
/// A least-recently-used cache of primitives. Dropping an entry never breaks a primitive that is in use: the cache only
/// holds a reference.
/// </summary>
internal sealed class PrimitiveCache(long capacityInBytes)
{
    private readonly Lock _lock = new();
    private readonly BoundedEntries<(PrimitiveDescriptor, PrimitiveAttributes), Primitive> _primitives = new(capacityInBytes);

    /// <summary>Bytes of all entries.</summary>
    public long SizeInBytes
    {
        get
        {
            lock (_lock)
                return _primitives.Bytes;
        }
    }

    /// <summary>Returns the cached primitive or creates it. Creation runs outside the lock; the first result wins.</summary>
    public Primitive GetOrAdd(
        (PrimitiveDescriptor Descriptor, PrimitiveAttributes Attributes) key,
        Func<(PrimitiveDescriptor Descriptor, PrimitiveAttributes Attributes), Primitive> create)
    {
        lock (_lock)
        {
            if (_primitives.Find(key) is { } cached)
                return cached.Value;
        }

        Primitive primitive = create(key);
        lock (_lock)
        {
            if (_primitives.Find(key) is { } other)
                return other.Value;
            _primitives.Weigh(_primitives.Add(key, primitive), primitive.SizeInBytes);
        }

        return primitive;
    }

    /// <summary>Drops every entry.</summary>
    public void Clear()
    {
        lock (_lock)
            _primitives.Clear();
    }
}
