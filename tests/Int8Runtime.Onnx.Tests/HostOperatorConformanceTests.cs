// The ONNX conformance cases whose nodes all run on the host.
using Int8Runtime.Graph;
using Int8Runtime.Graph.Evaluation;
using Int8Runtime.Graph.Shapes;
using Int8Runtime.TestKit;
using Xunit.Abstractions;

namespace Int8Runtime.Onnx.Tests;

public sealed class HostOperatorConformanceTests(ITestOutputHelper output)
{
    [Fact]
    public void Host_operators_and_shapes_agree_with_the_conformance_cases()
    {
        if (!ExternalData.TryGet("onnx-backend-tests/node", out string? root))
            return;
        var failures = new List<string>();
        int run = 0, inferred = 0, unsupported = 0;
        foreach (string folder in Directory.GetDirectories(root).Order())
        {
            ConformanceCase test;
            try
            {
                test = ConformanceCase.Load(folder);
            }
            catch (UnsupportedModelException exception)
            {
                output.WriteLine(exception.Message);
                unsupported++;
                continue;
            }
            catch (ModelFormatException exception)
            {
                failures.Add(exception.Message);
                continue;
            }
            try
            {
                if (test.Model.Inputs.Count != test.Inputs.Count)
                    continue;   // optional inputs of tests for sequences
                if (CheckShapes(test))
                    inferred++;
                if (test.Model.Nodes.All(n => HostEvaluator.TryGet(n, out _)))
                {
                    CheckResults(test);
                    run++;
                }
            }
            catch (UnsupportedModelException)
            {
                unsupported++;
            }
            catch (Exception exception)
            {
                failures.Add($"{test.Name}: {exception.Message.ReplaceLineEndings(" ")}");
            }
        }
        output.WriteLine($"{run} cases evaluated, {inferred} shapes inferred, {unsupported} unsupported");
        foreach (string failure in failures)
            output.WriteLine(failure);
        Assert.Empty(failures);
        Assert.True(run >= 450, $"only {run} cases were evaluated");
        Assert.True(inferred >= 700, $"only {inferred} shapes were inferred");
    }

    // Contents of all inputs but the first are given to the shape inference as constants, as compilers see them.
    private static bool CheckShapes(ConformanceCase test)
    {
        var shapes = new Dictionary<string, Shape>();
        for (int i = 0; i < test.Inputs.Count; i++)
            shapes[test.Model.Inputs[i].Name] = test.Inputs[i].Shape;
        ModelGraph model = WithConstants(test);
        InferredTensors tensors;
        try
        {
            tensors = ShapeInference.Infer(model, shapes);
        }
        catch (UnsupportedModelException)
        {
            return false;
        }
        for (int i = 0; i < test.Outputs.Count; i++)
        {
            TensorType type = tensors[model.Outputs[i]];
            Assert.Equal(test.Outputs[i].Shape, type.Shape);
            Assert.Equal(test.Outputs[i].ElementType, type.ElementType);
        }
        return true;
    }

    private static ModelGraph WithConstants(ConformanceCase test)
    {
        ModelGraph graph = test.Model.Clone();
        for (int i = 1; i < test.Inputs.Count; i++)
        {
            GraphValue constant = graph.AddConstant("content", test.Inputs[i]);
            GraphValue input = graph.Inputs[i];
            if (!input.IsGraphOutput)
                graph.ReplaceUses(input, constant);
        }
        return graph;
    }

    private static void CheckResults(ConformanceCase test)
    {
        var contents = new Dictionary<string, TensorData>();
        for (int i = 0; i < test.Inputs.Count; i++)
            contents[test.Model.Inputs[i].Name] = test.Inputs[i];
        foreach (GraphNode node in test.Model.Nodes)
        {
            TensorData?[] inputs = [.. node.Inputs.Select(v => v is null ? null : v.Constant ?? contents[v.Name])];
            TensorData[] outputs = HostEvaluator.Evaluate(node, inputs);
            for (int i = 0; i < outputs.Length && i < node.Outputs.Count; i++)
                contents[node.Outputs[i].Name] = outputs[i];
        }
        for (int i = 0; i < test.Outputs.Count; i++)
        {
            GraphValue value = test.Model.Outputs[i];
            TensorData expected = Cli.KnownErrata.Correct(test.Name, test.Outputs[i])?.Expected ?? test.Outputs[i];
            bool hasFourDigits = test.Name.StartsWith("test_roialign", StringComparison.Ordinal) || test.Name == "test_gridsample_bicubic";
            AssertClose(expected, value.Constant ?? contents[value.Name], hasFourDigits);
        }
    }

    // Some expectations were typed with four digits.
    private static void AssertClose(TensorData expected, TensorData actual, bool hasFourDigits)
    {
        Assert.Equal(expected.Shape, actual.Shape);
        Assert.Equal(expected.ElementType, actual.ElementType);
        double[] left = expected.ToDoubleArray(), right = actual.ToDoubleArray();
        double tolerance = !expected.ElementType.IsFloatingPoint() ? 0 : hasFourDigits ? 1e-4 : 1e-5;
        if (expected.ElementType == DataType.Float16)
            tolerance = 2e-3;
        if (expected.ElementType == DataType.BFloat16)
            tolerance = 1e-2;
        for (int i = 0; i < left.Length; i++)
        {
            bool close = left[i].Equals(right[i]) || Math.Abs(left[i] - right[i]) <= tolerance * Math.Max(1, Math.Abs(left[i]));
            Assert.True(close, $"element {i}: expected {left[i]}, got {right[i]}");
        }
    }
}
