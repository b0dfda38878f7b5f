// A model or data set that cannot be quantized.
namespace Int8Runtime.Quantization;

/// <summary>Quantization cannot go on; the message names the node, tensor or sample and the reason.</summary>
public sealed class QuantizationException : Exception
{
    /// <summary>Creates the exception.</summary>
    public QuantizationException(string message)
        : base(message)
    {
    }

    /// <summary>Creates the exception with its cause.</summary>
    public QuantizationException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
