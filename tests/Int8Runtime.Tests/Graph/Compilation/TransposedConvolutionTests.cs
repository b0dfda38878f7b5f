// ConvTranspose in compiled models, against its definition: every source element is scattered to the outputs it reaches.
using Int8Runtime.Graph;

namespace Int8Runtime.Tests.Graph.Compilation;

public sealed class TransposedConvolutionTests
{
    [Theory]
    [InlineData(1, 1, 0, 0)]
    [InlineData(1, 2, 1, 1)]
    [InlineData(2, 3, 1, 2)]
    public void Results_are_those_of_the_definition(int group, int stride, int pad, int extra)
    {
        const int Inputs = 4, Outputs = 3, Extent = 5, Kernel = 3;
        var sketch = new ModelSketch();
        GraphValue weights = sketch.Random(Inputs, Outputs, Kernel, Kernel), bias = sketch.Random(Outputs * group);
        GraphValue result = sketch.Op("ConvTranspose", Attributes(group, stride, pad, extra),
            sketch.Input(2, Inputs, Extent, Extent), weights, bias);
        ModelGraph graph = sketch.Output(sketch.Op("Relu", result));
        Runner.AssertPassesKeepResults(graph);

        using var engine = new ReferenceEngine();
        using CompiledModel model = engine.Compile(graph);
        using InferenceRequest request = model.CreateRequest();
        float[] actual = Runner.Run(request);
        float[] expected = Scatter(
            request.Input(model.Inputs[0].Name).AsSpan<float>(), weights.Constant!.ToSingleArray(), bias.Constant!.ToSingleArray(),
            (2, Inputs, Outputs, group), (Extent, Kernel, stride, pad, extra));
        Runner.AssertClose([.. expected.Select(v => Math.Max(0, v))], actual, 1e-5f);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Quantized_transposed_convolutions_compute_in_integers(int group)
    {
        // Of QuantizedWeights' shape [channels, …], ConvTranspose has the channels of its scales in dimension 1.
        var sketch = new ModelSketch();
        var scales = TensorData.Vector<float>(new[] { 0.01f, 0.02f, 0.015f });
        var zeros = TensorData.Vector<sbyte>(new sbyte[3]);
        sbyte[] integers = [.. Enumerable.Range(0, 4 * 3 * 9).Select(i => (sbyte)((i * 37 % 255) - 127))];
        GraphValue weights = sketch.Op(
            "DequantizeLinear", new GraphAttributes { { "axis", 1 } }, sketch.Constant(TensorData.Create<sbyte>(integers, [4, 3, 3, 3])),
            sketch.Constant(scales), sketch.Constant(zeros));
        GraphValue source = sketch.Edge(sketch.Input(1, 4, 5, 5), 0.02f, 100);
        GraphValue result = sketch.Op("ConvTranspose", Attributes(group, 2, 1, 1), source, weights, sketch.Random(3 * group));
        ModelGraph graph = sketch.Output(sketch.Edge(result, 0.05f, 120));
        NodeExplanation node = Runner.AssertPassesKeepResults(graph, 0.051f).Nodes.Single(n => n.OpType == "ConvTranspose");
        Assert.StartsWith("u8·s8→u8", node.Precision, StringComparison.Ordinal);
    }

    private static GraphAttributes Attributes(int group, int stride, int pad, int extra) => new()
    {
        { "group", group }, { "strides", new[] { stride, stride } }, { "pads", new[] { pad, pad, pad, pad } },
        { "output_padding", new[] { extra, extra } },
    };

    private static float[] Scatter(
        ReadOnlySpan<float> source, float[] weights, float[] bias, (int Batch, int Inputs, int Outputs, int Group) channels,
        (int Input, int Kernel, int Stride, int Pad, int Extra) extents)
    {
        int extent = ((extents.Input - 1) * extents.Stride) + extents.Kernel - (2 * extents.Pad) + extents.Extra;
        int inputsOfGroup = channels.Inputs / channels.Group, outputs = channels.Outputs * channels.Group;
        var result = new float[channels.Batch * outputs * extent * extent];
        for (int i = 0; i < result.Length; i++)
            result[i] = bias[i / (extent * extent) % outputs];
        for (int i = 0; i < source.Length; i++)
        {
            (int plane, int y) = (i / (extents.Input * extents.Input), i / extents.Input % extents.Input);
            (int image, int channel) = (plane / channels.Inputs, plane % channels.Inputs);
            for (int w = 0; w < channels.Outputs * extents.Kernel * extents.Kernel; w++)
            {
                int output = (channel / inputsOfGroup * channels.Outputs) + (w / (extents.Kernel * extents.Kernel));
                int row = (y * extents.Stride) - extents.Pad + (w / extents.Kernel % extents.Kernel);
                int column = (i % extents.Input * extents.Stride) - extents.Pad + (w % extents.Kernel);
                if ((uint)row < (uint)extent && (uint)column < (uint)extent)
                    result[((((image * outputs) + output) * extent) + row) * extent + column] +=
                        source[i] * weights[(channel * channels.Outputs * extents.Kernel * extents.Kernel) + w];
            }
        }

        return result;
    }
}
