// Networks without residuals: AlexNet (2012, as published for Caffe), VGG (2014), SqueezeNet 1.1 (2016), DenseNet (2016), U-Net (2015).
namespace Int8Runtime.Cli.Zoo;

internal static class PlainNetworks
{
    /// <summary>AlexNet with two groups and response normalization.</summary>
    public static void AlexNet(Network net)
    {
        FeatureMap x = net.Relu(net.Conv(net.Picture(3, 227, 227), 96, Window.Square(11, 4, 0)));
        x = net.MaxPool(net.ResponseNormalize(x), Window.Square(3, 2, 0));
        x = net.Relu(net.Conv(x, 256, Window.Square(5), groups: 2));
        x = net.MaxPool(net.ResponseNormalize(x), Window.Square(3, 2, 0));
        x = net.Relu(net.Conv(x, 384, Window.Square(3)));
        x = net.Relu(net.Conv(x, 384, Window.Square(3), groups: 2));
        x = net.Relu(net.Conv(x, 256, Window.Square(3), groups: 2));
        FullyConnected(net, net.MaxPool(x, Window.Square(3, 2, 0)));
    }

    /// <summary>VGG with the given number of layers in each of the five stages.</summary>
    public static void Vgg(Network net, params ReadOnlySpan<int> layers)
    {
        FeatureMap x = net.Picture(3, 224, 224);
        for (int stage = 0; stage < layers.Length; stage++)
        {
            for (int i = 0; i < layers[stage]; i++)
                x = net.Relu(net.Conv(x, Math.Min(64 << stage, 512), Window.Square(3)));
            x = net.MaxPool(x, Window.Square(2, 2, 0));
        }

        FullyConnected(net, x);
    }

    /// <summary>SqueezeNet 1.1.</summary>
    public static void SqueezeNet(Network net)
    {
        FeatureMap x = net.Relu(net.Conv(net.Picture(3, 224, 224), 64, Window.Square(3, 2, 0)));
        ReadOnlySpan<int> squeezed = [16, 16, 32, 32, 48, 48, 64, 64];
        for (int i = 0; i < squeezed.Length; i++)
        {
            if (i is 0 or 2 or 4)
                x = net.MaxPool(x, Window.Square(3, 2, 0), ceiling: true);
            FeatureMap narrow = net.Relu(net.Conv(x, squeezed[i], Window.Square(1)));
            x = net.Concat(
                net.Relu(net.Conv(narrow, squeezed[i] * 4, Window.Square(1))),
                net.Relu(net.Conv(narrow, squeezed[i] * 4, Window.Square(3))));
        }

        x = net.GlobalAverage(net.Relu(net.Conv(x, 1000, Window.Square(1))));
        net.Output("prob", net.Softmax(x.Value, 1));
    }

    /// <summary>DenseNet: growth 32, blocks as given, normalization in front of each layer.</summary>
    public static void DenseNet(Network net, params ReadOnlySpan<int> blocks)
    {
        const int Growth = 32;
        FeatureMap x = net.Relu(net.ConvNormalized(net.Picture(3, 224, 224), 64, Window.Square(7, 2)));
        x = net.MaxPool(x, Window.Square(3, 2));
        for (int block = 0; block < blocks.Length; block++)
        {
            for (int layer = 0; layer < blocks[block]; layer++)
            {
                FeatureMap narrow = net.Relu(net.ConvNormalized(net.Relu(net.Normalize(x)), Growth * 4, Window.Square(1)));
                x = net.Concat(x, net.Conv(narrow, Growth, Window.Square(3), bias: false, gain: Network.Linear));
            }

            x = net.Normalize(x);
            if (block < blocks.Length - 1)
                x = net.AveragePool(
                    net.Conv(net.Relu(x), x.Channels / 2, Window.Square(1), bias: false, gain: Network.Linear), Window.Square(2, 2, 0));
        }

        net.Classify(net.Relu(x));
    }

    /// <summary>U-Net for two classes: padded layers, transposed convolutions, 64 to 1024 channels.</summary>
    public static void UNet(Network net)
    {
        FeatureMap Pair(FeatureMap x, int channels) =>
            net.Relu(net.Conv(net.Relu(net.Conv(x, channels, Window.Square(3))), channels, Window.Square(3)));
        FeatureMap x = Pair(net.Picture(3, 256, 256), 64);
        var skipped = new Stack<FeatureMap>();
        for (int channels = 128; channels <= 1024; channels *= 2)
        {
            skipped.Push(x);
            x = Pair(net.MaxPool(x, Window.Square(2, 2, 0)), channels);
        }

        while (skipped.TryPop(out FeatureMap skip))
            x = Pair(net.Concat(skip, net.UpConv(x, skip.Channels)), skip.Channels);
        net.Output("mask", net.Conv(x, 2, Window.Square(1), gain: Network.Linear).Value);
    }

    private static void FullyConnected(Network net, FeatureMap x)
    {
        x = net.Relu(net.Dense(net.Relu(net.Dense(x, 4096)), 4096));
        net.Output("prob", net.Softmax(net.Dense(x, 1000, Network.Linear).Value, 1));
    }
}
