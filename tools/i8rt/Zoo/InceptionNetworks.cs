// Inception networks: version 1 (GoogLeNet, Szegedy et al., 2014, as published for Caffe), 3 (2015) and 4 (2016).
namespace Int8Runtime.Cli.Zoo;

internal static class InceptionNetworks
{
    /// <summary>GoogLeNet without its auxiliary classifiers.</summary>
    public static void Version1(Network net)
    {
        FeatureMap x = net.Relu(net.Conv(net.Picture(3, 224, 224), 64, Window.Square(7, 2)));
        x = net.ResponseNormalize(net.MaxPool(x, Window.Square(3, 2, 0), ceiling: true));
        x = net.Relu(net.Conv(x, 64, Window.Square(1)));
        x = net.ResponseNormalize(net.Relu(net.Conv(x, 192, Window.Square(3))));
        ReadOnlySpan<(int, int, int, int, int, int)> modules =
        [
            (64, 96, 128, 16, 32, 32), (128, 128, 192, 32, 96, 64),
            (192, 96, 208, 16, 48, 64), (160, 112, 224, 24, 64, 64), (128, 128, 256, 24, 64, 64), (112, 144, 288, 32, 64, 64),
            (256, 160, 320, 32, 128, 128), (256, 160, 320, 32, 128, 128), (384, 192, 384, 48, 128, 128),
        ];
        for (int i = 0; i < modules.Length; i++)
        {
            if (i is 0 or 2 or 7)
                x = net.MaxPool(x, Window.Square(3, 2, 0), ceiling: true);
            (int one, int reduce3, int three, int reduce5, int five, int pool) = modules[i];
            FeatureMap Layer(FeatureMap source, int channels, int size) => net.Relu(net.Conv(source, channels, Window.Square(size)));
            x = net.Concat(
                Layer(x, one, 1), Layer(Layer(x, reduce3, 1), three, 3), Layer(Layer(x, reduce5, 1), five, 5),
                Layer(net.MaxPool(x, Window.Square(3)), pool, 1));
        }

        net.Classify(x);
    }

    /// <summary>Inception v3 without its auxiliary classifier.</summary>
    public static void Version3(Network net)
    {
        FeatureMap L(FeatureMap x, int channels, int height, int width, int stride = 1, int? padding = null) =>
            net.Relu(net.ConvNormalized(x, channels, new Window(height, width, stride, padding)));
        FeatureMap Pooled(FeatureMap x, int channels) => L(net.AveragePool(x, Window.Square(3), countsPadding: true), channels, 1, 1);
        FeatureMap Halved(FeatureMap x) => net.MaxPool(x, Window.Square(3, 2, 0));

        FeatureMap x = L(net.Picture(3, 299, 299), 32, 3, 3, 2, 0);
        x = Halved(L(L(x, 32, 3, 3, 1, 0), 64, 3, 3));
        x = Halved(L(L(x, 80, 1, 1), 192, 3, 3, 1, 0));
        foreach (int pool in new[] { 32, 64, 64 })
            x = net.Concat(L(x, 64, 1, 1), L(L(x, 48, 1, 1), 64, 5, 5), L(L(L(x, 64, 1, 1), 96, 3, 3), 96, 3, 3), Pooled(x, pool));
        x = net.Concat(L(x, 384, 3, 3, 2, 0), L(L(L(x, 64, 1, 1), 96, 3, 3), 96, 3, 3, 2, 0), Halved(x));
        foreach (int c in new[] { 128, 160, 160, 192 })
        {
            FeatureMap twice = L(L(L(x, c, 1, 1), c, 1, 7), 192, 7, 1);
            FeatureMap four = L(L(L(L(L(x, c, 1, 1), c, 7, 1), c, 1, 7), c, 7, 1), 192, 1, 7);
            x = net.Concat(L(x, 192, 1, 1), twice, four, Pooled(x, 192));
        }

        x = net.Concat(
            L(L(x, 192, 1, 1), 320, 3, 3, 2, 0), L(L(L(L(x, 192, 1, 1), 192, 1, 7), 192, 7, 1), 192, 3, 3, 2, 0), Halved(x));
        for (int i = 0; i < 2; i++)
        {
            FeatureMap narrow = L(x, 384, 1, 1), wide = L(L(x, 448, 1, 1), 384, 3, 3);
            x = net.Concat(
                L(x, 320, 1, 1), L(narrow, 384, 1, 3), L(narrow, 384, 3, 1), L(wide, 384, 1, 3), L(wide, 384, 3, 1), Pooled(x, 192));
        }

        net.Classify(x);
    }

    /// <summary>Inception v4.</summary>
    public static void Version4(Network net)
    {
        FeatureMap L(FeatureMap x, int channels, int height, int width, int stride = 1, int? padding = null) =>
            net.Relu(net.ConvNormalized(x, channels, new Window(height, width, stride, padding)));
        FeatureMap Pooled(FeatureMap x, int channels) => L(net.AveragePool(x, Window.Square(3)), channels, 1, 1);
        FeatureMap Halved(FeatureMap x) => net.MaxPool(x, Window.Square(3, 2, 0));

        FeatureMap x = L(L(L(net.Picture(3, 299, 299), 32, 3, 3, 2, 0), 32, 3, 3, 1, 0), 64, 3, 3);
        x = net.Concat(Halved(x), L(x, 96, 3, 3, 2, 0));
        x = net.Concat(L(L(x, 64, 1, 1), 96, 3, 3, 1, 0), L(L(L(L(x, 64, 1, 1), 64, 1, 7), 64, 7, 1), 96, 3, 3, 1, 0));
        x = net.Concat(L(x, 192, 3, 3, 2, 0), Halved(x));
        for (int i = 0; i < 4; i++)
            x = net.Concat(L(x, 96, 1, 1), L(L(x, 64, 1, 1), 96, 3, 3), L(L(L(x, 64, 1, 1), 96, 3, 3), 96, 3, 3), Pooled(x, 96));
        x = net.Concat(L(x, 384, 3, 3, 2, 0), L(L(L(x, 192, 1, 1), 224, 3, 3), 256, 3, 3, 2, 0), Halved(x));
        for (int i = 0; i < 7; i++)
        {
            FeatureMap twice = L(L(L(x, 192, 1, 1), 224, 1, 7), 256, 7, 1);
            FeatureMap four = L(L(L(L(L(x, 192, 1, 1), 192, 7, 1), 224, 1, 7), 224, 7, 1), 256, 1, 7);
            x = net.Concat(L(x, 384, 1, 1), twice, four, Pooled(x, 128));
        }

        x = net.Concat(
            L(L(x, 192, 1, 1), 192, 3, 3, 2, 0), L(L(L(L(x, 256, 1, 1), 256, 1, 7), 320, 7, 1), 320, 3, 3, 2, 0), Halved(x));
        for (int i = 0; i < 3; i++)
        {
            FeatureMap narrow = L(x, 384, 1, 1), wide = L(L(L(x, 384, 1, 1), 448, 3, 1), 512, 1, 3);
            x = net.Concat(
                L(x, 256, 1, 1), L(narrow, 256, 1, 3), L(narrow, 256, 3, 1), L(wide, 256, 1, 3), L(wide, 256, 3, 1), Pooled(x, 256));
        }

        net.Classify(x);
    }
}
