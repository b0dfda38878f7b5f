// Single-shot detectors (Liu et al., 2016): SSD300 on VGG-16 for 21 classes, SSD on MobileNet v1 for 91. Boxes and class
// probabilities of all anchors are the outputs; their selection is left to the caller.
using Int8Runtime.Graph;

namespace Int8Runtime.Cli.Zoo;

internal static class DetectionNetworks
{
    /// <summary>SSD300 with a VGG-16 backbone.</summary>
    public static void Ssd300(Network net)
    {
        FeatureMap L(FeatureMap x, int channels, Window window) => net.Relu(net.Conv(x, channels, window));
        FeatureMap x = net.Picture(3, 300, 300);
        var heads = new Heads(net, classes: 21);
        ReadOnlySpan<(int Channels, int Count)> stages = [(64, 2), (128, 2), (256, 3), (512, 3), (512, 3)];
        for (int stage = 0; stage < stages.Length; stage++)
        {
            for (int i = 0; i < stages[stage].Count; i++)
                x = L(x, stages[stage].Channels, Window.Square(3));
            if (stage == 3)
                heads.Add(net.NormalizeLength(x, 20), anchors: 4, size: 3);
            x = stage == 4 ? net.MaxPool(x, Window.Square(3)) : net.MaxPool(x, Window.Square(2, 2, 0), ceiling: true);
        }

        x = L(x, 1024, Window.Square(3, dilation: 6));
        x = heads.Add(L(x, 1024, Window.Square(1)), 6, 3);
        x = heads.Add(L(L(x, 256, Window.Square(1)), 512, Window.Square(3, 2)), 6, 3);
        x = heads.Add(L(L(x, 128, Window.Square(1)), 256, Window.Square(3, 2)), 6, 3);
        x = heads.Add(L(L(x, 128, Window.Square(1)), 256, Window.Square(3, 1, 0)), 4, 3);
        heads.Add(L(L(x, 128, Window.Square(1)), 256, Window.Square(3, 1, 0)), 4, 3);
        net.Output("boxes", heads.Boxes());
        net.Output("scores", net.Softmax(heads.Scores(), 2));
    }

    /// <summary>SSD with a MobileNet v1 backbone.</summary>
    public static void SsdMobileNet(Network net)
    {
        FeatureMap L(FeatureMap x, int channels, Window window) => net.Relu6(net.ConvNormalized(x, channels, window));
        FeatureMap x = MobileNetworks.Start(net, 300);
        var heads = new Heads(net, classes: 91);
        IReadOnlyList<(int Channels, int Stride)> blocks = MobileNetworks.Version1Blocks;
        for (int i = 0; i < blocks.Count; i++)
        {
            x = MobileNetworks.Separable(net, x, blocks[i].Channels, blocks[i].Stride);
            if (i == 10)
                heads.Add(x, anchors: 3, size: 1);
        }

        x = heads.Add(x, 6, 1);
        foreach ((int narrow, int wide) in new[] { (256, 512), (128, 256), (128, 256), (64, 128) })
            x = heads.Add(L(L(x, narrow, Window.Square(1)), wide, Window.Square(3, 2)), 6, 1);
        net.Output("boxes", heads.Boxes());
        net.Output("scores", net.Sigmoid(heads.Scores()));
    }

    private sealed class Heads(Network net, int classes)
    {
        private readonly List<GraphValue> _boxes = [], _scores = [];

        public FeatureMap Add(FeatureMap x, int anchors, int size)
        {
            _boxes.Add(net.Anchors(net.Conv(x, anchors * 4, Window.Square(size), gain: Network.Linear), 4));
            _scores.Add(net.Anchors(net.Conv(x, anchors * classes, Window.Square(size), gain: Network.Linear), classes));
            return x;
        }

        public GraphValue Boxes() => net.Join(1, [.. _boxes]);

        public GraphValue Scores() => net.Join(1, [.. _scores]);
    }
}
