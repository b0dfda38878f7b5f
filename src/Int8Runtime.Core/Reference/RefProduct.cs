// The sum of products that convolution, inner product and matrix product share, one output element at a time.
namespace Int8Runtime.Reference;

/// <summary>
/// Accumulates Σ src·w for one output. For integer operands the sum is s32 in two's complement, of
/// (src − zp_src)·(w − zp_w), so it is exact and independent of the order; otherwise it is f32 by fused multiply-add in
/// the order of the calls. Integers whose scales or zero points differ along K are dequantized to f32 first.
/// <see cref="Finish"/> applies the epilogue and stores.
/// </summary>
internal unsafe ref struct RefProduct
{
    private readonly PrimitiveAttributes _attributes;
    private readonly MemoryDescriptor _source;
    private readonly MemoryDescriptor _weights;
    private readonly MemoryDescriptor _destination;
    private readonly ref readonly ExecutionArguments _arguments;
    private readonly Epilogue _epilogue;
    private readonly MemoryDescriptor? _bias;
    private readonly void* _sourceData, _weightsData;
    private readonly DataType _sourceType, _weightsType;
    private readonly bool _integer;
    private readonly int _sourceZeroPoint;
    private readonly ZeroPoint? _sourceZeroPoints; // one for each channel
    private readonly int _sourceChannel;
    private int _weightsZeroPoint;
    private int _channel;
    private int _integerSum;
    private float _floatSum;

    /// <summary>Reads the attributes.</summary>
    /// <param name="attributes">Scales, zero points and post-ops.</param>
    /// <param name="source">The source.</param>
    /// <param name="weights">The weights.</param>
    /// <param name="bias">The bias; null for none.</param>
    /// <param name="destination">The destination.</param>
    /// <param name="channels">Number of output channels.</param>
    /// <param name="sourceChannel">Dimension of the source that its zero points belong to, if it has several.</param>
    /// <param name="arguments">Memory of the execution.</param>
    public RefProduct(
        PrimitiveAttributes attributes, MemoryDescriptor source, MemoryDescriptor weights, MemoryDescriptor? bias,
        MemoryDescriptor destination, int channels, int sourceChannel, in ExecutionArguments arguments)
    {
        _attributes = attributes;
        _source = source;
        _weights = weights;
        _destination = destination;
        _arguments = ref arguments;
        _sourceData = arguments[ArgumentSlot.Source];
        _weightsData = arguments[ArgumentSlot.Weights];
        (_sourceType, _weightsType) = (source.DataType, weights.DataType);
        _integer = source.DataType.IsInt8() && !ProductQuantization.Dequantizes(attributes, source.DataType);
        _epilogue = Epilogue.Create(
            attributes, _integer ? DataType.Int32 : DataType.Float32, destination.DataType, channels, bias is not null,
            RefEpilogue.ReadRuntime(attributes, in arguments));
        _sourceZeroPoint = RefEpilogue.SourceZeroPoint(attributes, in arguments);
        _sourceZeroPoints = attributes.SourceZeroPoint is { Granularity: QuantizationGranularity.PerChannel } several ? several : null;
        _sourceChannel = sourceChannel;
        _bias = bias;
    }

    /// <summary>
    /// A refusal unless the source is an 8-bit integer and weights are integers of 8 or 4 bits, or the source is floating-point and the
    /// weights are that or such integers.
    /// </summary>
    public static Rejection? RefuseTypes(string name, MemoryDescriptor source, MemoryDescriptor weights)
    {
        bool isServed = weights.DataType.IsIntegerWeight() ? source.DataType.IsInt8() || source.DataType.IsFloatingPoint()
            : source.DataType.IsFloatingPoint() && weights.DataType.IsFloatingPoint();
        return isServed
            ? null
            : new Rejection(name, RejectionReason.DataTypes,
                $"{source.DataType.ToShortName()} source with {weights.DataType.ToShortName()} weights");
    }

    /// <summary>Begins the sum of an output element.</summary>
    public void Start(int channel)
    {
        _channel = channel;
        _weightsZeroPoint = _attributes.WeightsZeroPoint is { GroupSize: > 0 }
            ? 0 : RefEpilogue.WeightsZeroPoint(_attributes, channel, in _arguments);
        _integerSum = 0;
        _floatSum = 0;
    }

    /// <summary>Adds the product of one source element and one weight.</summary>
    public void Add(scoped ReadOnlySpan<int> sourceIndex, scoped ReadOnlySpan<int> weightsIndex) =>
        Add(_source.OffsetOf(sourceIndex), sourceIndex, _weights.OffsetOf(weightsIndex), weightsIndex);

    /// <summary>
    /// Adds the products along a dimension of either operand, in order; places are computed once where both have a stride.
    /// </summary>
    /// <param name="sourceIndex">The first element of the source, with index 0 in the dimension; is the same afterwards.</param>
    /// <param name="sourceDimension">The dimension of the source.</param>
    /// <param name="weightsIndex">The first weight, with index 0 in the dimension; is the same afterwards.</param>
    /// <param name="weightsDimension">The dimension of the weights.</param>
    /// <param name="count">Number of products.</param>
    public void AddRun(
        scoped Span<int> sourceIndex, int sourceDimension, scoped Span<int> weightsIndex, int weightsDimension, int count)
    {
        bool isStrided = _source.BlockOf(sourceDimension) == 1 && _weights.BlockOf(weightsDimension) == 1;
        long sourceOffset = _source.OffsetOf(sourceIndex), sourceStride = _source.Strides[sourceDimension];
        long weightsOffset = _weights.OffsetOf(weightsIndex), weightsStride = _weights.Strides[weightsDimension];
        for (int i = 0; i < count; i++)
        {
            sourceIndex[sourceDimension] = weightsIndex[weightsDimension] = i;
            if (isStrided)
                Add(sourceOffset + (i * sourceStride), sourceIndex, weightsOffset + (i * weightsStride), weightsIndex);
            else
                Add(sourceIndex, weightsIndex);
        }

        sourceIndex[sourceDimension] = weightsIndex[weightsDimension] = 0;
    }

    private void Add(
        long sourceOffset, scoped ReadOnlySpan<int> sourceIndex, long weightsOffset, scoped ReadOnlySpan<int> weightsIndex)
    {
        if (_integer)
        {
            int zeroPoint = _sourceZeroPoints?.At(sourceIndex[_sourceChannel]) ?? _sourceZeroPoint;
            int x = unchecked(ScalarAccess.LoadInteger(_sourceData, _sourceType, sourceOffset) - zeroPoint);
            int w = unchecked(ScalarAccess.LoadInteger(_weightsData, _weightsType, weightsOffset) - _weightsZeroPoint);
            _integerSum = unchecked(_integerSum + (x * w));
        }
        else
        {
            float x = _sourceType.IsInt8()
                ? DequantizeSource(sourceOffset, sourceIndex)
                : ScalarAccess.Load(_sourceData, _sourceType, sourceOffset);
            float w = _weightsType.IsIntegerWeight()
                ? Dequantize(ScalarAccess.LoadInteger(_weightsData, _weightsType, weightsOffset), weightsIndex)
                : ScalarAccess.Load(_weightsData, _weightsType, weightsOffset);
            _floatSum = MathF.FusedMultiplyAdd(x, w, _floatSum);
        }
    }

    // The difference to the zero point, times the scale of its group; a single scale is applied to the sum.
    private readonly float DequantizeSource(long offset, scoped ReadOnlySpan<int> index)
    {
        var place = new GroupPlace(index, _source.Dimensions, sumDimension: _source.Rank - 1);
        float scale = _attributes.SourceScale is { GroupSize: > 0 } scales ? scales.At(place) : 1f;
        int zeroPoint = _attributes.SourceZeroPoint is { GroupSize: > 0 } groups ? groups.At(place)
            : _sourceZeroPoints?.At(index[_sourceChannel]) ?? _sourceZeroPoint;
        return ScalarAccess.LoadReal(_sourceData, _sourceType, offset, scale, zeroPoint);
    }

    // Integer weights of a floating-point source: the difference to the zero point, times the scale of its group. Other scales
    // are applied to the sum.
    private readonly float Dequantize(int weight, scoped ReadOnlySpan<int> index)
    {
        var place = new GroupPlace(index, _weights.Dimensions, sumDimension: _weights.Rank - 2);
        float value = weight - (_attributes.WeightsZeroPoint is { GroupSize: > 0 } zeroPoint ? zeroPoint.At(place) : _weightsZeroPoint);
        return _attributes.WeightsScale is { GroupSize: > 0 } scale ? value * scale.At(place) : value;
    }

    // A bias of one dimension has an element for each channel; others have the destination's rank and are broadcast.
    private readonly float BiasAt(scoped ReadOnlySpan<int> output)
    {
        if (_bias is null)
            return 0;
        void* data = _arguments[ArgumentSlot.Bias];
        if (_bias.Rank == 1)
            return ScalarAccess.Load(data, _bias.DataType, _bias.OffsetOf([_channel]));
        Span<int> index = stackalloc int[output.Length];
        return RefEpilogue.LoadBroadcast(data, _bias, output, index);
    }

    /// <summary>Applies the epilogue to the sum and stores it.</summary>
    public readonly void Finish(scoped ReadOnlySpan<int> output)
    {
        if (_epilogue.StoresAccumulator)
        {
            ((int*)_arguments[ArgumentSlot.Destination])[_destination.OffsetOf(output)] = _integerSum;
            return;
        }

        float bias = BiasAt(output);
        float sum = _integer ? _integerSum : _floatSum;
        RefEpilogue.Finish(_epilogue, sum, _channel, bias, in _arguments, _destination, output);
    }
}
