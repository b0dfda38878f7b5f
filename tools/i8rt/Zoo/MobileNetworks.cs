// Networks of depthwise convolutions: MobileNet v1 (Howard et al., 2017) and v2 (Sandler et al., 2018).
namespace Int8Runtime.Cli.Zoo;

internal static class MobileNetworks
{
    /// <summary>Outputs and strides of the blocks of version 1.</summary>
    public static IReadOnlyList<(int Channels, int Stride)> Version1Blocks { get; } =
    [
        (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1), (512, 1), (512, 1), (512, 1), (512, 1), (1024, 2), (1024, 1),
    ];

    /// <summary>MobileNet v1.</summary>
    public static void Version1(Network net)
    {
        FeatureMap x = Start(net, 224);
        foreach ((int channels, int stride) in Version1Blocks)
            x = Separable(net, x, channels, stride);
        net.Classify(x);
    }

    /// <summary>MobileNet v2.</summary>
    public static void Version2(Network net)
    {
        FeatureMap x = Start(net, 224);
        ReadOnlySpan<(int Expansion, int Channels, int Count, int Stride)> stages =
            [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)];
        foreach ((int expansion, int channels, int count, int stride) in stages)
            for (int i = 0; i < count; i++)
            {
                int step = i == 0 ? stride : 1;
                bool residual = step == 1 && x.Channels == channels;
                FeatureMap y = expansion == 1 ? x : net.Relu6(net.ConvNormalized(x, x.Channels * expansion, Window.Square(1)));
                y = net.Relu6(net.ConvNormalized(y, y.Channels, Window.Square(3, step), groups: y.Channels));
                y = net.ConvNormalized(y, channels, Window.Square(1), gain: residual ? Network.Branch : Network.Linear);
                x = residual ? net.Sum(x, y) : y;
            }

        net.Classify(net.Relu6(net.ConvNormalized(x, 1280, Window.Square(1))));
    }

    /// <summary>The first layer.</summary>
    public static FeatureMap Start(Network net, int extent) =>
        net.Relu6(net.ConvNormalized(net.Picture(3, extent, extent), 32, Window.Square(3, 2)));

    /// <summary>A depthwise layer and a pointwise one.</summary>
    public static FeatureMap Separable(Network net, FeatureMap x, int channels, int stride)
    {
        x = net.Relu6(net.ConvNormalized(x, x.Channels, Window.Square(3, stride), groups: x.Channels));
        return net.Relu6(net.ConvNormalized(x, channels, Window.Square(1)));
    }
}
