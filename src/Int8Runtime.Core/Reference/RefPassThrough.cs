// The end of primitives that mostly hand stored values on: pooling and resampling.
namespace Int8Runtime.Reference;

/// <summary>
/// Stores a value in units of the source: as it is where both sides agree (<see cref="PassThrough.KeepsUnits"/>), otherwise
/// dequantized, sent through the post-ops and quantized again.
/// </summary>
internal readonly unsafe ref struct RefPassThrough
{
    private readonly MemoryDescriptor _destination;
    private readonly ref readonly ExecutionArguments _arguments;
    private readonly Epilogue _epilogue;
    private readonly float _scale;
    private readonly bool _keepsUnits;

    /// <summary>Prepares an execution.</summary>
    /// <param name="attributes">The attributes.</param>
    /// <param name="source">Type of the source.</param>
    /// <param name="destination">The destination.</param>
    /// <param name="arguments">The memory.</param>
    public RefPassThrough(PrimitiveAttributes attributes, DataType source, MemoryDescriptor destination, in ExecutionArguments arguments)
    {
        _destination = destination;
        _arguments = ref arguments;
        _keepsUnits = PassThrough.KeepsUnits(attributes, source, destination.DataType);
        _scale = RefEpilogue.SourceScale(attributes, in arguments);
        ZeroPoint = RefEpilogue.SourceZeroPoint(attributes, in arguments);
        PrimitiveAttributes completed = PassThrough.Complete(attributes, destination.DataType);
        _epilogue = Epilogue.CreateForValues(
            completed, destination.DataType, RefEpilogue.ReadRuntime(completed, PassThrough.Complete(attributes, in arguments)));
    }

    /// <summary>The stored value that stands for real 0.</summary>
    public int ZeroPoint { get; }

    /// <summary>Stores a value.</summary>
    public void Finish(float value, scoped ReadOnlySpan<int> index)
    {
        if (_keepsUnits)
        {
            ScalarAccess.Store(_arguments[ArgumentSlot.Destination], _destination.DataType, _destination.OffsetOf(index), value);
            return;
        }

        if (ZeroPoint != 0)
            value -= ZeroPoint;
        if (_scale != 1f)
            value *= _scale;
        RefEpilogue.FinishValue(_epilogue, value, in _arguments, _destination, index);
    }

    /// <summary>Stores an element of s32, which passes through as it is.</summary>
    public void Finish(int value, scoped ReadOnlySpan<int> index)
    {
        if (_keepsUnits)
            ((int*)_arguments[ArgumentSlot.Destination])[_destination.OffsetOf(index)] = value;
        else
            Finish((float)value, index);
    }
}
