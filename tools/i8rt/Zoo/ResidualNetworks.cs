// Residual networks: ResNet (He et al., 2015; stride in the 3×3 layer, as version 1.5) and RetinaNet on top of it (Lin et al., 2017).
using Int8Runtime.Graph;

namespace Int8Runtime.Cli.Zoo;

internal static class ResidualNetworks
{
    private const int Anchors = 9, Classes = 91, PyramidChannels = 256;

    /// <summary>A classifier. Blocks of each of the four stages; bottleneck blocks have three layers, basic ones two.</summary>
    public static void ResNet(Network net, bool bottleneck, params ReadOnlySpan<int> blocks) =>
        net.Classify(Stages(net, 224, bottleneck, blocks)[^1]);

    /// <summary>RetinaNet with a ResNet-50 backbone, 9 anchors and 91 classes; without the selection of boxes.</summary>
    public static void RetinaNet(Network net)
    {
        FeatureMap[] stages = Stages(net, 640, bottleneck: true, [3, 4, 6, 3]);
        FeatureMap Lateral(FeatureMap x) => net.Conv(x, PyramidChannels, Window.Square(1), gain: Network.Linear);
        FeatureMap Smooth(FeatureMap x) => net.Conv(x, PyramidChannels, Window.Square(3), gain: Network.Linear);
        FeatureMap top = Lateral(stages[3]);
        FeatureMap middle = net.Sum(Lateral(stages[2]), net.Double(top));
        FeatureMap bottom = net.Sum(Lateral(stages[1]), net.Double(middle));
        FeatureMap p5 = Smooth(top), p6 = net.Conv(p5, PyramidChannels, Window.Square(3, 2, 1), gain: Network.Linear);
        FeatureMap p7 = net.Conv(net.Relu(p6), PyramidChannels, Window.Square(3, 2, 1), gain: Network.Linear);
        FeatureMap[] pyramid = [Smooth(bottom), Smooth(middle), p5, p6, p7];
        net.Output("scores", net.Sigmoid(Head(net, pyramid, Classes)));
        net.Output("boxes", Head(net, pyramid, 4));
    }

    // The same layers look at every level, so that their weights are stored once.
    private static GraphValue Head(Network net, FeatureMap[] pyramid, int values)
    {
        GraphValue Weights(int channels, double gain) => net.Weights([channels, PyramidChannels, 3, 3], gain / (PyramidChannels * 9));
        var hidden = new GraphValue[4];
        var biases = new GraphValue[5];
        for (int i = 0; i < hidden.Length; i++)
            (hidden[i], biases[i]) = (Weights(PyramidChannels, Network.Rectified), net.Weights([PyramidChannels], 1e-4));
        GraphValue last = Weights(Anchors * values, Network.Linear);
        biases[4] = net.Weights([Anchors * values], 1e-4);
        var results = new GraphValue[pyramid.Length];
        for (int level = 0; level < pyramid.Length; level++)
        {
            FeatureMap x = pyramid[level];
            for (int i = 0; i < hidden.Length; i++)
                x = net.Relu(x with { Value = Convolve(net, x.Value, hidden[i], biases[i]) });
            results[level] = net.Anchors(x with { Value = Convolve(net, x.Value, last, biases[4]) }, values);
        }

        return net.Join(1, results);
    }

    private static GraphValue Convolve(Network net, GraphValue x, GraphValue weights, GraphValue bias) => net.Add(
        "Conv", new GraphAttributes { { "kernel_shape", new long[] { 3, 3 } }, { "pads", new long[] { 1, 1, 1, 1 } } }, x, weights, bias);

    // The results of the four stages on a square picture.
    private static FeatureMap[] Stages(Network net, int extent, bool bottleneck, ReadOnlySpan<int> blocks)
    {
        FeatureMap x = net.Relu(net.ConvNormalized(net.Picture(3, extent, extent), 64, Window.Square(7, 2)));
        x = net.MaxPool(x, Window.Square(3, 2));
        var stages = new FeatureMap[blocks.Length];
        for (int stage = 0; stage < blocks.Length; stage++)
        {
            for (int block = 0; block < blocks[stage]; block++)
                x = Block(net, x, 64 << stage, block == 0 && stage > 0 ? 2 : 1, bottleneck);
            stages[stage] = x;
        }

        return stages;
    }

    private static FeatureMap Block(Network net, FeatureMap x, int width, int stride, bool bottleneck)
    {
        int outputs = bottleneck ? width * 4 : width;
        FeatureMap y = bottleneck
            ? net.Relu(net.ConvNormalized(x, width, Window.Square(1)))
            : net.Relu(net.ConvNormalized(x, width, Window.Square(3, stride)));
        if (bottleneck)
            y = net.Relu(net.ConvNormalized(y, width, Window.Square(3, stride)));
        y = net.ConvNormalized(y, outputs, Window.Square(bottleneck ? 1 : 3), gain: Network.Branch);
        FeatureMap shortcut = x.Channels == outputs && stride == 1
            ? x
            : net.ConvNormalized(x, outputs, Window.Square(1, stride), gain: Network.Linear);
        return net.Relu(net.Sum(y, shortcut));
    }
}
