// Normalizations by mean and variance.
using Int8Runtime.Graph.Lowering;

namespace Int8Runtime.Graph.Planning;

/// <summary>Plans normalizations whose scale and shift are operands.</summary>
internal static class NormalizationEmitter
{
    public static void EmitLayer(Operation operation, LayerNormalizationSpec spec, PlanBuilder plan) =>
        Emit(operation, plan, channelsLast: false, (source, destination, scale, shift) => new LayerNormalizationDescriptor
        {
            Axis = spec.Axis, Epsilon = spec.Epsilon, Source = source, Destination = destination, Scale = scale, Shift = shift,
        });

    public static void EmitGroup(Operation operation, GroupNormalizationSpec spec, PlanBuilder plan) => Emit(
        operation, plan, plan.Layouts.IsChannelsLast(operation.Output),
        (source, destination, scale, shift) => new GroupNormalizationDescriptor
        {
            Groups = spec.Groups, Epsilon = spec.Epsilon, Source = source, Destination = destination, Scale = scale, Shift = shift,
        });

    private static void Emit(
        Operation operation, PlanBuilder plan, bool channelsLast,
        Func<MemoryDescriptor, MemoryDescriptor, MemoryDescriptor?, MemoryDescriptor?, NormalizationDescriptor> describe)
    {
        Location source = plan.Read(operation[0].Edge, channelsLast);
        Location? scale = Parameter(operation, 1, plan), shift = Parameter(operation, 2, plan);
        Location destination = plan.TryDefineInPlace(operation.Output, operation[0]) ?? plan.Define(operation.Output);
        NormalizationDescriptor descriptor = describe(source.Descriptor, destination.Descriptor, scale?.Descriptor, shift?.Descriptor);
        plan.Execute(descriptor, AttributesOf.Unary(operation[0].Quantization, operation.OutputQuantization),
            (ArgumentSlot.Source, source), (ArgumentSlot.NormalizationScale, scale), (ArgumentSlot.NormalizationShift, shift),
            (ArgumentSlot.Destination, destination));
    }

    // Primitives take dense parameters without an offset, which a view of other memory may lack.
    private static Location? Parameter(Operation operation, int index, PlanBuilder plan)
    {
        if (operation.OptionalOperand(index) is not { } operand)
            return null;
        Location location = plan.Read(operand.Edge, channelsLast: false);
        var dense = new MemoryDescriptor(operand.Shape, operand.Edge.Type);
        if (location.Descriptor.Equals(dense))
            return location;
        var copy = new Location(dense, plan.NewBuffer(dense.SizeInBytes));
        plan.Reorder(operation.Name + ":parameter", location, copy, PrimitiveAttributes.Default, isLayoutChange: true);
        return copy;
    }
}
