// A case of the ONNX conformance suite: a model and sets of inputs with expected outputs.
using Int8Runtime.Graph;

namespace Int8Runtime.Onnx.Tests;

internal sealed record ConformanceCase(string Name, ModelGraph Model, IReadOnlyList<TensorData> Inputs, IReadOnlyList<TensorData> Outputs)
{
    /// <summary>Reads a case folder (its first data set).</summary>
    public static ConformanceCase Load(string folder)
    {
        string data = Path.Combine(folder, "test_data_set_0");
        return new ConformanceCase(
            Path.GetFileName(folder), OnnxModel.Load(Path.Combine(folder, "model.onnx")), LoadAll(data, "input_"),
            LoadAll(data, "output_"));
    }

    private static TensorData[] LoadAll(string folder, string prefix)
    {
        int count = Directory.GetFiles(folder, prefix + "*.pb").Length;
        return [.. Enumerable.Range(0, count).Select(i => OnnxTensor.Load(Path.Combine(folder, $"{prefix}{i}.pb")).Data)];
    }
}
