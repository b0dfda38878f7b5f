// Runs models on random inputs and compares results.
using Int8Runtime.Graph;

namespace Int8Runtime.Tests.Graph.Compilation;

internal static class Runner
{
    /// <summary>All outputs, one after the other, for inputs in [−1, 1) that depend on the seed alone.</summary>
    public static float[] Run(InferenceRequest request, int seed = 3)
    {
        Fill(request, seed);
        request.Run();
        return Outputs(request);
    }

    public static void Fill(InferenceRequest request, int seed)
    {
        var random = new Random(seed);
        foreach (ModelPort input in request.Model.Inputs)
        {
            foreach (ref float value in request.Input(input.Name).AsSpan<float>())
                value = (float)((random.NextDouble() * 2) - 1);
        }
    }

    public static float[] Outputs(InferenceRequest request) =>
        [.. request.Model.Outputs.SelectMany(o => request.Output(o.Name).AsSpan<float>().ToArray())];

    public static float[] Run(Engine engine, ModelGraph graph, CompileOptions? options = null, int? batch = null)
    {
        using CompiledModel model = engine.Compile(graph, options);
        using InferenceRequest request = model.CreateRequest(batch);
        return Run(request);
    }

    public static void AssertClose(float[] expected, float[] actual, float tolerance)
    {
        Assert.Equal(expected.Length, actual.Length);
        float range = expected.Max(MathF.Abs);
        for (int i = 0; i < expected.Length; i++)
            Assert.True(MathF.Abs(expected[i] - actual[i]) <= tolerance * Math.Max(1, range),
                $"element {i}: {actual[i]} instead of {expected[i]}");
    }

    /// <summary>
    /// Compiles with all passes and with none of them: the results agree. Returns the explanation of the optimized model.
    /// </summary>
    public static ModelExplanation AssertPassesKeepResults(ModelGraph graph, float tolerance = 1e-5f)
    {
        using var engine = new ReferenceEngine();
        float[] plain = Run(engine, graph, new CompileOptions { DisabledPasses = CompiledModel.PassNames });
        using CompiledModel model = engine.Compile(graph);
        using InferenceRequest request = model.CreateRequest();
        AssertClose(plain, Run(request), tolerance);
        AssertClose(plain, Run(request), tolerance);   // a second run finds nothing destroyed
        return model.Explain();
    }
}
