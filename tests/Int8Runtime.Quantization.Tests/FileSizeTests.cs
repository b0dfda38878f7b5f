// Files of quantized models: small, and equal in meaning to the graph they were written from.
using Int8Runtime.Graph;
using Int8Runtime.Onnx;
using Int8Runtime.TestKit;
using Xunit.Abstractions;

namespace Int8Runtime.Quantization.Tests;

public sealed class FileSizeTests(ITestOutputHelper output)
{
    [Theory]
    [InlineData("mnist-8_cntk", 1, 28)]
    [InlineData("open-closed-eye-0001", 3, 32)]
    [InlineData("cifar10_resnet20", 3, 32)]
    [InlineData("cifar10_resnet44", 3, 32)]
    [InlineData("cifar10_resnet_3b2_adv", 3, 32)]
    [InlineData("cifar10_vit_pgd_2_3_16", 3, 32)]
    [InlineData("mobilenet_v1_0.75_224", 3, 224)]
    [InlineData("mobilenet_v2_fp32_from_qdq", 3, 224)]
    [InlineData("squeezenet1.1_fp32", 3, 224)]
    public void Quantized_classifiers_take_at_most_30_percent_of_the_f32_file(string name, int channels, int extent)
    {
        if (!ExternalData.TryGet($"data/onnx/{name}.onnx", out string? path))
            return;
        using CpuEngine engine = CpuEngine.Create();
        var sample = new SyntheticDataset([channels, extent, extent], 1);
        var options = new QuantizationOptions { SampleCount = 1, BiasCorrection = BiasCorrectionMode.None };
        ModelGraph quantized = new PostTrainingQuantizer(engine).Quantize(OnnxModel.Load(path), sample, options).Graph;
        using var file = new MemoryStream();
        OnnxModel.Save(quantized, file, OnnxFileForm.Compact);
        double ratio = (double)file.Length / new FileInfo(path).Length;
        output.WriteLine($"{name}: {file.Length} bytes, {ratio:F3}");
        Assert.True(ratio <= 0.30, $"{name}: {ratio:F4} of the f32 file");
        Assert.Equal(Run(engine, quantized, sample), Run(engine, OnnxModel.Load(file.ToArray()), sample));
    }

    private static float[] Run(CpuEngine engine, ModelGraph graph, SyntheticDataset sample)
    {
        using CompiledModel model = engine.Compile(graph);
        string input = model.Inputs[0].Name;
        using InferenceRequest request = model.CreateRequest(new Dictionary<string, Shape> { [input] = [1, .. sample.SampleShape] });
        sample.Load(0, request.Input().AsSpan<float>());
        request.Run();
        return request.Output(model.Outputs[0].Name).AsSpan<float>().ToArray();
    }
}
