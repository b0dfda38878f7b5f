// Real numbers of any width, as what judges models reads them.
using Int8Runtime.Graph;

namespace Int8Runtime.Quantization;

/// <summary>Reads tensors of f32, f16 and bf16 alike.</summary>
internal static class RealValues
{
    /// <summary>Whether a tensor holds such numbers.</summary>
    public static bool IsReal(DataType type) => type is DataType.Float32 or DataType.Float16 or DataType.BFloat16;

    /// <summary>The elements as f32: the memory itself, or a copy where they are narrower.</summary>
    public static ReadOnlySpan<float> Of(TensorMemory memory) => memory.Descriptor.DataType == DataType.Float32
        ? memory.AsSpan<float>()
        : new TensorData(memory.Descriptor.DataType, memory.Descriptor.Dimensions, SampleFeed.BytesOf(memory).ToArray()).ToSingleArray();
}
