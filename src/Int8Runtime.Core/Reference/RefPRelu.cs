// Normative rectifier with a tensor of slopes.
namespace Int8Runtime.Reference;

/// <summary>
/// <c>dst = quantize(postOps(x &gt; 0 ? x : slope·x))</c>, both operands dequantized; an extent of 1 in the slopes is broadcast.
/// </summary>
internal sealed class RefPRelu() : RefTwoSources<PReluDescriptor>(PrimitiveKind.PRelu, "ref_prelu:any")
{
    /// <inheritdoc/>
    protected override PReluDescriptor Resolve(PReluDescriptor descriptor) => descriptor with
    {
        Source = Plain(descriptor.Source), Slopes = Plain(descriptor.Slopes), Destination = Plain(descriptor.Destination),
    };

    /// <inheritdoc/>
    protected override Rejection? Refuse(PReluDescriptor descriptor, PrimitiveAttributes attributes) =>
        RefuseOperands(descriptor.Source, descriptor.Slopes, descriptor.Destination);

    /// <inheritdoc/>
    protected override (MemoryDescriptor Source, MemoryDescriptor Source1, MemoryDescriptor Destination) TensorsOf(
        PReluDescriptor descriptor) => (descriptor.Source, descriptor.Slopes, descriptor.Destination);

    /// <inheritdoc/>
    protected override float Evaluate(PReluDescriptor descriptor, in TwoSources sources, ReadOnlySpan<int> index)
    {
        float x = sources.First(index);
        return x > 0 ? x : sources.Second(index) * x;
    }
}
