// The sum of products that convolution, inner product and matrix product share, one output element at a time.
namespace Int8Runtime.Reference;

/// <summary>
/// Accumulates Σ src·w for one output. For integer operands the sum is s32 in two's complement, of
/// (src − zp_src)·(w − zp_w), so it is exact and independent of the order; otherwise it is f32 by fused multiply-add in
/// the order of the calls. <see cref="Finish"/> applies the epilogue and stores.
/// </summary>
internal unsafe ref struct RefProduct
{
    private readonly PrimitiveAttributes _attributes;
    private readonly MemoryDescriptor _source;
    private readonly MemoryDescriptor _weights;
    private readonly MemoryDescriptor _destination;
    private readonly ref readonly ExecutionArguments _arguments;
    private readonly Epilogue _epilogue;
    private readonly float* _bias;
    private readonly long _biasOffset, _biasStride;
    private readonly bool _integer;
    private readonly int _sourceZeroPoint;
    private int _weightsZeroPoint;
    private int _channel;
    private int _integerSum;
    private float _floatSum;

    public RefProduct(
        PrimitiveAttributes attributes, MemoryDescriptor source, MemoryDescriptor weights, MemoryDescriptor? bias,
        MemoryDescriptor destination, int channels, in ExecutionArguments arguments)
    {
        _attributes = attributes;
        _source = source;
        _weights = weights;
        _destination = destination;
        _arguments = ref arguments;
        _integer = source.DataType.IsInt8();
        _epilogue = Epilogue.Create(
            attributes, _integer ? DataType.Int32 : DataType.Float32, destination.DataType, channels, bias is not null,
            RefEpilogue.ReadRuntime(attributes, in arguments));
        _sourceZeroPoint = RefEpilogue.SourceZeroPoint(attributes, in arguments);
        if (bias is null)
            return;
        _bias = (float*)arguments[ArgumentSlot.Bias];
        _biasOffset = bias.Offset;
        _biasStride = bias.Strides[^1];
    }

    /// <summary>A refusal unless both operands are 8-bit integers or both are floating-point.</summary>
    public static Rejection? RefuseTypes(string name, MemoryDescriptor source, MemoryDescriptor weights)
    {
        bool integer = source.DataType.IsInt8() && weights.DataType.IsInt8();
        bool floating = source.DataType.IsFloatingPoint() && weights.DataType.IsFloatingPoint();
        return integer || floating
            ? null
            : new Rejection(name, RejectionReason.DataTypes, $"{source.DataType.ToShortName()} source with {weights.DataType.ToShortName()} weights");
    }

    /// <summary>Begins the sum of an output element.</summary>
    public void Start(int channel)
    {
        _channel = channel;
        _weightsZeroPoint = _attributes.WeightsZeroPoint?.At(channel) ?? 0;
        _integerSum = 0;
        _floatSum = 0;
    }

    /// <summary>Adds the product of one source element and one weight.</summary>
    public void Add(scoped ReadOnlySpan<int> sourceIndex, scoped ReadOnlySpan<int> weightsIndex)
    {
        void* source = _arguments[ArgumentSlot.Source];
        void* weights = _arguments[ArgumentSlot.Weights];
        long sourceOffset = _source.OffsetOf(sourceIndex), weightsOffset = _weights.OffsetOf(weightsIndex);
        if (_integer)
        {
            int x = ScalarAccess.LoadInteger(source, _source.DataType, sourceOffset) - _sourceZeroPoint;
            int w = ScalarAccess.LoadInteger(weights, _weights.DataType, weightsOffset) - _weightsZeroPoint;
            _integerSum = unchecked(_integerSum + (x * w));
        }
        else
        {
            float x = ScalarAccess.Load(source, _source.DataType, sourceOffset);
            float w = ScalarAccess.Load(weights, _weights.DataType, weightsOffset);
            _floatSum = MathF.FusedMultiplyAdd(x, w, _floatSum);
        }
    }

    /// <summary>Applies the epilogue to the sum and stores it.</summary>
    public readonly void Finish(scoped ReadOnlySpan<int> output)
    {
        if (_epilogue.StoresAccumulator)
        {
            ((int*)_arguments[ArgumentSlot.Destination])[_destination.OffsetOf(output)] = _integerSum;
            return;
        }

        float bias = _bias is null ? 0 : _bias[_biasOffset + (_channel * _biasStride)];
        float sum = _integer ? _integerSum : _floatSum;
        RefEpilogue.Finish(_epilogue, sum, _channel, bias, in _arguments, _destination, output);
    }
}
