// Runs a compiled model on tensors in managed memory.
using System.Runtime.InteropServices;
using Int8Runtime.Graph;

namespace Int8Runtime.Cli;

/// <summary>One inference from named tensors to named tensors.</summary>
internal static class ModelRunner
{
    /// <summary>Runs the model once for the shapes of the given inputs.</summary>
    public static IReadOnlyDictionary<string, TensorData> Run(CompiledModel model, IReadOnlyDictionary<string, TensorData> inputs)
    {
        using InferenceRequest request = model.CreateRequest(inputs.ToDictionary(i => i.Key, i => i.Value.Shape));
        foreach ((string name, TensorData tensor) in inputs)
            tensor.Bytes.Span.CopyTo(BytesOf(request.Input(name)));
        request.Run();
        var outputs = new Dictionary<string, TensorData>(StringComparer.Ordinal);
        foreach (string name in model.Outputs.Select(o => o.Name))
        {
            TensorMemory output = request.Output(name);
            outputs[name] = new TensorData(output.Descriptor.DataType, output.Descriptor.Dimensions, BytesOf(output).ToArray());
        }

        return outputs;
    }

    private static Span<byte> BytesOf(TensorMemory memory) => memory.Descriptor.DataType.SizeInBytes() switch
    {
        1 => memory.AsSpan<byte>(),
        2 => MemoryMarshal.AsBytes(memory.AsSpan<ushort>()),
        4 => MemoryMarshal.AsBytes(memory.AsSpan<float>()),
        _ => MemoryMarshal.AsBytes(memory.AsSpan<long>()),
    };
}
