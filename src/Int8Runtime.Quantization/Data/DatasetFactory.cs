// Opens a data set by what its path is: a folder of images, a CIFAR-10 binary file, or a folder of those.
namespace Int8Runtime.Quantization;

/// <summary>Opens data sets.</summary>
public static class DatasetFactory
{
    /// <summary>
    /// Opens a data set: a folder with images (<see cref="ImageFolderDataset"/>), a CIFAR-10 binary file, or a folder that
    /// holds <c>.bin</c> files and no images, which are read in the order of their names (<see cref="Cifar10Dataset"/>).
    /// </summary>
    /// <param name="path">The file or folder.</param>
    /// <param name="preprocessing">What to do with each image.</param>
    /// <param name="requireLabels">Whether every sample must have a label.</param>
    /// <exception cref="DataFileException">The path holds no usable data; the message says what was expected.</exception>
    public static IDataset Open(string path, Preprocessing preprocessing, bool requireLabels = false)
    {
        if (Directory.Exists(path))
        {
            bool isImageFolder = File.Exists(Path.Combine(path, ImageFolderDataset.LabelsFileName))
                || Directory.EnumerateFiles(path).Any(ImageCodec.HasImageExtension);
            string[] binaries = isImageFolder ? [] : [.. Directory.GetFiles(path, "*.bin").Order(StringComparer.Ordinal)];
            return binaries.Length > 0
                ? Cifar10Dataset.Open(path, binaries, preprocessing)
                : new ImageFolderDataset(path, preprocessing, requireLabels);
        }

        if (!File.Exists(path))
        {
            throw new DataFileException(path, "there is no such file or folder",
                "give a folder with images (and labels.txt) or a CIFAR-10 binary file");
        }

        return ImageCodec.HasImageExtension(path)
            ? throw new DataFileException(path, "a single image is no data set", "give the folder that holds it")
            : Cifar10Dataset.Open(path, [path], preprocessing);
    }
}
