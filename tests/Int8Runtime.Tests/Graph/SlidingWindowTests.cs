// Output extents and automatic padding of windows.
using Int8Runtime.Graph;

namespace Int8Runtime.Tests.Graph;

public sealed class SlidingWindowTests
{
    [Theory]
    // source, kernel, stride, dilation, pads, ceil → output
    [InlineData(224, 7, 2, 1, 3, 3, false, 112)]
    [InlineData(55, 3, 2, 1, 0, 0, true, 27)]
    [InlineData(56, 3, 2, 1, 0, 0, true, 28)]
    [InlineData(56, 3, 2, 1, 0, 0, false, 27)]
    [InlineData(4, 2, 2, 2, 0, 0, false, 1)]
    [InlineData(2, 1, 2, 1, 0, 1, true, 1)]     // a second window would start in the trailing padding
    [InlineData(3, 3, 2, 1, 0, 2, true, 2)]
    public void Extents(int source, int kernel, int stride, int dilation, int begin, int end, bool ceil, int expected)
    {
        SlidingWindow window = Window(source, new()
        {
            { "kernel_shape", new long[] { kernel } }, { "strides", new long[] { stride } }, { "dilations", new long[] { dilation } },
            { "pads", new long[] { begin, end } }, { "ceil_mode", ceil },
        });
        Assert.Equal([expected], window.Output);
    }

    [Theory]
    [InlineData("SAME_UPPER", 224, 3, 2, 0, 1, 112)]
    [InlineData("SAME_LOWER", 224, 3, 2, 1, 0, 112)]
    [InlineData("SAME_UPPER", 28, 5, 1, 2, 2, 28)]
    [InlineData("SAME_UPPER", 5, 1, 2, 0, 0, 3)]
    [InlineData("VALID", 28, 5, 1, 0, 0, 24)]
    public void Automatic_padding(string mode, int source, int kernel, int stride, int begin, int end, int expected)
    {
        SlidingWindow window = Window(source, new()
        {
            { "kernel_shape", new long[] { kernel } }, { "strides", new long[] { stride } }, { "auto_pad", mode },
        });
        Assert.Equal([begin], window.PadBegin);
        Assert.Equal([end], window.PadEnd);
        Assert.Equal([expected], window.Output);
    }

    [Theory]
    [InlineData("strides", 0)]
    [InlineData("dilations", -1)]
    [InlineData("kernel_shape", 0)]
    [InlineData("kernel_shape", 99)]
    [InlineData("kernel_shape", int.MaxValue + 1L)]
    public void Impossible_windows_are_refused_with_the_node(string attribute, long value)
    {
        var attributes = new GraphAttributes { { "kernel_shape", new long[] { 3 } } };
        attributes.Add(attribute, new[] { value });
        var exception = Assert.Throws<ModelFormatException>(() => Window(8, attributes));
        Assert.Contains("'pool' (MaxPool)", exception.Message, StringComparison.Ordinal);
    }

    private static SlidingWindow Window(int source, GraphAttributes attributes)
    {
        var graph = new ModelGraph("test");
        GraphValue input = graph.AddInput("x", DataType.Float32, GraphShape.Of([1, 1, source]));
        GraphNode node = graph.AddOperation("MaxPool", "pool", [input], attributes).Producer!;
        return PoolingView.Of(NodeOperands.Of(node)).Window;
    }
}
