// AttributeProto → attribute values of the graph.
using Google.Protobuf;
using Int8Runtime.Graph;
using Int8Runtime.Onnx.Proto;
using Kind = Int8Runtime.Onnx.Proto.AttributeProto.Types.Kind;

namespace Int8Runtime.Onnx.Import;

/// <summary>Reads the attributes of nodes.</summary>
internal static class AttributeReader
{
    /// <summary>Reads all attributes of a node.</summary>
    /// <exception cref="UnsupportedModelException">An attribute holds a sub-graph, a sparse tensor or a
    /// type.</exception>
    public static GraphAttributes Read(NodeProto node, string subject, TensorReader tensors)
    {
        var attributes = new GraphAttributes(subject);
        foreach (AttributeProto attribute in node.Attribute)
        {
            if (attributes.Contains(attribute.Name))
                throw new ModelFormatException(
                    $"{subject} has the attribute '{attribute.Name}' twice. The file is damaged.");
            attributes.Add(attribute.Name, ReadValue(attribute, subject, tensors));
        }
        return attributes;
    }

    private static object ReadValue(AttributeProto attribute, string subject, TensorReader tensors)
    {
        Kind kind = attribute.Type == Kind.Undefined ? GuessKind(attribute) : attribute.Type;
        return kind switch
        {
            Kind.Float => attribute.F,
            Kind.Int => attribute.I,
            Kind.String => attribute.S.ToStringUtf8(),
            Kind.Tensor when attribute.T is not null => tensors.Read(attribute.T, $"{subject}, attribute '{attribute.Name}'"),
            Kind.Tensor => throw new ModelFormatException(
                $"{subject}: the tensor of attribute '{attribute.Name}' is missing. The file is damaged."),
            Kind.Floats => attribute.Floats.ToArray(),
            Kind.Ints => attribute.Ints.ToArray(),
            Kind.Strings => attribute.Strings.Select(s => s.ToStringUtf8()).ToArray(),
            Kind.Graph or Kind.Graphs => throw new UnsupportedModelException(
                $"{subject} has a sub-graph (attribute '{attribute.Name}'); control flow is supported only as If with a "
                    + "constant condition. "
                + "Export the model without it."),
            _ => throw new UnsupportedModelException(
                $"{subject}: attribute '{attribute.Name}' is of kind {kind}, which is not supported."),
        };
    }

    // Files of the first ONNX versions leave the kind out.
    private static Kind GuessKind(AttributeProto attribute) => attribute switch
    {
        { HasF: true } => Kind.Float,
        { HasI: true } => Kind.Int,
        { HasS: true } => Kind.String,
        { T: not null } => Kind.Tensor,
        { G: not null } => Kind.Graph,
        { Floats.Count: > 0 } => Kind.Floats,
        { Strings.Count: > 0 } => Kind.Strings,
        _ => Kind.Ints,
    };
}
