// Every image format round-trips, and every damaged file ends in one exception that names it.
using System.Globalization;
using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Int8Runtime.TestKit;

namespace Int8Runtime.Quantization.Tests;

public class ImageCodecTests
{
    public static TheoryData<int, byte, int> PngForms => new()
    {
        { 1, 0, 1 }, { 2, 0, 1 }, { 4, 0, 1 }, { 8, 0, 1 }, { 16, 0, 1 },
        { 1, 3, 1 }, { 2, 3, 1 }, { 4, 3, 1 }, { 8, 3, 1 },
        { 8, 4, 2 }, { 16, 4, 2 }, { 8, 2, 3 }, { 16, 2, 3 }, { 8, 6, 4 }, { 16, 6, 4 },
    };

    [Theory]
    [MemberData(nameof(PngForms))]
    public void Png_of_every_colour_type_and_depth_decodes(int depth, byte colourType, int channels)
    {
        var random = new Random(depth + 100 * colourType);
        var palette = new byte[3 << Math.Min(depth, 8)];
        random.NextBytes(palette);
        foreach ((int width, int height) in new[] { (1, 1), (3, 2), (5, 9), (33, 17) })
        foreach (bool interlaced in new[] { false, true })
        {
            var samples = new int[height, width, channels];
            for (int i = 0; i < samples.Length; i++)
                samples[i / channels / width, i / channels % width, i % channels] = random.Next(1 << depth);
            byte[] file = TestImages.WritePng(samples, depth, colourType, interlaced, colourType == 3 ? palette : null);

            ImageBuffer image = ImageCodec.Decode(file, "x.png");

            Assert.Equal((width, height), (image.Width, image.Height));
            for (int i = 0; i < image.Pixels.Length; i++)
            {
                int y = i / 3 / width, x = i / 3 % width, c = i % 3;
                int sample = samples[y, x, channels >= 3 ? c : 0];
                int expected = colourType == 3 ? palette[3 * sample + c]
                    : depth == 16 ? sample >> 8
                    : sample * 255 / ((1 << depth) - 1);
                Assert.Equal(expected, image.Pixels[i]);
            }
        }
    }

    [Fact]
    public void Png_written_by_the_encoder_reads_back()
    {
        Prop.ForAll(Gen.Choose(1, 40).Two().ToArbitrary(), size =>
        {
            ImageBuffer image = TestImages.Random(size.Item1, size.Item2, size.Item1 * 41 + size.Item2);
            ImageBuffer back = ImageCodec.Decode(ImageCodec.EncodePng(image), "x");
            return back.Width == image.Width && back.Height == image.Height && back.Pixels.SequenceEqual(image.Pixels);
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Png_with_any_byte_changed_or_cut_off_is_refused()
    {
        byte[] file = ImageCodec.EncodePng(TestImages.Random(6, 5, 1));
        for (int i = 0; i < file.Length; i++)
        {
            byte[] damaged = [.. file];
            damaged[i] ^= 0x10;
            Assert.Throws<DataFileException>(() => ImageCodec.Decode(damaged, "x.png"));
            Assert.Throws<DataFileException>(() => ImageCodec.Decode(file[..i], "x.png"));
        }
    }

    [Fact]
    public void Png_header_that_claims_far_more_pixels_than_the_file_holds_is_refused_before_allocation()
    {
        byte[] file = TestImages.WritePng(new int[1, 1, 1], 8, 0, false);
        file[16] = file[20] = 0;
        file[18] = file[22] = 0x30;     // 12288 x 12288
        uint crc = PngFormat.Crc(file.AsSpan(12, 17));
        System.Buffers.Binary.BinaryPrimitives.WriteUInt32BigEndian(file.AsSpan(29), crc);
        long before = GC.GetAllocatedBytesForCurrentThread();
        var e = Assert.Throws<DataFileException>(() => ImageCodec.Decode(file, "x.png"));
        Assert.Contains("less pixel data", e.Message, StringComparison.Ordinal);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }

    /// <summary>A row of 2²⁸ pixels of four samples of 16 bits has 2³¹ bytes.</summary>
    [Fact]
    public void Png_rows_of_more_bytes_than_32_bits_count_are_refused()
    {
        byte[] file = TestImages.WritePng(new int[1, 1, 4], 16, 6, false);
        System.Buffers.Binary.BinaryPrimitives.WriteInt32BigEndian(file.AsSpan(16), ImageBuffer.MaxPixels);
        System.Buffers.Binary.BinaryPrimitives.WriteUInt32BigEndian(file.AsSpan(29), PngFormat.Crc(file.AsSpan(12, 17)));
        var e = Assert.Throws<DataFileException>(() => ImageCodec.Decode(file, "x.png"));
        Assert.Contains("rows of 268435456 pixels", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("P2", 255), InlineData("P3", 255), InlineData("P5", 255), InlineData("P6", 255)]
    [InlineData("P2", 7), InlineData("P3", 1000), InlineData("P5", 15), InlineData("P6", 65535)]
    public void Netpbm_decodes(string magic, int maximum)
    {
        const int Width = 4, Height = 3;
        var random = new Random(maximum);
        bool binary = magic is "P5" or "P6";
        int channels = magic is "P3" or "P6" ? 3 : 1;
        int[] samples = [.. Enumerable.Range(0, Width * Height * channels).Select(_ => random.Next(maximum + 1))];
        byte[] header = Encoding.ASCII.GetBytes($"{magic} # a comment\n{Width}\t{Height}\n#another\n{maximum}\n");
        byte[] body = !binary
            ? Encoding.ASCII.GetBytes(string.Join(" \n", samples.Select(s => s.ToString(CultureInfo.InvariantCulture))))
            : [.. samples.SelectMany(s => maximum > 255 ? new[] { (byte)(s >> 8), (byte)s } : [(byte)s])];

        ImageBuffer image = ImageCodec.Decode([.. header, .. body], "x.ppm");

        Assert.Equal((Width, Height), (image.Width, image.Height));
        for (int i = 0; i < image.Pixels.Length; i++)
        {
            int sample = samples[channels == 3 ? i : i / 3];
            Assert.Equal((int)Math.Floor(sample * 255.0 / maximum + 0.5), image.Pixels[i]);
        }

        var e = Assert.Throws<DataFileException>(() => ImageCodec.Decode([.. header, .. body[..(body.Length / 2)]], "x.ppm"));
        Assert.Contains("truncated", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("P4 1 1 ")]
    [InlineData("P2 0 1 255 ")]
    [InlineData("P2 1 1 70000 0")]
    [InlineData("P2 1 1 9 10")]
    [InlineData("P2 1 1 9 x")]
    [InlineData("P6 99999 99999 255 ")]
    [InlineData("P5")]
    [InlineData("GIF89a")]
    [InlineData("")]
    public void Unusable_files_are_refused_by_name(string content)
    {
        using var folder = new TempFolder();
        string path = folder.Write("picture.png", content);
        var e = Assert.Throws<DataFileException>(() => ImageCodec.Load(path));
        Assert.Equal(path, e.File);
        Assert.StartsWith(path + ": ", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Missing_file_is_named()
    {
        var e = Assert.Throws<DataFileException>(() => ImageCodec.Load("/nowhere/picture.png"));
        Assert.StartsWith("/nowhere/picture.png: ", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_format_is_told_by_the_content()
    {
        using var folder = new TempFolder();
        ImageBuffer image = TestImages.Random(3, 4, 9);
        Assert.Equal(image.Pixels, ImageCodec.Load(folder.Write("picture.jpg", ImageCodec.EncodePng(image))).Pixels);
    }

    [Fact]
    public void Jpeg_decodes_or_says_what_to_install()
    {
        if (!ImageCodec.IsJpegAvailable)
        {
            var missing = Assert.Throws<DataFileException>(() => ImageCodec.Decode(GreyJpeg, "x.jpg"));
            Assert.Contains("libturbojpeg0", missing.Message, StringComparison.Ordinal);
            return;
        }

        ImageBuffer image = ImageCodec.Decode(GreyJpeg, "x.jpg");
        Assert.Equal((8, 8), (image.Width, image.Height));
        Assert.All(image.Pixels, value => Assert.Equal(128, value));
        Assert.Throws<DataFileException>(() => ImageCodec.Decode(GreyJpeg[..^3], "x.jpg"));
        Assert.Throws<DataFileException>(() => ImageCodec.Decode(GreyJpeg[..100], "x.jpg"));
    }

    [Fact]
    public void Jpeg_photographs_decode_and_their_truncations_are_refused()
    {
        if (!ExternalData.TryGet("data/imagenet", out string? folder) || !ImageCodec.IsJpegAvailable)
            return;

        foreach (string path in Directory.GetFiles(folder, "*.JPEG").Order(StringComparer.Ordinal).Take(20))
        {
            byte[] file = File.ReadAllBytes(path);
            ImageBuffer image = ImageCodec.Decode(file, path);
            Assert.True(Math.Min(image.Width, image.Height) <= 288);
            Assert.True(image.Pixels.Distinct().Count() > 64);
            Assert.Throws<DataFileException>(() => ImageCodec.Decode(file[..(file.Length / 2)], path));
        }
    }

    /// <summary>An 8x8 grey JPEG written by hand: one Huffman code per table, DC difference 0, all AC 0, hence 128 everywhere.</summary>
    private static byte[] GreyJpeg =>
    [
        0xFF, 0xD8,
        0xFF, 0xDB, 0, 67, 0, .. Enumerable.Repeat((byte)1, 64),
        0xFF, 0xC0, 0, 11, 8, 0, 8, 0, 8, 1, 1, 0x11, 0,
        0xFF, 0xC4, 0, 20, 0x00, 1, .. new byte[15], 0x00,
        0xFF, 0xC4, 0, 20, 0x10, 1, .. new byte[15], 0x00,
        0xFF, 0xDA, 0, 8, 1, 1, 0x00, 0, 63, 0,
        0x3F,
        0xFF, 0xD9,
    ];
}
