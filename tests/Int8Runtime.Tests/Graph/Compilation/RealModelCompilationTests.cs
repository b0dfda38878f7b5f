// Real models on real images, against stored outputs.
using Int8Runtime.Graph;
using Int8Runtime.Onnx;
using Int8Runtime.TestKit;

namespace Int8Runtime.Tests.Graph.Compilation;

public sealed class RealModelCompilationTests
{
    // f32: relative to the range of the output; quantized: absolute, in units of the output (a few quantization steps).
    [Theory]
    [InlineData("mnist-8_cntk", 1e-3, 0)]
    [InlineData("cifar10_resnet20", 1e-3, 0)]
    [InlineData("cifar10_resnet44", 1e-3, 0)]
    [InlineData("squeezenet1.1_fp32", 1e-3, 0)]
    [InlineData("mobilenet_v1_0.75_224", 1e-3, 0)]
    [InlineData("mobilenet_v2_fp32_from_qdq", 1e-3, 0)]
    [InlineData("mobilenet_v2_qdq_int8", 0, 0.11)]
    [InlineData("mobilenet_v2_tf2_ptq_qdq_int8", 0, 0.32)]
    [InlineData("open-closed-eye-0001", 1e-3, 0)]
    public void Outputs_agree_with_the_stored_ones(string name, double relative, double absolute)
    {
        if (!ExternalData.TryGet(Path.Combine("data", "reference", name), out string? folder))
            return;
        string stored = Path.Combine(folder, "model.onnx"), link = Path.Combine(folder, "model.path");
        string path = File.Exists(stored) ? stored : Path.GetFullPath(Path.Combine(folder, File.ReadAllText(link).Trim()));
        using CpuEngine engine = CpuEngine.Create();
        using CompiledModel model = engine.Compile(OnnxModel.Load(path));
        foreach (string set in Directory.GetDirectories(folder, "test_data_set_*"))
        {
            TensorData[] inputs = [.. model.Inputs.Select((_, i) => OnnxTensor.Load(Path.Combine(set, $"input_{i}.pb")).Data)];
            using InferenceRequest request =
                model.CreateRequest(model.Inputs.Zip(inputs).ToDictionary(p => p.First.Name, p => p.Second.Shape));
            foreach ((ModelPort port, TensorData data) in model.Inputs.Zip(inputs))
                data.AsSpan<float>().CopyTo(request.Input(port.Name).AsSpan<float>());
            request.Run();
            for (int i = 0; i < model.Outputs.Count; i++)
            {
                float[] expected = OnnxTensor.Load(Path.Combine(set, $"output_{i}.pb")).Data.ToSingleArray();
                double bound = (relative * (expected.Max() - expected.Min())) + absolute;
                float[] actual = request.Output(model.Outputs[i].Name).AsSpan<float>().ToArray();
                double worst = expected.Zip(actual, (e, a) => Math.Abs((double)e - a)).Max();
                Assert.True(worst <= bound, $"{set}, output {i}: off by {worst}, allowed {bound}");
            }
        }
    }
}
