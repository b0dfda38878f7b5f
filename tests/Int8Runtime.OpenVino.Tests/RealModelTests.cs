// The IR models of the external data: outputs of the reference, precision, and files written from them.
using Int8Runtime.Graph;
using Int8Runtime.Onnx;
using Int8Runtime.TestKit;
using Xunit.Abstractions;

namespace Int8Runtime.OpenVino.Tests;

public sealed class RealModelTests(ITestOutputHelper output)
{
    [Theory]
    [InlineData("squeezenet1.1-FP16-IR", 1e-3)]
    [InlineData("open-closed-eye-0001-FP32-IR", 1e-4)]
    [InlineData("landmarks-regression-retail-0009-FP32-IR", 1e-4)]
    [InlineData("pupils_segmentation-FP32-IR", 1e-4)]
    [InlineData("landmarks-regression-retail-0009-FP16-INT8-IR", 0.02)]
    [InlineData("mobilenet_v2_imagenette-INT8-IR", 0.02)]
    public void Outputs_are_those_of_the_reference_before_and_after_writing(string name, double tolerance)
    {
        if (!ExternalData.TryGet(Path.Combine("data", "reference", name), out string? folder))
            return;
        ModelGraph graph = OpenVinoModel.Load(PathOf(folder));
        using var files = new TemporaryFolder();
        ModelGraph written = files.RoundTrip(graph);
        using CpuEngine engine = CpuEngine.Create();
        foreach (string set in Directory.GetDirectories(folder, "test_data_set_*"))
        {
            float[][] inputs = [.. graph.Inputs.Select((_, i) => OnnxTensor.Load(Path.Combine(set, $"input_{i}.pb")).Data.ToSingleArray())];
            float[][] first = Running.Run(engine, graph, inputs), second = Running.Run(engine, written, inputs);
            for (int i = 0; i < graph.Outputs.Count; i++)
            {
                NamedTensor expected = OnnxTensor.Load(Path.Combine(set, $"output_{i}.pb"));
                Assert.Equal(expected.Name, graph.Outputs[i].Name);
                Assert.Equal(expected.Name, written.Outputs[i].Name);
                Running.AssertClose(expected.Data.ToSingleArray(), first[i], tolerance);
                Running.AssertClose(first[i], second[i], 1e-5);
            }
        }
    }

    [Theory]
    [InlineData("mobilenet_v2_imagenette-INT8", 52)]
    [InlineData("landmarks-regression-retail-0009-FP16-INT8", 8)]
    public void Quantized_models_compute_their_products_in_int8(string name, int products)
    {
        if (!ExternalData.TryGet(Path.Combine("data", "ir", name + ".xml"), out string? path))
            return;
        using CpuEngine engine = CpuEngine.Create();
        using CompiledModel model = engine.Compile(OpenVinoModel.Load(path));
        ModelExplanation plan = model.Explain();
        output.WriteLine(plan.ToString());
        NodeExplanation[] integer = [.. plan.Nodes.Where(n => n.OpType is "Conv" or "Gemm" or "MatMul" && n.IsInt8)];
        Assert.True(integer.Length >= products, $"{integer.Length} products in int8");
    }

    [Fact]
    public void Simulated_in_f32_a_quantized_model_gives_the_reference_closely()
    {
        if (!ExternalData.TryGet(Path.Combine("data", "reference", "mobilenet_v2_imagenette-INT8-IR"), out string? folder))
            return;
        using CpuEngine engine = CpuEngine.Create();
        ModelGraph graph = OpenVinoModel.Load(PathOf(folder));
        using CompiledModel simulated = engine.Compile(graph, new CompileOptions { DisabledPasses = ["fake-quantize-conversion"] });
        ModelExplanation plan = simulated.Explain();
        Assert.DoesNotContain(plan.Nodes, n => n.IsSlow);
        string set = Path.Combine(folder, "test_data_set_0");
        float[] expected = OnnxTensor.Load(Path.Combine(set, "output_0.pb")).Data.ToSingleArray();
        float[] actual = Running.Run(simulated, OnnxTensor.Load(Path.Combine(set, "input_0.pb")).Data.ToSingleArray())[0];
        output.WriteLine($"largest difference {expected.Zip(actual, (e, a) => Math.Abs(e - a)).Max()}; {plan}");
        Running.AssertClose(expected, actual, 0.02);
    }

    [Fact]
    public void C17_quantized_weights_are_stored_as_integers()
    {
        if (!ExternalData.TryGet(Path.Combine("data", "onnx", "mobilenet_v2_qdq_int8.onnx"), out string? path)
            || !ExternalData.TryGet(Path.Combine("data", "onnx", "mobilenet_v2_fp32_from_qdq.onnx"), out string? f32Path))
            return;
        using var files = new TemporaryFolder();
        OpenVinoModel.Save(OnnxModel.Load(path), files["int8.xml"]);
        OpenVinoModel.Save(OnnxModel.Load(f32Path), files["f32.xml"]);
        long Size(string file) => new FileInfo(files[file]).Length;
        double weights = (double)Size("int8.bin") / Size("f32.bin"),
            all = (double)(Size("int8.bin") + Size("int8.xml")) / (Size("f32.bin") + Size("f32.xml"));
        output.WriteLine($"{weights:P1}, with the .xml files {all:P1}");
        Assert.True(weights <= 0.28 && all <= 0.28, $"{weights:P1}, with the .xml files {all:P1}");
    }

    private static string PathOf(string folder) =>
        Path.GetFullPath(Path.Combine(folder, File.ReadAllText(Path.Combine(folder, "model.path")).Trim()));
}
