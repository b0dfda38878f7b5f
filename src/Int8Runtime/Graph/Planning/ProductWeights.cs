// Weights and biases of products, as the kernels want them.
using Int8Runtime.Graph.Lowering;

namespace Int8Runtime.Graph.Planning;

/// <summary>Known weights: s8 with their quantization, or f32.</summary>
/// <param name="Content">The constant, its dimensions as in the model.</param>
/// <param name="Quantization">What the integers stand for; null for real numbers.</param>
internal sealed record ProductWeights(TensorData Content, Quantization? Quantization)
{
    /// <summary>Reads weights that are constant, or a constant that is dequantized.</summary>
    public static ProductWeights Of(Operand operand, WeightsStore store)
    {
        if (operand.Quantization is { } quantization)
        {
            // u8 with zero point z is s8 with zero point z − 128.
            TensorData integers = operand.Edge.Constant!;
            return quantization.Type == DataType.UInt8
                ? new ProductWeights(store.ToSigned(integers), quantization.Shifted(DataType.Int8, -128))
                : new ProductWeights(integers, quantization);
        }

        return operand.Dequantized() is { } dequantized
            ? new ProductWeights(store.ToReal(dequantized.Edge.Constant!, dequantized.Quantization!), null)
            : new ProductWeights(operand.Edge.Constant!, null);
    }

    /// <summary>The bias in f32; null where there is none.</summary>
    public static (MemoryDescriptor Descriptor, Location Location)? Bias(Operand? operand, int channels, WeightsStore store)
    {
        if (operand is null)
            return null;
        Operand origin = operand.Dequantized() ?? operand;
        TensorData content = origin.Edge.Constant ?? throw new ArgumentException($"the bias '{operand.Edge.Name}' is not constant");
        if (origin.Quantization is { } quantization)
            content = store.ToReal(content, quantization);
        if (content.ElementCount != channels)
            throw new ArgumentException($"the bias has {content.ElementCount} elements for {channels} channels");
        var descriptor = new MemoryDescriptor([channels], DataType.Float32);
        return (descriptor, new Location(descriptor, null, store.Get(content, descriptor, descriptor)));
    }
}
