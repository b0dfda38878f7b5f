// Scales and zero points that an execution is given, for tools and tests.
namespace Int8Runtime.Diagnostics;

/// <summary>Values of <see cref="QuantizationScale.Runtime"/> and <see cref="ZeroPoint.Runtime"/> in native memory.</summary>
internal sealed unsafe class RuntimeValues : IDisposable
{
    private readonly List<TensorMemory> _owned = [];

    /// <summary>Puts values for everything that is given at execution into the table.</summary>
    /// <param name="attributes">Says what is given at execution.</param>
    /// <param name="channels">Output channels.</param>
    /// <param name="arguments">The table.</param>
    public RuntimeValues(PrimitiveAttributes attributes, int channels, ref ExecutionArguments arguments)
    {
        Scale(attributes.SourceScale, ArgumentSlot.SourceScale, 1, _ => 0.25f, ref arguments);
        Scale(attributes.Source1Scale, ArgumentSlot.Source1Scale, 1, _ => 0.5f, ref arguments);
        Scale(attributes.DestinationScale, ArgumentSlot.DestinationScale, 1, _ => 2f, ref arguments);
        int weights = attributes.WeightsScale is { Granularity: QuantizationGranularity.PerChannel } ? channels : 1;
        Scale(attributes.WeightsScale, ArgumentSlot.WeightsScale, weights, c => MathF.ScaleB(1, (c % 4) - 2), ref arguments);
        Zero(attributes.SourceZeroPoint, ArgumentSlot.SourceZeroPoint, 2, ref arguments);
        Zero(attributes.Source1ZeroPoint, ArgumentSlot.Source1ZeroPoint, 1, ref arguments);
        Zero(attributes.WeightsZeroPoint, ArgumentSlot.WeightsZeroPoint, 1, ref arguments);
        Zero(attributes.DestinationZeroPoint, ArgumentSlot.DestinationZeroPoint, 3, ref arguments);
    }

    /// <inheritdoc/>
    public void Dispose() => _owned.ForEach(memory => memory.Dispose());

    private void Scale(QuantizationScale? scale, ArgumentSlot slot, int count, Func<int, float> value, ref ExecutionArguments arguments)
    {
        if (scale is not { IsRuntime: true })
            return;
        var memory = new TensorMemory(new MemoryDescriptor([count], DataType.Float32));
        _owned.Add(memory);
        for (int i = 0; i < count; i++)
            ((float*)memory.Data)[i] = value(i);
        arguments.Set(slot, memory);
    }

    private void Zero(ZeroPoint? zeroPoint, ArgumentSlot slot, int value, ref ExecutionArguments arguments)
    {
        if (zeroPoint is not { IsRuntime: true })
            return;
        var memory = new TensorMemory(new MemoryDescriptor([1], DataType.Int32));
        _owned.Add(memory);
        *(int*)memory.Data = value;
        arguments.Set(slot, memory);
    }
}
