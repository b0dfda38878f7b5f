// Attributes whose value is the one that the operator takes without them.
using Int8Runtime.Graph;

namespace Int8Runtime.Onnx.Export;

/// <summary>Knows the defaults of the attributes that exporters tend to write out.</summary>
internal static class AttributeDefaults
{
    /// <summary>Whether the file means the same without the attribute.</summary>
    public static bool IsRedundant(GraphNode node, string name, object value)
    {
        if (node.Domain.Length > 0)
            return false;
        bool isWindow = node.OpType is "Conv" or "ConvInteger" or "ConvTranspose" or "MaxPool" or "AveragePool";
        return (node.OpType, name) switch
        {
            (_, "strides" or "dilations") when isWindow => value is long[] steps && Array.TrueForAll(steps, s => s == 1),
            (_, "pads") when isWindow => value is long[] pads && Array.TrueForAll(pads, p => p == 0),
            (_, "auto_pad") when isWindow => value is "NOTSET",
            (_, "group") when isWindow => value is 1L,
            (_, "ceil_mode" or "count_include_pad" or "storage_order") when isWindow => value is 0L,
            ("Conv" or "ConvInteger", "kernel_shape") => WeightsOf(node) is { } weights && IsKernelOf(value, weights.Shape[2..]),
            ("Gemm", "alpha" or "beta") => value is 1f,
            ("Gemm", "transA" or "transB") => value is 0L,
            ("QuantizeLinear" or "DequantizeLinear", "axis") => value is 1L || node.ConstantInput(1) is { Rank: 0 },
            ("Softmax" or "LogSoftmax", "axis") => value is -1L,
            ("Flatten", "axis") => value is 1L,
            ("BatchNormalization" or "LayerNormalization" or "InstanceNormalization", "epsilon") => value is 1e-5f,
            _ => false,
        };
    }

    private static bool IsKernelOf(object value, Shape taps) => value is long[] kernel && kernel.SequenceEqual(taps.Select(t => (long)t));

    // The weights of a quantized model stand behind a dequantizer.
    private static TensorData? WeightsOf(GraphNode node) => node.ConstantInput(1)
        ?? (node.OptionalInput(1)?.Producer is { } producer && producer.Is("DequantizeLinear") ? producer.ConstantInput(0) : null);
}
