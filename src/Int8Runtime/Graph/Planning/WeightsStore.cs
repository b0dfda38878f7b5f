// Constants in native memory, shared by the plans and requests of a model.
using System.Collections.Concurrent;
using Int8Runtime.Graph.Lowering;

namespace Int8Runtime.Graph.Planning;

/// <summary>A constant in the layout in which a primitive reads it, packed on first use. Thread-safe.</summary>
internal sealed class StoredTensor
{
    private readonly Lazy<StoredTensor>? _later;
    private readonly Lazy<TensorMemory>? _packed;
    private TensorMemory? _adopted;

    /// <summary>A constant whose layout is known.</summary>
    public StoredTensor(MemoryDescriptor descriptor, Func<TensorMemory> pack)
    {
        Descriptor = descriptor;
        _packed = new Lazy<TensorMemory>(() => _adopted ?? pack());
    }

    /// <summary>A constant whose layout a primitive decides that does not exist yet.</summary>
    public StoredTensor(Func<StoredTensor> find) => _later = new Lazy<StoredTensor>(find);

    /// <summary>The constant itself; asked for when the primitives exist.</summary>
    public StoredTensor Resolved => _later?.Value ?? this;

    /// <summary>The layout.</summary>
    public MemoryDescriptor Descriptor => field ?? Resolved.Descriptor;

    /// <summary>The memory.</summary>
    public TensorMemory Memory => _packed is { } packed ? packed.Value : Resolved.Memory;

    /// <summary>Takes packed content instead of packing; nothing, if it was packed before.</summary>
    public void Adopt(ReadOnlyMemory<byte> packed)
    {
        if (_packed!.IsValueCreated)
            return;
        _adopted = TensorMemory.Wrap(Descriptor, packed);
    }
}

/// <summary>
/// Packed weights by content and layout. A plan for another batch or image size finds the weights that an earlier plan
/// packed, because kernels, and so layouts, do not depend on those extents. Thread-safe.
/// </summary>
internal sealed class WeightsStore(Engine engine)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<(TensorData Content, MemoryDescriptor Plain, MemoryDescriptor Target), StoredTensor> _weights =
        new(new KeyComparer());
    private readonly Dictionary<(TensorData Content, Quantization? Quantization), TensorData> _derived = new(new DerivedComparer());
    private readonly ConcurrentDictionary<PairSums, Lazy<NumericMode>> _modes = [];

    /// <summary>Bytes of all constants that are packed.</summary>
    public long SizeInBytes
    {
        get
        {
            lock (_lock)
                return _weights.Values.Sum(w => w.Descriptor.SizeInBytes);
        }
    }

    /// <summary>Weights in the layout that a primitive asks for.</summary>
    /// <param name="content">The constant.</param>
    /// <param name="plain">How the primitive's dimensions lie in the constant.</param>
    /// <param name="target">The wanted layout.</param>
    public StoredTensor Get(TensorData content, MemoryDescriptor plain, MemoryDescriptor target)
    {
        lock (_lock)
        {
            if (!_weights.TryGetValue((content, plain, target), out StoredTensor? stored))
                _weights.Add((content, plain, target), stored = Pack(content, plain, target));
            return stored;
        }
    }

    private StoredTensor Pack(TensorData content, MemoryDescriptor plain, MemoryDescriptor target) => new(target, () =>
    {
        using TensorMemory source = content.HoldsNibbles ? new TensorMemory(plain) : TensorMemory.Wrap(plain, content.Bytes);
        if (content.HoldsNibbles)
            content.CopyTo(source.AsSpan<byte>()); // memory that is free again at once
        return WeightsPacking.Pack(engine, source, target);
    });

    /// <summary>Unsigned weights as signed ones, <c>q − 128</c>; the zero point moves along.</summary>
    public TensorData ToSigned(TensorData content) => Derive(content, null, () =>
    {
        ReadOnlySpan<byte> from = content.AsSpan<byte>();
        TensorData signed = TensorData.Allocate(DataType.Int8, content.Shape, out Span<sbyte> to);
        for (int i = 0; i < from.Length; i++)
            to[i] = (sbyte)(from[i] - 128);
        return signed;
    });

    /// <summary>The real numbers that integer weights stand for.</summary>
    public TensorData ToReal(TensorData content, Quantization quantization) => Derive(content, quantization, () =>
    {
        TensorData real = TensorData.Allocate(DataType.Float32, content.Shape, out Span<float> values);
        OperandFacts.Dequantize(content, quantization, values);
        return real;
    });

    /// <summary><see cref="PairSums.Choose"/>, found out once for each constant and order of its elements.</summary>
    public NumericMode ModeFor(PairSums sums) => _modes.GetOrAdd(sums, s => new Lazy<NumericMode>(s.Choose)).Value;

    private TensorData Derive(TensorData content, Quantization? quantization, Func<TensorData> create)
    {
        lock (_lock)
        {
            if (!_derived.TryGetValue((content, quantization), out TensorData? derived))
                _derived.Add((content, quantization), derived = create());
            return derived;
        }
    }

    // Contents are compared by reference: they are immutable and shared by every specialization of a model.
    private sealed class KeyComparer : IEqualityComparer<(TensorData Content, MemoryDescriptor Plain, MemoryDescriptor Target)>
    {
        public bool Equals((TensorData Content, MemoryDescriptor Plain, MemoryDescriptor Target) x,
            (TensorData Content, MemoryDescriptor Plain, MemoryDescriptor Target) y) =>
            ReferenceEquals(x.Content, y.Content) && x.Plain.Equals(y.Plain) && x.Target.Equals(y.Target);

        public int GetHashCode((TensorData Content, MemoryDescriptor Plain, MemoryDescriptor Target) key) =>
            HashCode.Combine(System.Runtime.CompilerServices.RuntimeHelpers.GetHashCode(key.Content), key.Target);
    }

    private sealed class DerivedComparer : IEqualityComparer<(TensorData Content, Quantization? Quantization)>
    {
        public bool Equals((TensorData Content, Quantization? Quantization) x, (TensorData Content, Quantization? Quantization) y) =>
            ReferenceEquals(x.Content, y.Content) && Equals(x.Quantization, y.Quantization);

        public int GetHashCode((TensorData Content, Quantization? Quantization) key) =>
            System.Runtime.CompilerServices.RuntimeHelpers.GetHashCode(key.Content);
    }
}
