// The content of Constant nodes.
using Int8Runtime.Graph;

namespace Int8Runtime.Onnx.Import;

/// <summary>Reads the one attribute that a Constant node has, in any of its forms.</summary>
internal static class ConstantNode
{
    public static TensorData Read(GraphAttributes attributes)
    {
        if (attributes.GetTensor("value") is { } tensor)
            return tensor;
        if (attributes.Contains("value_float"))
            return TensorData.Scalar(attributes.GetSingle("value_float"));
        if (attributes.Contains("value_int"))
            return TensorData.Scalar(attributes.GetInteger("value_int"));
        if (attributes.GetSingles("value_floats") is { } reals)
            return TensorData.Vector<float>(reals);
        if (attributes.GetIntegers("value_ints") is { } integers)
            return TensorData.Vector<long>(integers);
        if (attributes.Contains("value_string") || attributes.Contains("value_strings"))
            throw new UnsupportedModelException($"{attributes.Owner} holds text, which is not supported.");
        throw new ModelFormatException($"{attributes.Owner} holds no value. The file is damaged.");
    }
}
