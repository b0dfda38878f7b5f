// Data sets: what they contain, what they refuse and how, and which subset they give.
using Int8Runtime.TestKit;

namespace Int8Runtime.Quantization.Tests;

public class DatasetTests
{
    private static readonly Preprocessing Raw = Preprocessing.FromPreset("raw");

    [Fact]
    public void A_folder_is_read_in_the_order_of_names_with_its_labels()
    {
        using var folder = new TempFolder();
        ImageBuffer a = TestImages.Random(4, 3, 1), b = TestImages.Random(4, 3, 2);
        folder.Write("b with space.png", ImageCodec.EncodePng(b));
        folder.Write("a.png", ImageCodec.EncodePng(a));
        folder.Write("notes.md", "no image");
        folder.Write("labels.txt", "# class indices\n\nb with space.png 7\r\na.png\t3\n");

        IDataset set = DatasetFactory.Open(folder.Path, Raw, requireLabels: true);

        Assert.Equal(2, set.Count);
        Assert.Equal(Shape.Create([3, 3, 4]), set.SampleShape);
        Assert.Equal(36, set.SampleLength());
        Assert.Equal(["a.png", "b with space.png"], [set.SampleName(0), set.SampleName(1)]);
        Assert.Equal([3, 7], [set.Label(0), set.Label(1)]);
        var values = new float[36];
        set.Load(1, values);
        Assert.Equal(b.Pixels[0], values[0]);
        Assert.Equal(b.Pixels[4], values[13]);
    }

    [Fact]
    public void Labels_may_be_absent_where_they_are_not_needed()
    {
        using var folder = new TempFolder();
        folder.Write("a.png", ImageCodec.EncodePng(TestImages.Random(2, 2, 1)));
        Assert.Null(DatasetFactory.Open(folder.Path, Raw).Label(0));
        Assert.Contains("labels.txt", Refused(folder.Path, requireLabels: true).Message, StringComparison.Ordinal);

        folder.Write("b.png", ImageCodec.EncodePng(TestImages.Random(2, 2, 1)));
        folder.Write("labels.txt", "a.png 1");
        Assert.Null(DatasetFactory.Open(folder.Path, Raw).Label(1));
        DataFileException e = Refused(folder.Path, requireLabels: true);
        Assert.Contains("b.png", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("a.png 1\nmissing.png 2", 2, "missing.png")]
    [InlineData("a.png", 1, "a.png")]
    [InlineData("a.png -1", 1, "a.png -1")]
    [InlineData("\na.png one", 2, "a.png one")]
    [InlineData("a.png 1\na.png 2", 2, "a.png")]
    public void A_bad_line_is_named_with_its_number(string labels, int line, string mentions)
    {
        using var folder = new TempFolder();
        folder.Write("a.png", ImageCodec.EncodePng(TestImages.Random(2, 2, 1)));
        string file = folder.Write("labels.txt", labels);
        DataFileException e = Refused(folder.Path);
        Assert.Equal((file, line), (e.File, e.Line));
        Assert.StartsWith($"{file}:{line}: ", e.Message, StringComparison.Ordinal);
        Assert.Contains(mentions, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Empty_and_missing_folders_are_refused()
    {
        using var folder = new TempFolder();
        Assert.Contains("no images", Refused(folder.Path).Message, StringComparison.Ordinal);
        Assert.Contains("no such", Refused(Path.Combine(folder.Path, "x")).Message, StringComparison.Ordinal);
        Assert.Contains("single image", Refused(folder.Write("a.png", "")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Images_that_differ_in_size_need_a_resize()
    {
        using var folder = new TempFolder();
        folder.Write("a.png", ImageCodec.EncodePng(TestImages.Random(4, 4, 1)));
        string other = folder.Write("b.png", ImageCodec.EncodePng(TestImages.Random(4, 5, 1)));
        IDataset raw = DatasetFactory.Open(folder.Path, Raw);
        var e = Assert.Throws<DataFileException>(() => raw.Load(1, new float[48]));
        Assert.Equal(other, e.File);
        Assert.Contains("--resize", e.Message, StringComparison.Ordinal);

        IDataset resized = DatasetFactory.Open(folder.Path, Raw with { Resize = new(4, 4) });
        resized.Load(1, new float[48]);
        IDataset cropped = DatasetFactory.Open(folder.Path, Raw with { Crop = new(5, 5) });
        Assert.Throws<DataFileException>(() => cropped.SampleShape);
    }

    [Fact]
    public void Cifar10_records_are_planes_after_a_label()
    {
        using var folder = new TempFolder();
        var records = new byte[3 * Cifar10Dataset.RecordBytes];
        new Random(5).NextBytes(records);
        for (int i = 0; i < 3; i++)
            records[i * Cifar10Dataset.RecordBytes] = (byte)(i + 4);
        string first = folder.Write("data_batch_1.bin", records[..Cifar10Dataset.RecordBytes]);
        folder.Write("data_batch_2.bin", records[Cifar10Dataset.RecordBytes..]);

        IDataset set = DatasetFactory.Open(folder.Path, Raw, requireLabels: true);

        Assert.Equal(3, set.Count);
        Assert.Equal([4, 5, 6], [set.Label(0), set.Label(1), set.Label(2)]);
        Assert.Equal(Shape.Create([3, 32, 32]), set.SampleShape);
        var values = new float[3072];
        set.Load(2, values);
        Assert.Equal(records[^3072..].Select(b => (float)b), values);
        Assert.Equal(1, DatasetFactory.Open(first, Raw).Count);

        records[Cifar10Dataset.RecordBytes] = 10;
        Assert.Contains("record 1", Refused(folder.Write("wrong.bin", records)).Message, StringComparison.Ordinal);
        Assert.Contains("9218 bytes", Refused(folder.Write("wrong.bin", records[1..])).Message, StringComparison.Ordinal);
        Assert.Contains("0 bytes", Refused(folder.Write("wrong.bin", "")).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(10, 3), InlineData(2000, 200), InlineData(7, 7), InlineData(5, 9)]
    public void A_subset_takes_one_sample_of_each_stretch_and_is_always_the_same(int count, int wanted)
    {
        var records = new byte[count * Cifar10Dataset.RecordBytes];
        for (int i = 0; i < count; i++)
            records[i * Cifar10Dataset.RecordBytes] = (byte)(i % 10);
        var set = new Cifar10Dataset("set", records, Raw);
        IDataset subset = set.Subset(wanted), again = set.Subset(wanted);
        Assert.Equal(Math.Min(count, wanted), subset.Count);
        for (int i = 0; i < subset.Count; i++)
        {
            int index = int.Parse(subset.SampleName(i)[4..^1], System.Globalization.CultureInfo.InvariantCulture);
            Assert.InRange(index, i * count / subset.Count, (i + 1) * count / subset.Count - 1);
            Assert.Equal(subset.SampleName(i), again.SampleName(i));
            Assert.Equal(index % 10, subset.Label(i));
        }

        // 2000 records whose classes take turns: no class may dominate a subset of 200.
        if (count == 2000)
            Assert.All(Enumerable.Range(0, 200).CountBy(i => subset.Label(i)!.Value), c => Assert.InRange(c.Value, 8, 34));
    }

    [Fact]
    public void Many_threads_read_one_set()
    {
        using var folder = new TempFolder();
        for (int i = 0; i < 8; i++)
            folder.Write($"{i}.png", ImageCodec.EncodePng(TestImages.Random(9, 9, i)));
        IDataset set = DatasetFactory.Open(folder.Path, Raw);
        Parallel.For(0, 64, i =>
        {
            var values = new float[243];
            set.Load(i % 8, values);
            Assert.Equal(TestImages.Random(9, 9, i % 8).Pixels[0], values[0]);
        });
    }

    [Fact]
    public void The_published_image_sets_open()
    {
        if (!ExternalData.TryGet("data", out string? data))
            return;

        Assert.Equal(5000, DatasetFactory.Open(Path.Combine(data, "cifar10", "test_5000.bin"), Raw, requireLabels: true).Count);
        IDataset imagenet = DatasetFactory.Open(Path.Combine(data, "imagenet"), Preprocessing.FromPreset("imagenet"), requireLabels: true);
        Assert.Equal(500, imagenet.Count);
        Assert.Equal((0, 998), (imagenet.Label(0)!.Value, Enumerable.Range(0, 500).Max(i => imagenet.Label(i)!.Value)));
        if (ImageCodec.IsJpegAvailable)
            Assert.Equal(Shape.Create([3, 224, 224]), imagenet.SampleShape);
    }

    private static DataFileException Refused(string path, bool requireLabels = false) =>
        Assert.Throws<DataFileException>(() => DatasetFactory.Open(path, Raw, requireLabels));

    [Fact]
    public void Cached_samples_are_loaded_once_and_equal()
    {
        var inner = new SyntheticDataset([5], 20);
        var cached = new CachedDataset(inner, maxBytes: 12 * 5 * sizeof(float));
        float[] expected = new float[5], actual = new float[5];
        for (int round = 0; round < 2; round++)
        {
            for (int i = 0; i < 20; i++)
            {
                inner.Load(i, expected);
                cached.Load(i, actual);
                Assert.Equal(expected, actual);
                actual.AsSpan().Clear();
            }
        }

        Assert.Equal((inner.Name, 20, inner.SampleName(3)), (cached.Name, cached.Count, cached.SampleName(3)));
    }

    /// <summary>Two threads that load one sample at the same time keep it once.</summary>
    [Fact]
    public void Samples_that_two_loads_meet_count_once()
    {
        var inner = new MeetingDataset();
        var cached = new CachedDataset(inner, maxBytes: 2 * sizeof(float));
        inner.Meet = () => cached.Load(0, new float[1]);
        for (int round = 0; round < 3; round++)
            for (int i = 0; i < 2; i++)
                cached.Load(i, new float[1]);
        Assert.Equal([2, 1], inner.Loads); // sample 0 by both
    }

    private sealed class MeetingDataset : IDataset
    {
        public Action? Meet { get; set; }

        public int[] Loads { get; } = new int[2];

        public string Name => "meeting";

        public int Count => 2;

        public Shape SampleShape => [1];

        public string SampleName(int index) => $"{index}";

        public int? Label(int index) => null;

        public void Load(int index, Span<float> destination)
        {
            Loads[index]++;
            (Action? meet, Meet) = (Meet, null);
            meet?.Invoke();
        }
    }
}
