// Samples that are image files: loading, preprocessing, and where an image's pixels end up in the sample.
namespace Int8Runtime.Quantization;

/// <summary>A list of image files. Derived classes add what is known about them: classes, boxes.</summary>
public abstract class ImageFileDataset : IDataset
{
    private readonly string _folder;
    private readonly IReadOnlyList<string> _files;
    private readonly Preprocessor _preprocessor;
    private readonly Lazy<Shape> _shape;

    /// <summary>Keeps the list; no image is read yet.</summary>
    /// <param name="name">What messages call the set.</param>
    /// <param name="folder">The folder that the files are relative to.</param>
    /// <param name="files">The files, at least one.</param>
    /// <param name="preprocessing">What to do with each image.</param>
    protected ImageFileDataset(string name, string folder, IReadOnlyList<string> files, Preprocessing preprocessing)
    {
        Name = name;
        _folder = folder;
        _files = files;
        _preprocessor = new Preprocessor(preprocessing);
        _shape = new Lazy<Shape>(() => _preprocessor.SampleShape(Read(0, out _)));
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public int Count => _files.Count;

    /// <inheritdoc/>
    public Shape SampleShape => _shape.Value;

    /// <inheritdoc/>
    public string SampleName(int index) => _files[index];

    /// <inheritdoc/>
    public virtual int? Label(int index) => null;

    /// <inheritdoc/>
    public virtual object? Annotation(int index) => null;

    /// <inheritdoc/>
    public void Load(int index, Span<float> destination)
    {
        ImageBuffer image = Read(index, out _);
        Shape shape = _preprocessor.SampleShape(image);
        if (shape != _shape.Value)
        {
            throw new DataFileException(PathOf(index),
                $"the image gives a sample of {string.Join('x', shape)}, the first one of the folder {string.Join('x', _shape.Value)}",
                "make the sizes equal with --resize WIDTHxHEIGHT, or with --resize and --crop");
        }

        _preprocessor.Normalize(image, destination);
    }

    /// <summary>The path of a sample's file.</summary>
    /// <param name="index">0 to <see cref="Count"/> − 1.</param>
    protected string PathOf(int index) => Path.Combine(_folder, _files[index]);

    /// <summary>The size of an image in its file, in pixels, and where its pixels go in the sample.</summary>
    /// <param name="index">0 to <see cref="Count"/> − 1.</param>
    /// <exception cref="DataFileException">The image cannot be read.</exception>
    protected (int Width, int Height, ImagePlacement Placement) Geometry(int index)
    {
        ImageBuffer image = ImageCodec.Load(PathOf(index));
        Arrange(index, image, out ImagePlacement placement);
        return (image.Width, image.Height, placement);
    }

    private ImageBuffer Read(int index, out ImagePlacement placement) => Arrange(index, ImageCodec.Load(PathOf(index)), out placement);

    private ImageBuffer Arrange(int index, ImageBuffer image, out ImagePlacement placement)
    {
        try
        {
            return _preprocessor.Arrange(image, out placement);
        }
        catch (InvalidDataException e)
        {
            throw new DataFileException(PathOf(index), e.Message, "choose another --resize or --crop", inner: e);
        }
    }
}
