// Conversions, concatenations, and views of memory.
using Int8Runtime.Graph.Lowering;

namespace Int8Runtime.Graph.Planning;

/// <summary>Plans operations that move elements: mostly they only describe memory anew.</summary>
internal static class MovementEmitter
{
    public static void EmitConvert(Operation operation, PlanBuilder plan)
    {
        Operand source = operation[0];
        Location from = plan.LocationOf(source.Edge), to = plan.Define(operation.Output);
        int axis = Math.Max(source.Quantization?.Axis ?? -1, operation.OutputQuantization?.Axis ?? -1);
        plan.Reorder(operation.Name, from, to, AttributesOf.Unary(source.Quantization, operation.OutputQuantization), axis < 0 ? 1 : axis);
    }

    public static void EmitConcat(Operation operation, ConcatSpec spec, PlanBuilder plan)
    {
        Location whole = plan.DefineConcat(operation);
        var start = new int[operation.Output.Shape.Rank];
        for (int i = 0; i < operation.Operands.Count; i++)
        {
            Operand operand = operation[i];
            Location source = plan.LocationOf(operand.Edge);
            bool inPlace = operand.Edge.Slot?.Concat == operation && source.Buffer == whole.Buffer;
            if (!inPlace)
            {
                bool sameScale = operand.Quantization is null || operand.Quantization.Equals(operation.OutputQuantization);
                var part = whole with { Descriptor = whole.Descriptor.Slice(start, operand.Shape) };
                plan.Reorder(operation.Name, source, part, sameScale
                    ? PrimitiveAttributes.Default
                    : AttributesOf.Unary(operand.Quantization, operation.OutputQuantization));
            }

            start[spec.Axis] += operand.Shape[spec.Axis];
        }
    }

    public static void EmitReshape(Operation operation, PlanBuilder plan)
    {
        Edge source = operation[0].Edge, result = operation.Output;
        Location location = plan.LocationOf(source);
        if (!StridedView.TryReshape(location.Descriptor, result.Shape, out MemoryDescriptor? view))
        {
            operation.Notes.Add("the elements do not lie in the order of the new shape, so they are copied");
            location = plan.Read(source, channelsLast: false);
            view = new MemoryDescriptor(result.Shape, result.Type);
        }

        plan.Place(result, location with { Descriptor = view });
    }

    /// <summary>A result that is the source's memory with other strides.</summary>
    public static void EmitView(Operation operation, PlanBuilder plan, Func<MemoryDescriptor, MemoryDescriptor> view)
    {
        Location location = plan.LocationOf(operation[0].Edge);
        plan.Place(operation.Output, location with { Descriptor = view(location.Descriptor) });
    }

    public static void EmitPad(Operation operation, PadSpec spec, PlanBuilder plan)
    {
        Edge source = operation[0].Edge;
        Location whole = plan.Define(operation.Output);
        plan.AddStep(new FillStep(operation.Name + ":border", whole, spec.Value));
        var inner = whole with { Descriptor = whole.Descriptor.Slice(spec.Before.Span, source.Shape) };
        plan.Reorder(operation.Name, plan.LocationOf(source), inner, PrimitiveAttributes.Default);
    }
}
