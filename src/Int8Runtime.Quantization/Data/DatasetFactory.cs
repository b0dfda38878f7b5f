// Opens a data set by what its path is.
namespace Int8Runtime.Quantization;

/// <summary>Opens data sets.</summary>
public static class DatasetFactory
{
    /// <summary>
    /// Opens a data set. A folder is, in this order: one with .npy files (<see cref="NpyDataset"/>), one of Pascal VOC
    /// (<see cref="VocDataset"/>), images with YOLO labels beside them (<see cref="YoloDataset"/>), images
    /// (<see cref="ImageFolderDataset"/>), or <c>.bin</c> files of CIFAR-10 (<see cref="Cifar10Dataset"/>). A file is a list of
    /// images (<c>.txt</c>), arrays for the inputs of a model (<c>.npz</c>), an idx file (<see cref="IdxDataset"/>) or a CIFAR-10
    /// binary file.
    /// </summary>
    /// <param name="path">The file or folder.</param>
    /// <param name="preprocessing">What to do with each image.</param>
    /// <param name="requireLabels">Whether every image of a folder must have a class.</param>
    /// <exception cref="DataFileException">The path holds no usable data; the message says what was expected.</exception>
    public static IDataset Open(string path, Preprocessing preprocessing, bool requireLabels = false)
    {
        if (Directory.Exists(path))
            return OpenFolder(path, preprocessing, requireLabels);
        if (!File.Exists(path))
        {
            throw new DataFileException(path, "there is no such file or folder",
                "give a folder with images (and labels.txt) or a CIFAR-10 binary file");
        }

        if (ImageCodec.HasImageExtension(path))
            throw new DataFileException(path, "a single image is no data set", "give the folder that holds it");
        if (Path.GetExtension(path).Equals(".npz", StringComparison.OrdinalIgnoreCase))
            return new NpyDataset(path);
        if (Path.GetExtension(path).Equals(".txt", StringComparison.OrdinalIgnoreCase))
            return ImageFolderDataset.OpenList(path, preprocessing);
        return IdxDataset.IsImageFile(path) ? new IdxDataset(path, preprocessing) : Cifar10Dataset.Open(path, [path], preprocessing);
    }

    private static IDataset OpenFolder(string path, Preprocessing preprocessing, bool requireLabels)
    {
        if (NpyDataset.IsNpyFolder(path))
            return new NpyDataset(path);
        if (VocDataset.IsVocFolder(path))
            return VocDataset.Open(path, preprocessing);
        bool hasLabels = File.Exists(Path.Combine(path, ImageFolderDataset.LabelsFileName));
        if (!hasLabels && YoloDataset.LabelFolderOf(path) is not null)
            return YoloDataset.Open(path, preprocessing);
        bool isImageFolder = hasLabels || UserFiles.In(path).Any(ImageCodec.HasImageExtension);
        string[] binaries = isImageFolder ? [] : [.. UserFiles.In(path, "*.bin").Order(StringComparer.Ordinal)];
        return binaries.Length > 0
            ? Cifar10Dataset.Open(path, binaries, preprocessing)
            : new ImageFolderDataset(path, preprocessing, requireLabels);
    }
}
