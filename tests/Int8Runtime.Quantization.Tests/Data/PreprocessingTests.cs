// Preprocessing options, presets and the arithmetic they stand for; checked against the published reference inputs.
using System.Buffers.Binary;
using Int8Runtime.TestKit;

namespace Int8Runtime.Quantization.Tests;

public class PreprocessingTests
{
    [Theory]
    [InlineData("imagenet", 2.2489083f, 2.4285715f, 2.64f)]       // (1 − mean) / std
    [InlineData("mobilenet", 1f, 1f, 1f)]
    [InlineData("caffe", 151f, 138f, 132f)]
    [InlineData("cifar10", 2.2489083f, 2.4285715f, 2.64f)]
    [InlineData("cifar10-vit", 2.514087f, 2.5967903f, 2.7537313f)]
    [InlineData("raw", 255f, 255f, 255f)]
    public void Presets_map_white_to_the_published_values(string preset, float first, float second, float third)
    {
        var white = new ImageBuffer(1, 1);
        white.SetPixel(0, 0, 255, 255, 255);
        var values = new float[3];
        new Preprocessor(Preprocessing.FromPreset(preset)).Normalize(white, values);
        Assert.Equal(first, values[0], 1e-5f);
        Assert.Equal(second, values[1], 1e-5f);
        Assert.Equal(third, values[2], 1e-5f);
    }

    [Fact]
    public void Layouts_and_channel_orders_place_values_where_they_say()
    {
        var image = new ImageBuffer(2, 1);
        image.SetPixel(0, 0, 1, 2, 3);
        image.SetPixel(1, 0, 4, 5, 6);
        Assert.Equal([1, 4, 2, 5, 3, 6], Apply(new()));
        Assert.Equal([3, 6, 2, 5, 1, 4], Apply(new() { Channels = ChannelOrder.Bgr }));
        Assert.Equal([1, 2, 3, 4, 5, 6], Apply(new() { Layout = ImageLayout.Nhwc }));
        Assert.Equal([3, 2, 1, 6, 5, 4], Apply(new() { Layout = ImageLayout.Nhwc, Channels = ChannelOrder.Bgr }));
        // 0.299·1 + 0.587·2 + 0.114·3 = 1.815 and 4.815, rounded.
        Assert.Equal([2, 5], Apply(new() { Channels = ChannelOrder.Grey }));
        Assert.Throws<ArgumentException>(() => new Preprocessor(new()).Normalize(image, new float[5]));

        float[] Apply(Preprocessing settings)
        {
            var preprocessor = new Preprocessor(settings);
            var values = new float[preprocessor.SampleShape(image).ElementCount];
            preprocessor.Normalize(image, values);
            return values;
        }
    }

    [Fact]
    public void Options_override_the_preset()
    {
        Assert.Equal(Preprocessing.FromPreset("imagenet"), Preprocessing.Parse("imagenet"));
        Assert.Equal(
            new Preprocessing
            {
                Resize = new(232, 0), Crop = new(200, 200), Channels = ChannelOrder.Bgr, Scale = 1 / 255f,
                Mean = new(0.5f), Std = new(1, 2, 3), Layout = ImageLayout.Nhwc,
            },
            Preprocessing.Parse("imagenet", "232", "200", "BGR", "1/255", "0.5", "1, 2, 3", "nhwc"));
        Assert.Equal(new Preprocessing { Resize = new(320, 240) }, Preprocessing.Parse(resize: "320x240"));
        Assert.Null(Preprocessing.Parse("imagenet", crop: "none").Crop);
    }

    [Theory]
    [InlineData("preset", "resnet"), InlineData("resize", "0"), InlineData("resize", "3x"), InlineData("crop", "1x2x3")]
    [InlineData("channels", "cmyk"), InlineData("channels", "1"), InlineData("scale", "1/0"), InlineData("scale", "a")]
    [InlineData("mean", "1,2"), InlineData("mean", "1;2;3"), InlineData("std", "1,0,1"), InlineData("layout", "chw")]
    public void Bad_options_are_named(string option, string text)
    {
        string? When(string name) => option == name ? text : null;
        var e = Assert.Throws<FormatException>(() => Preprocessing.Parse(
            When("preset"), When("resize"), When("crop"), When("channels"), When("scale"), When("mean"), When("std"), When("layout")));
        Assert.Contains(option, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Sizes_that_cannot_be_had_are_refused()
    {
        var image = new ImageBuffer(1, 5000);
        Assert.Throws<InvalidDataException>(() => new Preprocessor(new() { Resize = new(256, 0) }).Arrange(image));
        Assert.Throws<InvalidDataException>(() => new Preprocessor(new() { Crop = new(2, 2) }).Arrange(image));

        // The first pass makes rows of the wanted width, as many as the image has.
        var tall = new ImageBuffer(1, 20_000);
        Assert.Throws<InvalidDataException>(() => new Preprocessor(new() { Resize = new(1 << 14, 16) }).Arrange(tall));
    }

    /// <summary>The reference inputs were made by Pillow and NumPy: decoder, filter, crop and arithmetic must all agree.</summary>
    [Theory]
    [InlineData("mobilenet_v1_0.75_224", "mobilenet")]
    [InlineData("squeezenet1.1_fp32", "caffe")]
    [InlineData("mobilenet_v2_fp32_from_qdq", "imagenet")]
    public void A_photograph_gives_the_published_reference_input(string model, string preset)
    {
        if (!ExternalData.TryGet("data", out string? data) || !ImageCodec.IsJpegAvailable)
            return;

        var preprocessor = new Preprocessor(Preprocessing.FromPreset(preset));
        ImageBuffer image = ImageCodec.Load(Path.Combine(data, "imagenet", "n01440764_tench.JPEG"));
        var values = new float[3 * 224 * 224];
        preprocessor.Normalize(preprocessor.Arrange(image), values);

        float[] expected = ReferenceInput(data, model, 0);
        for (int i = 0; i < values.Length; i++)
            Assert.Equal(expected[i], values[i], 2e-6f * Math.Max(1, Math.Abs(expected[i])));
    }

    /// <summary>
    /// The tool that made the references rounds 426·256/288 = 378.7 to 379 and the margin's half of 77.5 to 77, where
    /// torchvision takes 378 and 78; with its size and offset the pixels are the same.
    /// </summary>
    [Fact]
    public void A_resized_photograph_has_the_published_pixels()
    {
        if (!ExternalData.TryGet("data", out string? data) || !ImageCodec.IsJpegAvailable)
            return;

        ImageBuffer image = ImageCodec.Load(Path.Combine(data, "imagenet", "n03394916_French_horn.JPEG"));
        ImageBuffer resized = ImageResize.Bilinear(image, 379, 256);
        float[] expected = ReferenceInput(data, "squeezenet1.1_fp32", 1);
        int[] mean = [104, 117, 123];
        for (int i = 0; i < expected.Length; i++)
        {
            (int channel, int y, int x) = (i / (224 * 224), i / 224 % 224, i % 224);
            Assert.Equal(expected[i], resized.Row(16 + y)[3 * (77 + x) + 2 - channel] - mean[channel]);
        }
    }

    private static float[] ReferenceInput(string data, string model, int set)
    {
        // An ONNX TensorProto: raw_data is the last field of these files, the others (dims, type, name) come before it.
        byte[] tensor = File.ReadAllBytes(Path.Combine(data, "reference", model, $"test_data_set_{set}", "input_0.pb"));
        var values = new float[3 * 224 * 224];
        for (int i = 0; i < values.Length; i++)
            values[i] = BinaryPrimitives.ReadSingleLittleEndian(tensor.AsSpan(tensor.Length - 4 * (values.Length - i)));
        return values;
    }
}
