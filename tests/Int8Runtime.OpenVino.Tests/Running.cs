// Runs models on tensors.
using Int8Runtime.Graph;

namespace Int8Runtime.OpenVino.Tests;

internal static class Running
{
    /// <summary>All outputs in the order of the model, for one value list for each input.</summary>
    public static float[][] Run(Engine engine, ModelGraph graph, params float[][] inputs)
    {
        using CompiledModel model = engine.Compile(graph);
        return Run(model, inputs);
    }

    public static float[][] Run(CompiledModel model, params float[][] inputs)
    {
        using InferenceRequest request = model.CreateRequest();
        for (int i = 0; i < inputs.Length; i++)
            inputs[i].CopyTo(request.Input(model.Inputs[i].Name).AsSpan<float>());
        request.Run();
        return [.. model.Outputs.Select(o => Reals(request.Output(o.Name)))];
    }

    public static float[] Random(int count, int seed, float scale = 1)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => (float)((random.NextDouble() * 2) - 1) * scale)];
    }

    public static void AssertClose(float[] expected, float[] actual, double tolerance)
    {
        Assert.Equal(expected.Length, actual.Length);
        double range = expected.Max(v => Math.Abs((double)v));
        for (int i = 0; i < expected.Length; i++)
            Assert.True(Math.Abs((double)expected[i] - actual[i]) <= tolerance * Math.Max(range, 1e-6),
                $"element {i}: {actual[i]} instead of {expected[i]} (range {range})");
    }

    private static float[] Reals(TensorMemory memory) => memory.Descriptor.DataType switch
    {
        DataType.Float32 => memory.AsSpan<float>().ToArray(),
        DataType.Int64 => [.. memory.AsSpan<long>().ToArray().Select(v => (float)v)],
        DataType.Int32 => [.. memory.AsSpan<int>().ToArray().Select(v => (float)v)],
        _ => [.. memory.AsSpan<byte>().ToArray().Select(v => (float)v)],
    };
}
