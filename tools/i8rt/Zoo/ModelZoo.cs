// The networks that can be written, by name.
using Int8Runtime.Graph;

namespace Int8Runtime.Cli.Zoo;

/// <summary>A network of the zoo.</summary>
/// <param name="Name">Name on the command line.</param>
/// <param name="Description">What it is.</param>
/// <param name="Parameters">Numbers that training sets.</param>
/// <param name="Build">Adds the layers.</param>
internal sealed record ZooModel(string Name, string Description, long Parameters, Action<Network> Build)
{
    /// <summary>Writes the network down.</summary>
    /// <param name="seed">Equal seeds give equal weights.</param>
    /// <param name="batch">Samples in a batch.</param>
    /// <param name="progress">Is told the number of parameters so far, of <see cref="Parameters"/>; null for nobody.</param>
    /// <param name="cancellation">Ends the work.</param>
    public ModelGraph Create(int seed, int batch, Action<long>? progress = null, CancellationToken cancellation = default)
    {
        var net = new Network(Name, seed, batch, progress, cancellation);
        Build(net);
        return net.Graph;
    }
}

/// <summary>Well-known networks with their published layers and random weights, for timing.</summary>
internal static class ModelZoo
{
    /// <summary>Every network.</summary>
    public static IReadOnlyList<ZooModel> All { get; } =
    [
        new("alexnet", "AlexNet, 227×227", 60_965_224, PlainNetworks.AlexNet),
        new("vgg16", "VGG-16, 224×224", 138_357_544, net => PlainNetworks.Vgg(net, 2, 2, 3, 3, 3)),
        new("vgg19", "VGG-19, 224×224", 143_667_240, net => PlainNetworks.Vgg(net, 2, 2, 4, 4, 4)),
        new("squeezenet1.1", "SqueezeNet 1.1, 224×224", 1_235_496, PlainNetworks.SqueezeNet),
        new("inception_v1", "Inception v1 (GoogLeNet), 224×224", 6_998_552, InceptionNetworks.Version1),
        new("inception_v3", "Inception v3, 299×299", 23_834_568, InceptionNetworks.Version3),
        new("inception_v4", "Inception v4, 299×299", 42_679_816, InceptionNetworks.Version4),
        new("resnet18", "ResNet-18, 224×224", 11_689_512, net => ResidualNetworks.ResNet(net, false, 2, 2, 2, 2)),
        new("resnet34", "ResNet-34, 224×224", 21_797_672, net => ResidualNetworks.ResNet(net, false, 3, 4, 6, 3)),
        new("resnet50", "ResNet-50 v1.5, 224×224", 25_557_032, net => ResidualNetworks.ResNet(net, true, 3, 4, 6, 3)),
        new("resnet101", "ResNet-101 v1.5, 224×224", 44_549_160, net => ResidualNetworks.ResNet(net, true, 3, 4, 23, 3)),
        new("densenet201", "DenseNet-201, 224×224", 20_013_928, net => PlainNetworks.DenseNet(net, 6, 12, 48, 32)),
        new("mobilenet_v1", "MobileNet v1, 224×224", 4_231_976, MobileNetworks.Version1),
        new("mobilenet_v2", "MobileNet v2, 224×224", 3_504_872, MobileNetworks.Version2),
        new("ssd300_vgg16", "SSD300 on VGG-16, 21 classes, 300×300", 26_285_486, DetectionNetworks.Ssd300),
        new("ssd_mobilenet", "SSD on MobileNet v1, 91 classes, 300×300", 6_819_839, DetectionNetworks.SsdMobileNet),
        new("retinanet", "RetinaNet on ResNet-50, 91 classes, 640×640", 34_068_119, ResidualNetworks.RetinaNet),
        new("unet", "U-Net, 3 channels in, 2 classes out, 256×256", 31_031_810, PlainNetworks.UNet),
        new("wide_deep", "Wide & Deep, 13 numbers and 26 categories", 2_380_689, WideAndDeep.Build),
    ];

    /// <summary>The network of a name.</summary>
    /// <exception cref="UsageException">There is none; the message lists the names.</exception>
    public static ZooModel Find(string name) => All.FirstOrDefault(m => string.Equals(m.Name, name, StringComparison.OrdinalIgnoreCase))
        ?? throw new UsageException($"there is no network '{name}'; choose one of {string.Join(", ", All.Select(m => m.Name))}");
}
