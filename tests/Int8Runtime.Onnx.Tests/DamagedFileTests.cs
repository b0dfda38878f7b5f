// Damaged files end in one clear exception, whatever the damage.
using Int8Runtime.Graph;
using Int8Runtime.Graph.Passes;
using Int8Runtime.Graph.Shapes;

namespace Int8Runtime.Onnx.Tests;

public sealed class DamagedFileTests
{
    private static readonly byte[] s_intact = SampleModels.Bytes(SampleModels.Classifier());

    /// <summary>The system says of a folder what it says of a file without the right to read it.</summary>
    [Fact]
    public void A_file_that_may_not_be_read_is_refused_as_one_that_cannot_be()
    {
        string folder = Path.TrimEndingDirectorySeparator(Path.GetTempPath());
        Assert.Contains(folder, Assert.ThrowsAny<IOException>(() => OnnxModel.Load(folder)).Message, StringComparison.Ordinal);
        Assert.Contains(folder, Assert.ThrowsAny<IOException>(() => OnnxTensor.Load(folder)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_intact_model_compiles_to_its_shape()
    {
        ModelGraph graph = Use(s_intact);
        Assert.Equal(GraphShape.Of([2, 10]), graph.Outputs[0].Shape);
    }

    [Fact]
    public void Truncation_is_a_format_error()
    {
        for (int length = 0; length < s_intact.Length - 40; length += 7)   // the last fields state operator sets only
            Assert.ThrowsAny<ModelFormatException>(() => Use(s_intact.AsSpan(0, length)));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Flipped_bits_are_a_format_error_or_harmless(int seed)
    {
        var random = new Random(seed);
        int refused = 0;
        for (int trial = 0; trial < 1500; trial++)
        {
            byte[] bytes = (byte[])s_intact.Clone();
            for (int flips = random.Next(1, 5); flips > 0; flips--)
                bytes[random.Next(bytes.Length)] ^= (byte)(1 << random.Next(8));
            refused += IsRefused(bytes) ? 1 : 0;
        }
        Assert.InRange(refused, 300, 1499);
    }

    [Theory]
    [InlineData(4)]
    [InlineData(5)]
    public void Overwritten_bytes_are_a_format_error_or_harmless(int seed)
    {
        var random = new Random(seed);
        byte[] nasty = [0, 1, 0x7F, 0x80, 0xFF];
        int refused = 0;
        for (int trial = 0; trial < 1500; trial++)
        {
            byte[] bytes = (byte[])s_intact.Clone();
            int start = random.Next(bytes.Length), length = Math.Min(random.Next(1, 9), bytes.Length - start);
            for (int i = 0; i < length; i++)
                bytes[start + i] = nasty[random.Next(nasty.Length)];
            refused += IsRefused(bytes) ? 1 : 0;
        }
        Assert.InRange(refused, 300, 1499);
    }

    [Fact]
    public void A_damaged_file_is_named()
    {
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(path, s_intact.AsSpan(0, 900));
            var exception = Assert.ThrowsAny<ModelFormatException>(() => OnnxModel.Load(path));
            Assert.StartsWith(path, exception.Message, StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static bool IsRefused(byte[] bytes)
    {
        try
        {
            Use(bytes);
            return false;
        }
        catch (ModelFormatException exception)
        {
            Assert.NotEmpty(exception.Message);
            return true;
        }
    }

    // All that happens to a model before it is lowered.
    private static ModelGraph Use(ReadOnlySpan<byte> bytes)
    {
        ModelGraph graph = OnnxModel.Load(bytes);
        ConstantFolding.Run(graph, limit: 1 << 20);
        var shapes = graph.Inputs.ToDictionary(i => i.Name, _ => Shape.Create([2, 3, 9, 9]));
        ShapeInference.Infer(graph, shapes).Apply(graph);
        GraphCleanup.Run(graph);
        graph.Validate();
        OnnxModel.Save(graph, Stream.Null);
        return graph;
    }
}
