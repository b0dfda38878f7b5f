// Normative binary element-wise function with broadcast.
namespace Int8Runtime.Reference;

/// <summary>
/// <c>dst = quantize(postOps(f(s₀·(src₀ − zp₀), s₁·(src₁ − zp₁))))</c> for each element; an extent of 1 in a source is
/// broadcast. The destination may be the first source.
/// </summary>
internal sealed class RefBinary() : RefTwoSources<BinaryDescriptor>(PrimitiveKind.Binary, "ref_binary:any")
{
    /// <inheritdoc/>
    protected override BinaryDescriptor Resolve(BinaryDescriptor descriptor) => descriptor with
    {
        Source = Plain(descriptor.Source), Source1 = Plain(descriptor.Source1), Destination = Plain(descriptor.Destination),
    };

    /// <inheritdoc/>
    protected override Rejection? Refuse(BinaryDescriptor descriptor, PrimitiveAttributes attributes) =>
        RefuseOperands(descriptor.Source, descriptor.Source1, descriptor.Destination);

    /// <inheritdoc/>
    protected override (MemoryDescriptor Source, MemoryDescriptor Source1, MemoryDescriptor Destination) TensorsOf(
        BinaryDescriptor descriptor) => (descriptor.Source, descriptor.Source1, descriptor.Destination);

    /// <inheritdoc/>
    protected override float Evaluate(BinaryDescriptor descriptor, in TwoSources sources, ReadOnlySpan<int> index) =>
        EltwiseMath.Evaluate(descriptor.Algorithm, sources.First(index), sources.Second(index));
}
