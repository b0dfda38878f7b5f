// The table of lowerings by operator.
using System.Diagnostics.CodeAnalysis;

namespace Int8Runtime.Graph.Lowering;

/// <summary>Finds the lowering of an operator.</summary>
internal static class NodeLowerings
{
    private static readonly INodeLowering[] s_all =
    [
        new ConvolutionLowering(),
        new TransposedConvolutionLowering(),
        new MatrixLowering(),
        new PoolingLowering(),
        new ReductionLowering(),
        new EltwiseLowering(),
        new BinaryLowering(),
        new NormalizationLowering(),
        new MovementLowering(),
        new ResizeLowering(),
        new GridSampleLowering(),
        new QuantizationLowering(),
        new FakeQuantizeLowering(),
    ];

    private static readonly Dictionary<string, INodeLowering> s_byOpType = Index();

    /// <summary>All operators in the table, those of other domains with the domain in front.</summary>
    public static IEnumerable<string> AllOperators => s_byOpType.Keys;

    /// <summary>The standard operators in the table.</summary>
    public static IEnumerable<string> Operators => s_byOpType.Keys.Where(k => !OperatorDomains.IsForeign(k));

    /// <summary>The lowering of a node's operator.</summary>
    public static bool TryGet(GraphNode node, [NotNullWhen(true)] out INodeLowering? lowering)
    {
        return s_byOpType.TryGetValue(OperatorDomains.KeyOf(node), out lowering);
    }

    private static Dictionary<string, INodeLowering> Index()
    {
        var table = new Dictionary<string, INodeLowering>(StringComparer.Ordinal);
        foreach (INodeLowering lowering in s_all)
            foreach (string opType in lowering.OpTypes)
                table.Add(opType, lowering);
        return table;
    }
}
