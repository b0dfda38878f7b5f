// JPEG by the system's libjpeg-turbo (TurboJPEG API 2, which version 3 still exports), found at run time; the accurate
// inverse DCT and smooth chroma upsampling are the ones that training pipelines use.
using System.Reflection;
using System.Runtime.InteropServices;

namespace Int8Runtime.Quantization;

/// <summary>Decodes baseline and progressive JPEG; <see cref="DllNotFoundException"/> when the library is not installed.</summary>
internal static class TurboJpeg
{
    private const string Library = "turbojpeg";
    private const int PixelFormatRgb = 0, PixelFormatCmyk = 11;
    private const int ColourSpaceCmyk = 3, ColourSpaceYcck = 4;
    private const int AccurateDct = 4096;
    private const int WarningOnly = 0;

    private static readonly string[] Candidates = OperatingSystem.IsWindows()
        ? ["turbojpeg.dll", "libturbojpeg.dll"]
        : OperatingSystem.IsMacOS()
            ? ["libturbojpeg.dylib", "libturbojpeg.0.dylib", "/opt/homebrew/lib/libturbojpeg.dylib"]
            : ["libturbojpeg.so.0", "libturbojpeg.so"];

    private static readonly Lazy<nint> Handle = new(LoadLibrary);

    static TurboJpeg() => NativeLibrary.SetDllImportResolver(typeof(TurboJpeg).Assembly,
        (name, _, _) => name == Library ? Handle.Value : 0);

    public static bool IsAvailable => Handle.Value != 0;

    public static ImageBuffer Decode(byte[] file)
    {
        if (!IsAvailable)
        {
            throw new DllNotFoundException($"none of {string.Join(", ", Candidates)} could be loaded");
        }

        nint decoder = tjInitDecompress();
        if (decoder == 0)
        {
            throw new InvalidDataException($"the JPEG decoder cannot be started ({Error(0)})");
        }

        try
        {
            var size = new CULong((uint)file.Length);
            if (tjDecompressHeader3(decoder, file, size, out int width, out int height, out _, out int colourSpace) != 0
                && tjGetErrorCode(decoder) != WarningOnly)
            {
                throw new InvalidDataException($"the JPEG file is truncated or corrupt ({Error(decoder)})");
            }

            if (width < 1 || height < 1 || (long)width * height > ImageBuffer.MaxPixels)
            {
                throw new InvalidDataException($"the JPEG image has an unusable size of {width}x{height}");
            }

            var image = new ImageBuffer(width, height);
            if (colourSpace is ColourSpaceCmyk or ColourSpaceYcck)
            {
                var cmyk = new byte[4 * width * height];
                Decompress(decoder, file, cmyk, width, height, PixelFormatCmyk);
                FromInvertedCmyk(cmyk, image.Pixels);
            }
            else
            {
                Decompress(decoder, file, image.Pixels, width, height, PixelFormatRgb);
            }

            return image;
        }
        finally
        {
            _ = tjDestroy(decoder);
        }
    }

    private static void Decompress(nint decoder, byte[] file, byte[] pixels, int width, int height, int format)
    {
        if (tjDecompress2(decoder, file, new CULong((uint)file.Length), pixels, width, 0, height, format, AccurateDct) == 0)
        {
            return;
        }

        // Stray bytes between two markers lose no pixel; every other warning (a premature end, say) means damaged pixels.
        string error = Error(decoder);
        if (tjGetErrorCode(decoder) != WarningOnly || !error.Contains("extraneous bytes", StringComparison.Ordinal))
        {
            throw new InvalidDataException($"the JPEG file is truncated or corrupt ({error})");
        }
    }

    // Four-channel JPEGs are written by Adobe's programs, which store 255 − ink.
    private static void FromInvertedCmyk(ReadOnlySpan<byte> cmyk, Span<byte> rgb)
    {
        for (int pixel = 0; pixel < cmyk.Length / 4; pixel++)
        {
            int key = cmyk[4 * pixel + 3];
            for (int c = 0; c < 3; c++)
            {
                rgb[3 * pixel + c] = (byte)((cmyk[4 * pixel + c] * key + 127) / 255);
            }
        }
    }

    private static string Error(nint decoder) => Marshal.PtrToStringAnsi(tjGetErrorStr2(decoder)) ?? "no reason given";

    private static nint LoadLibrary()
    {
        foreach (string name in Candidates)
        {
            if (NativeLibrary.TryLoad(name, Assembly.GetExecutingAssembly(), null, out nint handle))
            {
                return handle;
            }
        }

        return 0;
    }

#pragma warning disable SYSLIB1054 // The generated marshalling would need unsafe code, which this project does not allow.
    [DllImport(Library)]
    private static extern nint tjInitDecompress();

    [DllImport(Library)]
    private static extern int tjDecompressHeader3(nint handle, byte[] jpeg, CULong size, out int width, out int height,
        out int subsampling, out int colourSpace);

    [DllImport(Library)]
    private static extern int tjDecompress2(nint handle, byte[] jpeg, CULong size, byte[] pixels, int width, int pitch, int height,
        int pixelFormat, int flags);

    [DllImport(Library)]
    private static extern int tjGetErrorCode(nint handle);

    [DllImport(Library)]
    private static extern nint tjGetErrorStr2(nint handle);

    [DllImport(Library)]
    private static extern int tjDestroy(nint handle);
#pragma warning restore SYSLIB1054
}
