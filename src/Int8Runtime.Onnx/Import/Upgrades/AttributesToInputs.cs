// Operators whose parameters were attributes in older operator sets and are inputs now.
using Int8Runtime.Graph;

namespace Int8Runtime.Onnx.Import.Upgrades;

/// <summary>Turns attributes into constant inputs.</summary>
internal static class AttributesToInputs
{
    /// <summary>Squeeze and Unsqueeze before 13, ReduceSum before 13, the other reductions before 18:
    /// <c>axes</c>.</summary>
    public static void Axes(NodeDraft node, ImportContext context)
    {
        MoveIntegers(node, context, "axes", 1);
        context.Emit(node);
    }

    /// <summary>Clip before 11: <c>min</c>, <c>max</c>.</summary>
    public static void Clip(NodeDraft node, ImportContext context)
    {
        MoveSingle(node, context, "min", 1);
        MoveSingle(node, context, "max", 2);
        context.Emit(node);
    }

    /// <summary>Pad before 11: <c>pads</c>, <c>value</c>.</summary>
    public static void Pad(NodeDraft node, ImportContext context)
    {
        MoveIntegers(node, context, "pads", 1);
        MoveSingle(node, context, "value", 2);
        context.Emit(node);
    }

    /// <summary>Slice before 10: <c>starts</c>, <c>ends</c>, <c>axes</c>.</summary>
    public static void Slice(NodeDraft node, ImportContext context)
    {
        MoveIntegers(node, context, "starts", 1);
        MoveIntegers(node, context, "ends", 2);
        MoveIntegers(node, context, "axes", 3);
        context.Emit(node);
    }

    /// <summary>Split before 13: <c>split</c>; before 18 the number of equal parts is that of the outputs.</summary>
    public static void Split(NodeDraft node, ImportContext context)
    {
        MoveIntegers(node, context, "split", 1);
        if (node.OptionalInput(1) is null)
            node.Attributes.Add("num_outputs", node.Outputs.Count);
        context.Emit(node);
    }

    /// <summary>TopK before 10: <c>k</c>.</summary>
    public static void TopK(NodeDraft node, ImportContext context)
    {
        if (node.OptionalInput(1) is null && node.Attributes.Contains("k"))
            node.SetInput(1, context.Integers(node.Name + ":k", [node.Attributes.GetInteger("k")]));
        node.Attributes.Remove("k");
        context.Emit(node);
    }

    private static void MoveIntegers(NodeDraft node, ImportContext context, string attribute, int input)
    {
        if (node.Attributes.GetIntegers(attribute) is { } values && node.OptionalInput(input) is null)
            node.SetInput(input, context.Integers($"{node.Name}:{attribute}", values));
        node.Attributes.Remove(attribute);
    }

    private static void MoveSingle(NodeDraft node, ImportContext context, string attribute, int input)
    {
        if (node.Attributes.Contains(attribute) && node.OptionalInput(input) is null)
            node.SetInput(input, context.Scalar($"{node.Name}:{attribute}", node.Attributes.GetSingle(attribute)));
        node.Attributes.Remove(attribute);
    }
}
