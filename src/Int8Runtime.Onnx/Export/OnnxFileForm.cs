// How a model file is written.
namespace Int8Runtime.Onnx;

/// <summary>What a model file holds besides what the model computes.</summary>
public enum OnnxFileForm
{
    /// <summary>Everything that the graph states.</summary>
    Complete,

    /// <summary>
    /// The smallest file of the same meaning: equal constants are stored once, values inside of the graph get short names,
    /// attributes that equal their defaults and the description are left out, and so are the names of quantizers and dequantizers.
    /// Names of inputs, outputs and all other nodes stay.
    /// </summary>
    Compact,
}
