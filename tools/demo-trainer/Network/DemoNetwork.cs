// The demo's classifier: about 13 million multiply-adds for a 32×32 image and 90 thousand weights; it holds the kinds of
// layer that image networks are made of (dense, depthwise and pointwise convolution, residual sums).
namespace Int8Runtime.DemoTrainer;

/// <summary>Builds the network.</summary>
internal static class DemoNetwork
{
    public static Sequential Create(ulong seed)
    {
        var random = SplitMix64.ForStream(seed, 0, 0);
        return new Sequential(
        [
            // 32×32
            new Convolution(3, 32, 3, random, isFirst: true), new BatchNormalization(32, relu: true),
            .. Separable(32, 48, 2),
            // 16×16
            new Residual(new Sequential(
                new Convolution(48, 48, 3, random), new BatchNormalization(48, relu: true),
                new Convolution(48, 48, 3, random), new BatchNormalization(48, relu: false))),
            .. Separable(48, 96, 2),
            // 8×8
            new Residual(new Sequential(
            [
                .. Separable(96, 96, 1),
                new DepthwiseConvolution(96, 1, random), new BatchNormalization(96, relu: true),
                new Convolution(96, 96, 1, random), new BatchNormalization(96, relu: false),
            ])),
            .. Separable(96, 160, 2),
            // 4×4
            new GlobalAveragePooling(),
            new FullyConnected(160, Outline.All.Length, random),
        ]);

        // A depthwise and a pointwise convolution (Howard et al., MobileNets, 2017).
        Layer[] Separable(int inputs, int outputs, int stride) =>
        [
            new DepthwiseConvolution(inputs, stride, random), new BatchNormalization(inputs, relu: true),
            new Convolution(inputs, outputs, 1, random), new BatchNormalization(outputs, relu: true),
        ];
    }
}
