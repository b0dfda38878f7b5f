// Normative selection between two tensors.
namespace Int8Runtime.Reference;

/// <summary><c>dst = quantize(postOps(condition ≠ 0 ? s₀·(src₀ − zp₀) : s₁·(src₁ − zp₁)))</c>; extents of 1 are broadcast.</summary>
internal sealed class RefSelect() : RefTwoSources<SelectDescriptor>(PrimitiveKind.Select, "ref_select:any")
{
    /// <inheritdoc/>
    protected override SelectDescriptor Resolve(SelectDescriptor descriptor) => descriptor with
    {
        Source = Plain(descriptor.Source), Source1 = Plain(descriptor.Source1), Condition = Plain(descriptor.Condition),
        Destination = Plain(descriptor.Destination),
    };

    /// <inheritdoc/>
    protected override Rejection? Refuse(SelectDescriptor descriptor, PrimitiveAttributes attributes) =>
        RefuseOperands(descriptor.Source, descriptor.Source1, descriptor.Condition, descriptor.Destination);

    /// <inheritdoc/>
    protected override (MemoryDescriptor Source, MemoryDescriptor Source1, MemoryDescriptor Destination) TensorsOf(
        SelectDescriptor descriptor) => (descriptor.Source, descriptor.Source1, descriptor.Destination);

    /// <inheritdoc/>
    protected override float Evaluate(SelectDescriptor descriptor, in TwoSources sources, ReadOnlySpan<int> index) =>
        sources.Integer(ArgumentSlot.Condition, descriptor.Condition, index) != 0 ? sources.First(index) : sources.Second(index);
}
