// Elements of fewer than 8 bits in tensor files.
using Int8Runtime.Graph;

namespace Int8Runtime.Onnx.Tests;

public sealed class PackedElementTests
{
    [Theory]
    [InlineData(DataType.Int4, 3)]
    [InlineData(DataType.UInt4, 8)]
    [InlineData(DataType.Int2, 5)]
    [InlineData(DataType.UInt2, 7)]
    [InlineData(DataType.Float4E2M1, 1)]
    [InlineData(DataType.Float8E5M2, 3)]
    [InlineData(DataType.UInt32, 3)]
    [InlineData(DataType.UInt64, 2)]
    public void Tensors_survive_a_round_trip(DataType type, int count)
    {
        string path = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.pb");
        TensorData content = TensorData.Vector<long>([.. Enumerable.Range(0, count).Select(i => (long)(i * 5 % 7) - 2)]).ConvertTo(type);
        try
        {
            OnnxTensor.Save(new NamedTensor("t", content), path);
            Assert.True(content.ContentEquals(OnnxTensor.Load(path).Data));
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void The_first_element_has_the_low_bits()
    {
        Assert.Equal([0x21, 0x03], PackedElements.Pack(DataType.UInt4, [1, 2, 3]));
        Assert.Equal([0xE4], PackedElements.Pack(DataType.UInt2, [0, 1, 2, 3]));
        Assert.Equal([0xFF, 0x07], PackedElements.Unpack(DataType.Int4, [0x7F], 2));
    }
}
