// One ONNX test-case folder: a model, inputs and expected outputs.
using Int8Runtime.Graph;
using Int8Runtime.Onnx;

namespace Int8Runtime.Cli;

/// <summary>How a test case ended.</summary>
internal enum TestOutcome
{
    /// <summary>Every output is within the limits.</summary>
    Passed,

    /// <summary>An output differs, or the run broke.</summary>
    Failed,

    /// <summary>The model uses something that is not supported.</summary>
    Unsupported,
}

/// <summary>The result of one test case.</summary>
/// <param name="Name">Name of the folder.</param>
/// <param name="Outcome">How it ended.</param>
/// <param name="Detail">The largest difference, the defect, or what is unsupported.</param>
internal sealed record TestCaseResult(string Name, TestOutcome Outcome, string Detail);

/// <summary>Finds and runs test cases.</summary>
internal static class TestCase
{
    /// <summary>The case folders at or directly below <paramref name="folder"/>.</summary>
    /// <exception cref="UsageException">There is no such folder.</exception>
    public static IEnumerable<string> Find(string folder)
    {
        if (!Directory.Exists(folder))
            throw new UsageException($"there is no folder '{folder}'");
        return IsCase(folder)
            ? [folder]
            : Directory.GetDirectories(folder).Where(IsCase).Order(StringComparer.Ordinal);
    }

    /// <summary>Runs every data set of a case.</summary>
    public static TestCaseResult Run(CpuEngine engine, string folder, ComparisonLimits limits)
    {
        string name = Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder)));
        try
        {
            ModelGraph graph = ModelFile.Load(ModelPath(folder));
            using CompiledModel? general = TryCompile(engine, graph);
            string[] sets = [.. Directory.GetDirectories(folder, "test_data_set_*").Order(StringComparer.Ordinal)];
            if (sets.Length == 0)
                return new TestCaseResult(name, TestOutcome.Failed, "the case has no test_data_set_* folder");
            var worst = new Comparison(true, -1, "");
            foreach (string set in sets)
            {
                Comparison result = RunSet(engine, general, graph, name, set, limits);
                if (!result.Passed)
                    return new TestCaseResult(name, TestOutcome.Failed, $"{Path.GetFileName(set)}: {result.Detail}");
                worst = result.Share > worst.Share ? result : worst;
            }

            return new TestCaseResult(name, TestOutcome.Passed, worst.Detail);
        }
        catch (Exception exception) when (
            exception is ModelCompilationException or UnsupportedPrimitiveException or UnsupportedModelException)
        {
            return new TestCaseResult(name, TestOutcome.Unsupported, OneLine(exception.Message));
        }
        catch (Exception exception) when (exception is ModelFormatException or IOException or UsageException)
        {
            return new TestCaseResult(name, TestOutcome.Failed, OneLine(exception.Message));
        }
        catch (Exception exception)
        {
            // A defect that one case meets must not hide the results of the others.
            return new TestCaseResult(name, TestOutcome.Failed,
                OneLine($"internal error: {exception.GetType().Name}: {exception.Message}"));
        }
    }

    // Null where the general model cannot be compiled because shapes depend on the content of inputs.
    private static CompiledModel? TryCompile(CpuEngine engine, ModelGraph graph)
    {
        try
        {
            return engine.Compile(graph);
        }
        catch (ModelCompilationException) when (graph.Inputs.Count > 1)
        {
            return null;
        }
    }

    // The inputs beside the first one, such as axes and sizes, as the constants that exported models have in their place.
    private static ModelGraph WithConstants(ModelGraph graph, Dictionary<string, TensorData> inputs)
    {
        ModelGraph result = graph.Clone();
        foreach (GraphValue input in result.Inputs.Skip(1).Where(input => !input.IsGraphOutput))
            result.ReplaceUses(input, result.AddConstant(input.Name + ":content", inputs[input.Name]));
        return result;
    }

    private static string OneLine(string message) => message.ReplaceLineEndings("; ");

    private static bool IsCase(string folder) =>
        File.Exists(Path.Combine(folder, "model.onnx")) || File.Exists(Path.Combine(folder, "model.path"));

    private static string ModelPath(string folder)
    {
        string model = Path.Combine(folder, "model.onnx");
        return File.Exists(model)
            ? model
            : Path.GetFullPath(Path.Combine(folder, File.ReadAllText(Path.Combine(folder, "model.path")).Trim()));
    }

    private static bool HasDataDependentShapes(CompiledModel model, Dictionary<string, TensorData> inputs)
    {
        using InferenceRequest request = model.CreateRequest(inputs.ToDictionary(i => i.Key, i => i.Value.Shape));
        return request.HasDataDependentShapes;
    }

    // The output that differs most, or the first whose difference is not allowed.
    private static Comparison RunSet(
        CpuEngine engine, CompiledModel? general, ModelGraph graph, string name, string set, ComparisonLimits limits)
    {
        var inputs = new Dictionary<string, TensorData>(StringComparer.Ordinal);
        for (int i = 0; i < graph.Inputs.Count; i++)
        {
            string file = Path.Combine(set, $"input_{i}.pb");
            if (!File.Exists(file))
                return new Comparison(false, 0, $"input_{i}.pb is missing");
            inputs[graph.Inputs[i].Name] = OnnxTensor.Load(file).Data;
        }

        // Where shapes depend on the content of inputs, each data set has a model of its own.
        bool isSpecial = general is null || (inputs.Count > 1 && HasDataDependentShapes(general, inputs));
        using CompiledModel? special = isSpecial ? engine.Compile(WithConstants(graph, inputs)) : null;
        IReadOnlyDictionary<string, TensorData> outputs = ModelRunner.Run(special ?? general!, inputs);
        var worst = new Comparison(true, -1, "");
        for (int i = 0; i < graph.Outputs.Count; i++)
        {
            string file = Path.Combine(set, $"output_{i}.pb");
            if (!File.Exists(file))
                return new Comparison(false, 0, $"output_{i}.pb is missing");
            GraphValue output = graph.Outputs[i];
            TensorData stored = OnnxTensor.Load(file).Data;
            (TensorData Expected, string Remark)? erratum = KnownErrata.Correct(name, stored);
            Comparison result = TensorComparison.Compare(outputs[output.Name], erratum?.Expected ?? stored, limits.For(output));
            if (!result.Passed)
                return result with { Detail = $"output '{output.Name}': {result.Detail}" };
            if (erratum is not null)
                result = result with { Detail = $"{result.Detail}; {erratum.Value.Remark}" };
            worst = result.Share > worst.Share ? result : worst;
        }

        return worst;
    }
}
