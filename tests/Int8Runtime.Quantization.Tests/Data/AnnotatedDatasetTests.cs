// The data sets of detection and of small grey images, lists, NumPy files, letterboxes: what they contain and refuse.
using System.Buffers.Binary;
using System.IO.Compression;
using Int8Runtime.Graph;

namespace Int8Runtime.Quantization.Tests;

public sealed class AnnotatedDatasetTests
{
    private static readonly Preprocessing Raw = Preprocessing.FromPreset("raw");

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Idx_files_give_grey_images_and_labels(bool compressed)
    {
        using var folder = new TempFolder();
        byte[] pixels = [.. Enumerable.Range(0, 2 * 3 * 4).Select(i => (byte)(10 * i))];
        string suffix = compressed ? ".gz" : "";
        string images = folder.Write("t10k-images-idx3-ubyte" + suffix, Pack([.. Header(0x803, 2, 3, 4), .. pixels], compressed));
        folder.Write("t10k-labels-idx1-ubyte" + suffix, Pack([.. Header(0x801, 2), 7, 3], compressed));
        IDataset set = DatasetFactory.Open(images, Preprocessing.Parse(channels: "grey"));
        Assert.IsType<IdxDataset>(set);
        Assert.Equal(Shape.Create([1, 3, 4]), set.SampleShape);
        Assert.Equal([7, 3], [set.Label(0), set.Label(1)]);
        var values = new float[12];
        set.Load(1, values);
        Assert.Equal(pixels[12..].Select(p => (float)p), values);
    }

    [Fact]
    public void Damaged_idx_files_are_refused()
    {
        using var folder = new TempFolder();
        string images = folder.Write("a-images-idx3-ubyte", [.. Header(0x803, 2, 3, 4), 1, 2]);
        Assert.Contains("the header says 2 images of 3x4",
            Assert.Throws<DataFileException>(() => DatasetFactory.Open(images, Raw)).Message, StringComparison.Ordinal);
        folder.Write("a-images-idx3-ubyte", [.. Header(0x803, 1, 1, 1), 9]);
        folder.Write("a-labels-idx1-ubyte", [.. Header(0x801, 2), 1, 2]);
        Assert.Contains("no idx file of 1 labels",
            Assert.Throws<DataFileException>(() => DatasetFactory.Open(images, Raw)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Yolo_labels_become_boxes_in_the_model_s_input()
    {
        using var folder = new TempFolder();
        string images = Path.Combine(folder.Path, "images", "val"), labels = Path.Combine(folder.Path, "labels", "val");
        Directory.CreateDirectory(images);
        Directory.CreateDirectory(labels);
        File.WriteAllBytes(Path.Combine(images, "a.png"), ImageCodec.EncodePng(TestImages.Random(40, 20, 1)));
        File.WriteAllBytes(Path.Combine(images, "b.png"), ImageCodec.EncodePng(TestImages.Random(20, 20, 2)));
        File.WriteAllText(Path.Combine(labels, "a.txt"), "3 0.5 0.5 0.25 0.5\n\n");
        IDataset set = DatasetFactory.Open(images, Preprocessing.Parse(letterbox: "80"));
        Assert.Equal(Shape.Create([3, 80, 80]), set.SampleShape);

        // 40×20 fits as 80×40, 20 rows below the top.
        LabelledBox box = Assert.Single((IReadOnlyList<LabelledBox>)set.Annotation(0)!);
        Assert.Equal(new LabelledBox(new Box(30, 30, 50, 50), 3), box);
        Assert.Empty((IReadOnlyList<LabelledBox>)set.Annotation(1)!);
        Assert.Equal(set.Annotation(0), new[] { 0, 1 }.Select(i => set.Subset(2).Annotation(i)).First());

        File.WriteAllText(Path.Combine(labels, "a.txt"), "0 0.5 0.5 0.25 0.5\n1.5 0 0 0 0\n");
        DataFileException e = Assert.Throws<DataFileException>(() => set.Annotation(0));
        Assert.Equal((Path.Combine(labels, "a.txt"), 2), (e.File, e.Line));
    }

    [Fact]
    public void Letterboxes_keep_proportions_and_fill_with_grey()
    {
        var image = new ImageBuffer(4, 2);
        Array.Fill(image.Pixels, (byte)200);
        ImageBuffer framed = new Preprocessor(Preprocessing.Parse(letterbox: "8")).Arrange(image, out ImagePlacement placement);
        Assert.Equal((8, 8), (framed.Width, framed.Height));
        Assert.Equal(new ImagePlacement(2, 2, 0, 2), placement);
        Assert.Equal([114, 114, 200, 200, 200, 200, 114, 114], Enumerable.Range(0, 8).Select(y => (int)framed.Row(y)[9]));
        Assert.Contains("--letterbox",
            Assert.Throws<FormatException>(() => Preprocessing.Parse(letterbox: "8", crop: "4")).Message,
            StringComparison.Ordinal);
        Assert.Null(Preprocessing.Parse("yolox", resize: "32x32").Letterbox);
    }

    [Fact]
    public void Resizing_and_cropping_tell_where_a_box_goes()
    {
        new Preprocessor(Preprocessing.Parse(resize: "10", crop: "8")).Arrange(new ImageBuffer(40, 20), out ImagePlacement placement);
        Assert.Equal(new ImagePlacement(0.5, 0.5, -6, -1), placement);
        Assert.Equal(new Box(4, 4, 9, 9), new Box(20, 10, 30, 20).Place(placement));
    }

    [Fact]
    public void Pascal_voc_annotations_are_read_with_their_split_and_difficult_objects()
    {
        using TempFolder folder = VocFolder("<object><name>dog</name><difficult>0</difficult><bndbox><xmin>3</xmin><ymin>2</ymin><xmax>10</xmax><ymax>8</ymax></bndbox></object>"
            + "<object><name>cat</name><difficult>1</difficult><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>2</xmax><ymax>2</ymax></bndbox></object>");
        IDataset set = DatasetFactory.Open(folder.Path, Raw);
        Assert.IsType<VocDataset>(set);
        Assert.Equal(1, set.Count);
        Assert.Equal("000002.png", set.SampleName(0));
        Assert.Equal(
            [new(new Box(2, 1, 10, 8), 11), new LabelledBox(new Box(0, 0, 2, 2), 7, IsDifficult: true)],
            (IReadOnlyList<LabelledBox>)set.Annotation(0)!);
    }

    [Theory]
    [InlineData("<object><name>dragon</name></object>", "the class 'dragon' is not known")]
    [InlineData("<object><name>dog</name><bndbox><xmin>x</xmin></bndbox></object>", "has no number for xmin")]
    [InlineData("<object>", "annotations again")]
    public void Bad_annotations_are_refused(string objects, string mentions)
    {
        using TempFolder folder = VocFolder(objects);
        IDataset set = DatasetFactory.Open(folder.Path, Raw);
        Assert.Contains(mentions, Assert.Throws<DataFileException>(() => set.Annotation(0)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_document_type_in_an_annotation_is_refused()
    {
        using TempFolder folder = VocFolder("", "<!DOCTYPE a [<!ENTITY e SYSTEM \"file:///etc/hostname\">]>");
        Assert.Contains("DTD",
            Assert.Throws<DataFileException>(() => DatasetFactory.Open(folder.Path, Raw).Annotation(0)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Numpy_files_give_samples_labels_and_targets()
    {
        using var folder = new TempFolder();
        NpyFile.Save(Path.Combine(folder.Path, "inputs.npy"), [.. Enumerable.Range(0, 12).Select(i => (float)i)], [2, 3, 2]);
        NpyFile.Save(Path.Combine(folder.Path, "labels.npy"), new NpyArray(DataType.UInt8, [2], [4, 5]));
        NpyFile.Save(Path.Combine(folder.Path, "targets.npy"), new NpyArray(DataType.UInt8, [2, 2], [1, 2, 3, 4]));
        IDataset set = DatasetFactory.Open(folder.Path, Raw);
        Assert.Equal((2, Shape.Create([3, 2])), (set.Count, set.SampleShape));
        Assert.Equal([4, 5], [set.Label(0), set.Label(1)]);
        Assert.Equal([3, 4], ((NpyArray)set.Annotation(1)!).Data);
        var values = new float[6];
        set.Load(1, values);
        Assert.Equal([6f, 7, 8, 9, 10, 11], values);
        NpyFile.Save(Path.Combine(folder.Path, "labels.npy"), new NpyArray(DataType.UInt8, [3], [4, 5, 6]));
        Assert.Contains("are not 2 integers",
            Assert.Throws<DataFileException>(() => DatasetFactory.Open(folder.Path, Raw)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Numpy_files_feed_models_with_several_inputs_by_name()
    {
        ModelGraph graph = TwoInputs();
        using var folder = new TempFolder();
        var arrays = new Dictionary<string, NpyArray>
        {
            ["numbers"] = NpyArray.Of([1, 2, 3, 4, 5, 6], [3, 2]), ["ids_0"] = new NpyArray(DataType.UInt8, [3, 1], [0, 1, 1]),
            ["labels"] = new NpyArray(DataType.UInt8, [3], [7, 8, 9]),
        };
        foreach ((string name, NpyArray array) in arrays)
            NpyFile.Save(Path.Combine(folder.Path, name + ".npy"), array);
        string archive = Path.Combine(folder.Path, "samples.npz");
        using (System.IO.Compression.ZipArchive zip =
            System.IO.Compression.ZipFile.Open(archive, System.IO.Compression.ZipArchiveMode.Create))
        {
            foreach ((string name, NpyArray array) in arrays)
            {
                using Stream entry = zip.CreateEntry(name + ".npy").Open();
                entry.Write(NpyFile.Format(array));
            }
        }

        using var engine = CpuEngine.Create();
        foreach (string path in (string[])[folder.Path, archive])
        {
            IDataset set = new CachedDataset(DatasetFactory.Open(path, Raw)).Subset(3);
            Assert.Equal(["ids_0", "numbers"], set.InputNames);
            Assert.Equal(8, set.Label(1));
            SampleFeed feed = SampleFeed.Of(graph, set);
            using CompiledModel model = engine.Compile(graph);
            using InferenceRequest request = model.CreateRequest(feed.Shapes);
            feed.Load(2, request);
            Assert.Equal([5f, 6], request.Input("numbers").AsSpan<float>().ToArray());
            Assert.Equal([1L], request.Input("ids:0").AsSpan<long>().ToArray());
            using InferenceRequest other = model.CreateRequest(feed.Shapes);
            feed.Copy(request, other);
            Assert.Equal([1L], other.Input("ids:0").AsSpan<long>().ToArray());
        }
    }

    [Theory]
    [InlineData("numbers", "Name the array ids_0.npy")]
    [InlineData("inputs", "an array NAME.npy for each input")]
    public void Missing_inputs_are_named(string only, string message)
    {
        using var folder = new TempFolder();
        NpyFile.Save(Path.Combine(folder.Path, only + ".npy"), [1, 2], [1, 2]);
        var exception = Assert.Throws<QuantizationException>(() => SampleFeed.Of(TwoInputs(), DatasetFactory.Open(folder.Path, Raw)));
        Assert.Contains(message, exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Values_that_do_not_fit_the_input_are_refused()
    {
        using var ids = new TensorMemory(new MemoryDescriptor([1, 1], DataType.Int8));
        Assert.False(NpyArray.Of([300], [1]).TryCopyTo(ids));
        Assert.False(NpyArray.Of([0.5f], [1]).TryCopyTo(ids));
        Assert.False(NpyArray.Of([1, 2], [2]).TryCopyTo(ids));
        Assert.True(NpyArray.Of([-3], [1]).TryCopyTo(ids));
        Assert.Equal([(sbyte)-3], ids.AsSpan<sbyte>().ToArray());
    }

    [Fact]
    public void Synthetic_samples_fill_every_input()
    {
        ModelGraph graph = TwoInputs();
        var set = new SyntheticDataset(graph, 20);
        SampleFeed feed = SampleFeed.Of(graph, set);
        using var engine = CpuEngine.Create();
        using CompiledModel model = engine.Compile(graph);
        using InferenceRequest request = model.CreateRequest(feed.Shapes);
        var seen = new HashSet<long>();
        for (int i = 0; i < set.Count; i++)
        {
            feed.Load(i, request);
            seen.Add(request.Input("ids:0").AsSpan<long>()[0]);
            Assert.All(request.Input("numbers").AsSpan<float>().ToArray(), v => Assert.True(float.IsFinite(v) && v != 0));
        }

        Assert.Equal([0L, 1], seen.Order());
    }

    // A row of a table, chosen by one input, plus the other input.
    private static ModelGraph TwoInputs()
    {
        var graph = new ModelGraph("two inputs");
        GraphValue numbers = graph.AddInput("numbers", DataType.Float32, new GraphShape(1, 2)),
            ids = graph.AddInput("ids:0", DataType.Int64, new GraphShape(1, 1));
        GraphValue table = graph.AddConstant("table", TensorData.Create<float>([1, 2, 3, 4], [2, 2]));
        GraphValue row = graph.AddOperation("Gather", "row", [table, ids]);
        GraphValue flat = graph.AddOperation("Reshape", "flat", [row, graph.AddConstant("shape", TensorData.Create<long>([1, 2], [2]))]);
        graph.SetOutputs([graph.AddOperation("Add", "sum", [flat, numbers])]);
        return graph;
    }

    [Fact]
    public void A_list_of_images_gives_exactly_those_with_their_labels()
    {
        using var folder = new TempFolder();
        foreach (string name in new[] { "ILSVRC2012_val_00000001.png", "ILSVRC2012_val_00000002.png", "ILSVRC2012_val_00000003.png" })
            folder.Write(name, ImageCodec.EncodePng(TestImages.Random(2, 2, 1)));
        string list = folder.Write("val.txt", "ILSVRC2012_val_00000003.png 65\nILSVRC2012_val_00000001.png 970\n");
        IDataset set = DatasetFactory.Open(list, Raw, requireLabels: true);
        Assert.Equal(2, set.Count);
        Assert.Equal([970, 65], [set.Label(0), set.Label(1)]);
        Assert.Equal(Shape.Create([3, 2, 2]), set.SampleShape);
    }

    [Fact]
    public void A_subset_and_its_remainder_are_the_whole_set()
    {
        var set = new SyntheticDataset([1], 50);
        IEnumerable<string> Names(IDataset some) => Enumerable.Range(0, some.Count).Select(some.SampleName);
        IDataset rest = set.Remainder(20)!;
        Assert.Equal(30, rest.Count);
        Assert.Empty(Names(rest).Intersect(Names(set.Subset(20))));
        Assert.Equal(50, Names(rest).Concat(Names(set.Subset(20))).Distinct().Count());
        Assert.Null(set.Remainder(50));
    }

    private static TempFolder VocFolder(string objects, string before = "")
    {
        var folder = new TempFolder();
        foreach (string part in new[] { "JPEGImages", "Annotations", "ImageSets/Main" })
            Directory.CreateDirectory(Path.Combine(folder.Path, part));
        foreach (string name in new[] { "000001", "000002" })
            File.WriteAllBytes(Path.Combine(folder.Path, "JPEGImages", name + ".png"), ImageCodec.EncodePng(TestImages.Random(12, 9, 1)));
        File.WriteAllText(Path.Combine(folder.Path, "Annotations", "000002.xml"), $"{before}<annotation>{objects}</annotation>");
        File.WriteAllText(Path.Combine(folder.Path, "ImageSets", "Main", "test.txt"), "000002\n");
        return folder;
    }

    private static byte[] Header(params int[] values)
    {
        var bytes = new byte[4 * values.Length];
        for (int i = 0; i < values.Length; i++)
            BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(4 * i), values[i]);
        return bytes;
    }

    private static byte[] Pack(byte[] content, bool compressed)
    {
        if (!compressed)
            return content;
        using var memory = new MemoryStream();
        using (var gzip = new GZipStream(memory, CompressionLevel.Fastest))
            gzip.Write(content);
        return memory.ToArray();
    }
}
