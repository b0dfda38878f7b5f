// Trained models agree with their f32 form after quantization.
using Int8Runtime.Graph;
using Int8Runtime.Onnx;
using Int8Runtime.TestKit;
using Xunit.Abstractions;

namespace Int8Runtime.Quantization.Tests;

public sealed class RealModelTests(ITestOutputHelper output)
{
    [Theory]
    [InlineData("mobilenet_v1_0.75_224", "imagenet", "mobilenet", QuantizationPreset.Mixed)]
    [InlineData("squeezenet1.1_fp32", "imagenet", "caffe", QuantizationPreset.Mixed)]
    [InlineData("cifar10_resnet20", "cifar10/test_5000.bin", "cifar10", QuantizationPreset.Mixed)]
    [InlineData("cifar10_resnet20", "cifar10/test_5000.bin", "cifar10", QuantizationPreset.Performance)]
    public void Quantized_classifiers_agree_with_f32(string name, string data, string preprocess, QuantizationPreset preset)
    {
        if (!ExternalData.TryGet($"data/onnx/{name}.onnx", out string? path) || !ExternalData.TryGet($"data/{data}", out string? images))
            return;
        using CpuEngine engine = CpuEngine.Create();
        ModelGraph f32 = OnnxModel.Load(path);
        IDataset all = DatasetFactory.Open(images, Preprocessing.FromPreset(preprocess), requireLabels: true);
        QuantizationResult result = new PostTrainingQuantizer(engine)
            .Quantize(f32, all, new QuantizationOptions { SampleCount = 40, Preset = preset });
        IDataset samples = all.Subset(60);
        int[] before = new int[60], after = new int[60];
        TopKAccuracy accuracy = ClassificationEvaluator.Evaluate(engine, f32, samples, predictions: before);
        TopKAccuracy quantized = ClassificationEvaluator.Evaluate(engine, result.Graph, samples, predictions: after);
        int same = before.Zip(after).Count(p => p.First == p.Second);
        output.WriteLine($"{name}, {preset}: f32 {accuracy.Top1:P1}, int8 {quantized.Top1:P1}, same class {same} of 60");
        Assert.True(accuracy.Top1 > 0.4, $"f32 is right for {accuracy.Top1:P0} only");
        Assert.True(same >= 54, $"{same} of 60 agree");
    }
}
