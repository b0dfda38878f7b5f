// TensorData → TensorProto, always as raw bytes.
using Google.Protobuf;
using Int8Runtime.Graph;
using Int8Runtime.Onnx.Proto;

namespace Int8Runtime.Onnx.Export;

/// <summary>Writes tensors.</summary>
internal static class TensorWriter
{
    /// <summary>A message that shares the bytes of the tensor.</summary>
    public static TensorProto Write(string name, TensorData tensor)
    {
        var proto = new TensorProto
        {
            Name = name,
            DataType = ElementTypeCodes.ToCode(tensor.ElementType),
            RawData = UnsafeByteOperations.UnsafeWrap(
                PackedElements.BitsOf(tensor.ElementType) < 8 && !tensor.ElementType.IsInt4()
                    ? PackedElements.Pack(tensor.ElementType, tensor.Bytes.Span) : tensor.StoredBytes),
        };
        foreach (int extent in tensor.Shape)
            proto.Dims.Add(extent);
        return proto;
    }
}
