// The domains of operators that a graph may hold.
namespace Int8Runtime.Graph;

/// <summary>Names of operator domains. Operators of ONNX have the empty domain.</summary>
public static class OperatorDomains
{
    /// <summary>Operators that only OpenVINO has, under the name by which ONNX files of the field refer to them.</summary>
    public const string OpenVino = "org.openvinotoolkit";

    /// <summary>The name by which tables of operators find the operator of a node.</summary>
    internal static string KeyOf(GraphNode node) => KeyOf(node.Domain, node.OpType);

    /// <summary>The name by which tables of operators find an operator.</summary>
    internal static string KeyOf(string domain, string opType) => domain.Length == 0 ? opType : domain + "." + opType;

    /// <summary>Whether such a name is that of an operator outside of the standard.</summary>
    internal static bool IsForeign(string key) => key.Contains('.', StringComparison.Ordinal);
}
