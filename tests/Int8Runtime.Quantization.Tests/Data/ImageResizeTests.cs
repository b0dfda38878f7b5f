// Resizing: values worked out by hand from the definition, and properties that hold for any image.
using FsCheck;
using FsCheck.Fluent;

namespace Int8Runtime.Quantization.Tests;

public class ImageResizeTests
{
    [Fact]
    public void Halving_a_row_uses_a_triangle_of_four_pixels()
    {
        // Scale 2, support 2: output 0 is centred at 1.0 and sees pixels 0 to 2 at distances 0.5, 0.5, 1.5 of the half base 2,
        // weights 0.75, 0.75, 0.25 → (0.75·10 + 0.75·20 + 0.25·60) / 1.75 = 21.43; output 1 mirrors it: (0.25·20 + 0.75·60 +
        // 0.75·200) / 1.75 = 114.29.
        Assert.Equal([21, 114], Reds(ImageResize.Bilinear(Row(10, 20, 60, 200), 2, 1)));
    }

    [Fact]
    public void Enlarging_interpolates_between_the_two_nearest_pixels()
    {
        // Scale 0.5, support 1: centres at 0.25, 0.75, 1.25, 1.75 → pixel centres 0.5 and 1.5 with weights (1), (.75 .25), (.25 .75), (1).
        Assert.Equal([0, 25, 75, 100], Reds(ImageResize.Bilinear(Row(0, 100), 4, 1)));
    }

    [Fact]
    public void Three_pixels_to_two()
    {
        // Scale 1.5, support 1.5: output 0 is centred at 0.75, distances 0.25, 0.75, (1.75 > 1.5: outside) → weights 5/6, 1/2.
        // (5/6·0 + 1/2·80) / (4/3) = 30; output 1: (1/2·80 + 5/6·240) / (4/3) = 180.
        Assert.Equal([30, 180], Reds(ImageResize.Bilinear(Row(0, 80, 240), 2, 1)));
    }

    [Fact]
    public void Each_pass_rounds_to_a_byte()
    {
        // Rows first: (0, 1) → 0.5, which rounds up to 1; (0, 0) → 0. Then columns: (1, 0) → 0.5 → 1. In one pass it would be 0.25 → 0.
        var image = new ImageBuffer(2, 2);
        image.SetPixel(1, 0, 1, 1, 1);
        Assert.Equal(1, ImageResize.Bilinear(image, 1, 1).Pixels[0]);
    }

    [Fact]
    public void A_constant_image_stays_constant_and_values_stay_in_range()
    {
        var sizes = Gen.Choose(1, 60).Four().ToArbitrary();
        Prop.ForAll(sizes, s =>
        {
            (int width, int height, int newWidth, int newHeight) = s;
            var image = new ImageBuffer(width, height);
            Array.Fill(image.Pixels, (byte)(width * 4));
            ImageBuffer constant = ImageResize.Bilinear(image, newWidth, newHeight);
            ImageBuffer noise = TestImages.Random(width, height, width);
            ImageBuffer resized = ImageResize.Bilinear(noise, newWidth, newHeight);
            return constant.Pixels.All(p => p == (byte)(width * 4))
                && (resized.Width, resized.Height) == (newWidth, newHeight)
                && resized.Pixels.Max() <= noise.Pixels.Max() && resized.Pixels.Min() >= noise.Pixels.Min();
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Transposing_commutes_with_resizing_of_one_side()
    {
        Prop.ForAll(Gen.Choose(1, 40).Three().ToArbitrary(), s =>
        {
            (int width, int height, int size) = s;
            ImageBuffer image = TestImages.Random(width, height, height);
            ImageBuffer across = ImageResize.Bilinear(image, size, height);
            ImageBuffer down = Transpose(ImageResize.Bilinear(Transpose(image), height, size));
            return across.Pixels.SequenceEqual(down.Pixels);
        }).QuickCheckThrowOnFailure();
    }

    [Theory]
    [InlineData(500, 375, 256, 341, 256)]
    [InlineData(375, 500, 256, 256, 341)]
    [InlineData(300, 300, 256, 256, 256)]
    [InlineData(100, 333, 256, 256, 852)]
    public void The_longer_side_is_rounded_to_nearest(int width, int height, int size, int newWidth, int newHeight)
    {
        ImageBuffer resized = ImageResize.ShorterSide(new ImageBuffer(width, height), size);
        Assert.Equal((newWidth, newHeight), (resized.Width, resized.Height));
    }

    [Theory]
    [InlineData(4, 1, 1)]
    [InlineData(6, 1, 2)]
    [InlineData(5, 1, 2)]
    [InlineData(341, 224, 58)]
    public void A_crop_leaves_the_smaller_half_of_an_odd_margin_before_it(int length, int crop, int start)
    {
        var row = new ImageBuffer(length, 1);
        for (int x = 0; x < length; x++)
            row.SetPixel(x, 0, (byte)x, 0, 0);
        Assert.Equal((byte)start, ImageResize.CenterCrop(row, crop, 1).Pixels[0]);
        Assert.Equal((byte)start, ImageResize.CenterCrop(Transpose(row), 1, crop).Pixels[0]);
        Assert.Throws<ArgumentOutOfRangeException>(() => ImageResize.CenterCrop(row, length + 1, 1));
    }

    private static ImageBuffer Row(params byte[] reds)
    {
        var image = new ImageBuffer(reds.Length, 1);
        for (int x = 0; x < reds.Length; x++)
            image.SetPixel(x, 0, reds[x], 0, 0);
        return image;
    }

    private static int[] Reds(ImageBuffer image) => [.. image.Pixels.Where((_, i) => i % 3 == 0).Select(p => (int)p)];

    private static ImageBuffer Transpose(ImageBuffer image)
    {
        var result = new ImageBuffer(image.Height, image.Width);
        for (int y = 0; y < image.Height; y++)
        for (int x = 0; x < image.Width; x++)
            image.Row(y).Slice(3 * x, 3).CopyTo(result.Row(x).Slice(3 * y, 3));
        return result;
    }
}
