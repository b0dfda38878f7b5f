// Drawn pictures in the CIFAR-10 binary format, and as a contact sheet to look at.
using Int8Runtime.Quantization;

namespace Int8Runtime.DemoTrainer;

/// <summary>Collections of drawn pictures.</summary>
internal static class PictureFile
{
    /// <summary>Draws pictures as CIFAR-10 records: 1 label byte and 3072 pixel bytes each.</summary>
    public static byte[] Draw(SceneArtist artist, Split split, long first, int count)
    {
        var records = new byte[count * Cifar10Dataset.RecordBytes];
        for (int i = 0; i < count; i++)
        {
            Span<byte> record = records.AsSpan(i * Cifar10Dataset.RecordBytes, Cifar10Dataset.RecordBytes);
            record[0] = (byte)SceneArtist.LabelOf(first + i);
            artist.Draw(split, first + i, record[1..]);
        }

        return records;
    }

    /// <summary>A PNG that shows pictures side by side, one class per column, enlarged.</summary>
    public static byte[] ContactSheet(byte[] records)
    {
        const int Zoom = 3, Margin = 2, Columns = Cifar10Dataset.Classes, Side = Cifar10Dataset.Side;
        var pictures = new Cifar10Dataset("drawn", records, Preprocessing.FromPreset("raw"));
        int cell = Side * Zoom + Margin;
        var sheet = new ImageBuffer(Columns * cell, (pictures.Count + Columns - 1) / Columns * cell);
        for (int i = 0; i < pictures.Count; i++)
        {
            ImageBuffer picture = pictures.Image(i);
            for (int y = 0; y < Side * Zoom; y++)
            {
                for (int x = 0; x < Side * Zoom; x++)
                {
                    Span<byte> pixel = picture.Row(y / Zoom).Slice(3 * (x / Zoom), 3);
                    sheet.SetPixel(i % Columns * cell + x, i / Columns * cell + y, pixel[0], pixel[1], pixel[2]);
                }
            }
        }

        return ImageCodec.EncodePng(sheet);
    }
}
