// Pascal VOC: JPEGImages, Annotations/*.xml with bounding boxes, ImageSets/Main/*.txt with the names of a split.
using System.Globalization;
using System.Xml;
using System.Xml.Linq;

namespace Int8Runtime.Quantization;

/// <summary>
/// A folder of the Pascal VOC challenges (for example <c>VOC2007</c>). Annotations are read without document type definitions
/// or external entities.
/// </summary>
public sealed class VocDataset : ImageFileDataset
{
    /// <summary>The classes of Pascal VOC in their usual order; a file <c>classes.txt</c> in the folder replaces them.</summary>
    public static IReadOnlyList<string> DefaultClasses { get; } =
    [
        "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog", "horse",
        "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
    ];

    private readonly string _annotations;
    private readonly Dictionary<string, int> _classes;

    private VocDataset(string folder, IReadOnlyList<string> files, IReadOnlyList<string> classes, Preprocessing preprocessing)
        : base(folder, Path.Combine(folder, "JPEGImages"), files, preprocessing)
    {
        _annotations = Path.Combine(folder, "Annotations");
        _classes = classes.Select((name, index) => (name, index)).ToDictionary(c => c.name, c => c.index, StringComparer.Ordinal);
    }

    /// <summary>True if the folder is laid out as Pascal VOC is.</summary>
    public static bool IsVocFolder(string folder) =>
        Directory.Exists(Path.Combine(folder, "Annotations")) && Directory.Exists(Path.Combine(folder, "JPEGImages"));

    /// <summary>Lists the images; none is read yet.</summary>
    /// <param name="folder">The folder with JPEGImages and Annotations.</param>
    /// <param name="preprocessing">What to do with each image.</param>
    /// <param name="split">
    /// The list <c>ImageSets/Main/SPLIT.txt</c>; null takes <c>test</c> or else <c>val</c> where such a list exists, and
    /// otherwise every image that has an annotation.
    /// </param>
    /// <exception cref="DataFileException">The folder is not of this form, or a listed image is missing.</exception>
    public static VocDataset Open(string folder, Preprocessing preprocessing, string? split = null)
    {
        if (!IsVocFolder(folder))
            throw new DataFileException(folder, "there are no folders JPEGImages and Annotations",
                "give the folder of one year, for example VOC2007");
        string images = Path.Combine(folder, "JPEGImages");
        ILookup<string, string> files = UserFiles.In(images).Where(ImageCodec.HasImageExtension)
            .Select(f => Path.GetFileName(f)).ToLookup(f => Path.GetFileNameWithoutExtension(f), StringComparer.Ordinal);
        string ListOf(string name) => Path.Combine(folder, "ImageSets", "Main", name + ".txt");
        string? list = split is not null ? ListOf(split) : new[] { "test", "val" }.Select(ListOf).FirstOrDefault(File.Exists);
        if (split is not null && !File.Exists(list))
            throw new DataFileException(list!, "there is no list of this split", "name a file of ImageSets/Main without its extension");
        IEnumerable<string> names = list is not null
            ? UserFiles.Lines(list).Select(l => l.Split(' ', 2)[0].Trim()).Where(l => l.Length > 0)
            : files.Select(f => f.Key).Where(n => File.Exists(Path.Combine(folder, "Annotations", n + ".xml")))
                .Order(StringComparer.Ordinal);
        string[] chosen = [.. names.Select(n => files[n].FirstOrDefault()
            ?? throw new DataFileException(list ?? images, $"there is no image '{n}' in {images}", "put it there or take the line out"))];
        if (chosen.Length == 0)
            throw new DataFileException(folder, "there are no annotated images", "give a folder of Pascal VOC");
        string classes = Path.Combine(folder, "classes.txt");
        return new VocDataset(
            folder, chosen,
            File.Exists(classes) ? [.. UserFiles.Lines(classes).Select(l => l.Trim()).Where(l => l.Length > 0).Distinct()] : DefaultClasses,
            preprocessing);
    }

    /// <summary>The objects, in pixels of the model's input: a list of <see cref="LabelledBox"/>.</summary>
    /// <inheritdoc/>
    public override object Annotation(int index)
    {
        string file = Path.Combine(_annotations, Path.ChangeExtension(SampleName(index), ".xml"));
        ImagePlacement placement = Geometry(index).Placement;
        try
        {
            using XmlReader reader =
                XmlReader.Create(file, new XmlReaderSettings { DtdProcessing = DtdProcessing.Prohibit, XmlResolver = null });
            return XDocument.Load(reader).Root!.Elements("object").Select(o => Parse(file, o, placement)).ToArray();
        }
        catch (Exception e) when (e is XmlException or UnauthorizedAccessException or (IOException and not DataFileException))
        {
            throw new DataFileException(file, e.Message.TrimEnd('.'), "download the annotations again",
                (e as XmlException)?.LineNumber ?? 0, e);
        }
    }

    private LabelledBox Parse(string file, XElement element, ImagePlacement placement)
    {
        string name = element.Element("name")?.Value.Trim() ?? "";
        if (!_classes.TryGetValue(name, out int index))
            throw new DataFileException(file, $"the class '{name}' is not known",
                "list the classes in classes.txt, one a line, in the model's order");
        XElement? box = element.Element("bndbox");
        float Edge(string edge) =>
            float.TryParse(box?.Element(edge)?.Value, NumberStyles.Float, CultureInfo.InvariantCulture, out float value)
                && float.IsFinite(value)
                ? value
                : throw new DataFileException(file, $"an object '{name}' has no number for {edge}", "download the annotations again");

        // Pixels count from 1 and the last one belongs to the box.
        return new LabelledBox(
            new Box(Edge("xmin") - 1, Edge("ymin") - 1, Edge("xmax"), Edge("ymax")).Place(placement), index,
            element.Element("difficult")?.Value.Trim() == "1");
    }
}
