// Image files to ImageBuffer. The format is told by the first bytes, never by the extension; every failure names the file.
namespace Int8Runtime.Quantization;

/// <summary>
/// Reads PNG, JPEG and netpbm (P2, P3, P5, P6) images as 8-bit RGB and writes PNG. Grey becomes three equal channels,
/// an alpha channel is dropped, 16-bit PNG samples keep their high byte. EXIF orientation is not applied.
/// </summary>
public static class ImageCodec
{
    private static readonly string[] Extensions = [".jpg", ".jpeg", ".png", ".ppm", ".pgm", ".pnm"];

    /// <summary>Whether the JPEG decoder's library (libjpeg-turbo's TurboJPEG) can be loaded on this machine.</summary>
    public static bool IsJpegAvailable => TurboJpeg.IsAvailable;

    /// <summary>Whether a file's extension is one that image files bear (used to list folders).</summary>
    /// <param name="path">The file's path or name.</param>
    public static bool HasImageExtension(string path) =>
        Extensions.Contains(Path.GetExtension(path), StringComparer.OrdinalIgnoreCase);

    /// <summary>Reads an image file.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="DataFileException">The file is missing, truncated, corrupt or of an unknown format.</exception>
    public static ImageBuffer Load(string path)
    {
        byte[] file;
        try
        {
            file = File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DataFileException(path, $"cannot read the image ({e.Message})", inner: e);
        }

        return Decode(file, path);
    }

    /// <summary>Decodes an image that is already in memory.</summary>
    /// <param name="file">The bytes of the file.</param>
    /// <param name="name">The name that exceptions give.</param>
    /// <exception cref="DataFileException">The bytes are truncated, corrupt or of an unknown format.</exception>
    public static ImageBuffer Decode(byte[] file, string name)
    {
        try
        {
            return file switch
            {
                [0x89, (byte)'P', (byte)'N', (byte)'G', ..] => PngDecoder.Decode(file),
                [0xFF, 0xD8, 0xFF, ..] => TurboJpeg.Decode(file),
                [(byte)'P', >= (byte)'1' and <= (byte)'7', ..] => PnmDecoder.Decode(file),
                [] => throw new InvalidDataException("the file is empty"),
                _ => throw new InvalidDataException("not an image of a known format (PNG, JPEG, PPM or PGM)"),
            };
        }
        catch (InvalidDataException e)
        {
            throw new DataFileException(name, e.Message, "replace the file or take it out of the data set", inner: e);
        }
        catch (DllNotFoundException e)
        {
            throw new DataFileException(name, "this JPEG cannot be decoded: the TurboJPEG library was not found",
                "install it (Debian/Ubuntu: apt-get install libturbojpeg0; Fedora: dnf install turbojpeg; "
                + "macOS: brew install jpeg-turbo; Windows: put turbojpeg.dll on the PATH) or convert the images to PNG", inner: e);
        }
    }

    /// <summary>Encodes an image as an 8-bit RGB PNG.</summary>
    /// <param name="image">The image.</param>
    /// <returns>The bytes of the file.</returns>
    public static byte[] EncodePng(ImageBuffer image) => PngEncoder.Encode(image);
}
