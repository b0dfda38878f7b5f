// Netpbm to RGB: P2/P3 (decimal text) and P5/P6 (binary), grey or RGB, any maximum value up to 65535.
namespace Int8Runtime.Quantization;

/// <summary>Decodes PGM and PPM files; throws <see cref="InvalidDataException"/> when they are malformed.</summary>
internal ref struct PnmDecoder
{
    private ReadOnlySpan<byte> _rest;

    public static ImageBuffer Decode(ReadOnlySpan<byte> file)
    {
        int channels = file[1] switch
        {
            (byte)'2' or (byte)'5' => 1,
            (byte)'3' or (byte)'6' => 3,
            _ => throw new InvalidDataException($"netpbm format P{(char)file[1]} is not supported (P2, P3, P5 and P6 are)"),
        };
        bool binary = file[1] >= (byte)'5';
        var reader = new PnmDecoder { _rest = file[2..] };
        int width = reader.ReadNumber(), height = reader.ReadNumber(), maximum = reader.ReadNumber();
        if (width < 1 || height < 1 || (long)width * height > ImageBuffer.MaxPixels || maximum is < 1 or > 65535)
        {
            throw new InvalidDataException($"the image header is unusable ({width}x{height}, maximum value {maximum})");
        }

        if (binary)
        {
            // Exactly one white space stands before the pixels.
            reader._rest = reader._rest.IsEmpty ? reader._rest : reader._rest[1..];
        }

        int sampleBytes = binary && maximum > 255 ? 2 : 1;
        if (reader._rest.Length < (long)width * height * channels * sampleBytes)
        {
            throw new InvalidDataException("the image file is truncated");
        }

        var image = new ImageBuffer(width, height);
        for (int i = 0; i < image.Pixels.Length; i += 3)
        {
            for (int c = 0; c < channels; c++)
            {
                int value = binary ? reader.ReadBinary(sampleBytes) : reader.ReadNumber();
                if (value > maximum)
                {
                    throw new InvalidDataException($"a pixel value of {value} exceeds the maximum of {maximum} given by the header");
                }

                image.Pixels[i + c] = (byte)((value * 255 + maximum / 2) / maximum);
            }

            if (channels == 1)
            {
                image.Pixels[i + 2] = image.Pixels[i + 1] = image.Pixels[i];
            }
        }

        return image;
    }

    private int ReadBinary(int bytes)
    {
        int value = bytes == 2 ? (_rest[0] << 8) | _rest[1] : _rest[0];
        _rest = _rest[bytes..];
        return value;
    }

    /// <summary>The next decimal number; white space and comments (# to the end of the line) before it are skipped.</summary>
    private int ReadNumber()
    {
        while (!_rest.IsEmpty && (_rest[0] is (byte)' ' or (byte)'#' || _rest[0] is >= 9 and <= 13))
        {
            int end = _rest[0] == (byte)'#' ? _rest.IndexOfAny((byte)'\n', (byte)'\r') : 0;
            _rest = end < 0 ? [] : _rest[(end + 1)..];
        }

        int value = 0, digits = 0;
        for (; !_rest.IsEmpty && _rest[0] is >= (byte)'0' and <= (byte)'9'; _rest = _rest[1..], digits++)
        {
            value = Math.Min(value * 10 + (_rest[0] - '0'), int.MaxValue / 16);
        }

        return digits > 0
            ? value
            : throw new InvalidDataException(_rest.IsEmpty ? "the image file is truncated" : "a number was expected in the image file");
    }
}
