// Whole models against ONNX Runtime.
using Int8Runtime.Graph;
using Int8Runtime.Onnx;

namespace Int8Runtime.Benchmarks.OnnxRuntime;

/// <summary>Runs models on both sides with the same inputs.</summary>
/// <param name="library">Path of libonnxruntime.</param>
/// <param name="threads">Threads of both sides.</param>
/// <param name="seconds">Time for each side of a model.</param>
/// <param name="progress">Where a line for each model goes.</param>
internal sealed class ModelComparison(string library, int threads, double seconds, TextWriter progress)
{
    /// <summary>Environment variable with the default path of the library.</summary>
    public const string LibraryVariable = "ORT_LIBRARY";

    /// <summary>Name of the library where no path is given.</summary>
    public const string DefaultLibrary = "libonnxruntime.so.1";

    /// <summary>Compares the models of a list.</summary>
    public ResultTable Run(string title, IEnumerable<string> models)
    {
        using CpuEngine engine = CpuEngine.Create(new CpuEngineOptions { Threads = threads });
        OrtApi? api = OrtApi.TryOpen(library);
        var table = new ResultTable(
            title, api is null ? $"ONNX Runtime is not installed ('{library}' was not found), so only ours is timed"
                : $"ONNX Runtime {api.Version}", Processor.Describe(engine));
        table.Pin(threads);
        foreach (string path in models)
        {
            try
            {
                Compare(engine, api, path, table);
            }
            catch (Exception exception) when (exception is ModelFormatException or ModelCompilationException or NotSupportedException)
            {
                table.Remarks.Add($"{Path.GetFileName(path)}: {exception.Message.ReplaceLineEndings(" ")}");
            }
        }

        return table;
    }

    private void Compare(CpuEngine engine, OrtApi? api, string path, ResultTable table)
    {
        ModelGraph graph = OnnxModel.Load(path);
        using CompiledModel model = engine.Compile(graph);
        using InferenceRequest request = model.CreateRequest(batch: null);
        (string Name, TensorMemory Value)[] inputs = [.. model.Inputs.Select(i => (i.Name, request.Input(i.Name)))];
        string[] outputs = [.. model.Outputs.Select(o => o.Name)];
        var random = new Random(1);
        foreach ((_, TensorMemory value) in inputs)
            TestData.Fill(value, random);
        request.Run();
        string name = Path.GetFileName(path) is "model.onnx" ? Path.GetFileName(Path.GetDirectoryName(path))! : Path.GetFileName(path);
        OrtSession? session = null;
        double? difference = null;
        try
        {
            if (api is not null)
            {
                session = new OrtSession(api, path, threads, inputs, outputs);
                session.Run();
                difference = Difference(request, session, model);
            }
        }
        catch (OrtException exception)
        {
            table.Remarks.Add($"{name}: ONNX Runtime refuses it ({exception.Message.ReplaceLineEndings(" ")})");
        }

        using (session)
        {
            List<Action> sides = [request.Run];
            if (session is not null)
                sides.Add(session.Run);
            Timing[] timings = new PairedTimer(seconds, hasWorkers: threads > 1 && session is not null).Measure([.. sides]);
            table.Rows.Add(new ResultRow(name, 0, timings[0], session is null ? null : timings[1], 0, "", difference));
        }

        ResultRow row = table.Rows[^1];
        progress.WriteLine(FormattableString.Invariant(
            $"{row.Name}: {row.Ours.Minimum * 1e3:F3} ms, ratio {row.Ratio:F2}, difference {row.Difference:G2}"));
    }

    // The largest difference of all f32 outputs relative to the largest value of any of them: an output may be all zeros on one
    // side and underflow on the other. The layers of quantized models may round differently.
    private static double? Difference(InferenceRequest request, OrtSession session, CompiledModel model)
    {
        (double Difference, double Magnitude)? largest = null;
        for (int i = 0; i < model.Outputs.Count; i++)
        {
            if (model.Outputs[i].ElementType != DataType.Float32)
                continue;
            ReadOnlySpan<float> ours = request.Output(model.Outputs[i].Name).AsSpan<float>(), theirs = session.Output(i);
            if (ours.Length != theirs.Length)
                return double.PositiveInfinity;
            (double difference, double magnitude) = TestData.Largest(ours, theirs);
            largest = (Math.Max(largest?.Difference ?? 0, difference), Math.Max(largest?.Magnitude ?? 0, magnitude));
        }

        return largest is not { } values ? null : values.Difference == 0 ? 0 : values.Difference / values.Magnitude;
    }
}
