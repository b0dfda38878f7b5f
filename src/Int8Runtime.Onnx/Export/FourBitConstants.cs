// 8-bit constants of a graph whose elements came from files as 4 bits, written as 4 bits again.
using Int8Runtime.Graph;

namespace Int8Runtime.Onnx.Export;

/// <summary>
/// Readers of other formats give integers of 4 bits as u8 or s8 that share bytes of memory, because products read them so. A file keeps
/// their size where a DequantizeLinear reads them whose zero points fit in 4 bits as well.
/// </summary>
internal static class FourBitConstants
{
    /// <summary>The graph, or a copy of it in which such constants have types of 4 bits.</summary>
    public static ModelGraph Apply(ModelGraph graph)
    {
        if (!graph.Nodes.Any(IsNarrow))
            return graph;
        ModelGraph copy = graph.Clone();
        foreach (GraphNode node in copy.Nodes.Where(IsNarrow).ToArray())
        {
            GraphValue integers = node.Input(0);
            TensorData narrow = integers.Constant!.AsInt4();
            node.SetInput(0, Constant(copy, integers, narrow));
            if (node.OptionalInput(2) is { } zeros)
                node.SetInput(2, Constant(copy, zeros, zeros.Constant!.ConvertTo(narrow.ElementType)));
        }

        return copy;
    }

    // In place where nothing else reads it, so that it keeps its name.
    private static GraphValue Constant(ModelGraph graph, GraphValue old, TensorData content)
    {
        if (old.Uses.Count > 1 || old.IsGraphOutput)
            return graph.AddConstant(graph.UniqueValueName($"{old.Name}:{content.ElementType.ToShortName()}"), content);
        old.SetConstant(content);
        return old;
    }

    private static bool IsNarrow(GraphNode node)
    {
        if (!node.Is("DequantizeLinear") || node.ConstantInput(0) is not { HoldsNibbles: true } integers || !integers.ElementType.IsInt8())
            return false;
        if (node.OptionalInput(2) is null)
            return true;
        (int lowest, int highest) = integers.AsInt4().ElementType.IntegerRange();
        return node.ConstantInput(2) is { } zeros && zeros.ToInt32Array().All(z => z >= lowest && z <= highest);
    }
}
