// Runs small models in tests.
using Int8Runtime.Graph;

namespace Int8Runtime.Quantization.Tests.Algorithms;

internal static class Model
{
    public static QuantizationResult Quantize(ModelGraph model, IDataset samples, QuantizationOptions options)
    {
        using CpuEngine engine = CpuEngine.Create();
        return new PostTrainingQuantizer(engine).Quantize(model, samples, options);
    }

    /// <summary>An output (or observed value) for one sample.</summary>
    public static float[] Run(ModelGraph graph, IDataset samples, int sample, string? value = null)
    {
        using CpuEngine engine = CpuEngine.Create(new CpuEngineOptions { Threads = 1 });
        using CompiledModel model = engine.Compile(graph, new CompileOptions { Observe = value is null ? [] : [value] });
        using InferenceRequest request = model.CreateRequest(1);
        samples.Load(sample, request.Input().AsSpan<float>());
        request.Run();
        return request.Output(value).AsSpan<float>().ToArray();
    }

    /// <summary>Means of the channels of the first output over all samples.</summary>
    public static double[] ChannelMeans(ModelGraph graph, IDataset samples)
    {
        using CpuEngine engine = CpuEngine.Create(new CpuEngineOptions { Threads = 1 });
        using CompiledModel model = engine.Compile(graph);
        using InferenceRequest request = model.CreateRequest(1);
        double[] means = [];
        for (int s = 0; s < samples.Count; s++)
        {
            samples.Load(s, request.Input().AsSpan<float>());
            request.Run();
            TensorMemory output = request.Output();
            int channels = output.Descriptor.Dimensions[1];
            ReadOnlySpan<float> values = output.AsSpan<float>();
            int plane = values.Length / channels;
            if (means.Length == 0)
                means = new double[channels];
            for (int i = 0; i < values.Length; i++)
                means[i / plane] += values[i] / ((double)plane * samples.Count);
        }

        return means;
    }

    /// <summary>Power of the difference as a share of the power of the signal.</summary>
    public static double NoisePower(float[] expected, float[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        return expected.Zip(actual).Sum(p => Math.Pow(p.First - (double)p.Second, 2)) / expected.Sum(v => (double)v * v);
    }
}
