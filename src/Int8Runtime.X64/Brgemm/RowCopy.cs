// Copies source rows (of an image or a matrix) into padded scratch rows, so that the kernel only sees clean rows.
// A scratch row holds [pixel][channel of the group] without gaps, each element as the product reads it.
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Int8Runtime.X64;

/// <summary>How rows are copied; a part of a plan. The loops are compiled fully at once, since a model may run only a few times.</summary>
/// <param name="Product">
/// Decides the element type of the copy: s16 products get (value − zero point) in 16 bits, products of floats their own type.
/// </param>
/// <param name="SourceType">Element type of the source.</param>
/// <param name="Channels">Channels that are copied of each pixel.</param>
/// <param name="PixelBytes">Bytes from one source pixel to the next.</param>
/// <param name="ChannelStride">Elements from one channel to the next; other than 1 for a transposed matrix.</param>
/// <param name="ZeroPoints">Zero point of each source channel of all groups, for s16 products; null where all have the same.</param>
internal sealed unsafe record RowCopy(
    DotProductKind Product, DataType SourceType, int Channels, long PixelBytes, long ChannelStride = 1, short[]? ZeroPoints = null)
{
    /// <summary>Most bytes of a row that is copied: counts within a row are 32-bit numbers.</summary>
    public const int LargestRow = 1 << 30;

    /// <summary>Bytes of a pixel in scratch memory.</summary>
    public int ScratchPixelBytes => Channels * Product.ElementBytes();

    /// <summary>Copies a piece of a row with padding on both sides.</summary>
    /// <param name="destination">Start of the scratch row.</param>
    /// <param name="source">Column 0 of the source row; null for a row that lies in the padding.</param>
    /// <param name="start">First column that is copied; negative in the padding.</param>
    /// <param name="count">Number of columns.</param>
    /// <param name="width">Columns of the source row.</param>
    /// <param name="zeroPoint">The source's zero point, which fills the padding.</param>
    /// <param name="channel">First channel, by which <see cref="ZeroPoints"/> are found.</param>
    public void Copy(byte* destination, byte* source, int start, int count, int width, int zeroPoint, int channel = 0)
    {
        int left = source is null ? count : Math.Clamp(-start, 0, count);
        int right = source is null ? 0 : Math.Clamp(start + count - width, 0, count - left);
        int inside = count - left - right;
        // Zero in f32 and, because the zero point is subtracted, in s16 as well.
        byte fill = Product.IsFloatingPoint() || Product == DotProductKind.Int16 ? (byte)0 : (byte)zeroPoint;
        Unsafe.InitBlockUnaligned(destination, fill, (uint)(left * ScratchPixelBytes));
        destination += left * ScratchPixelBytes;
        if (inside > 0)
            CopyPixels(destination, source + ((start + left) * PixelBytes), inside, zeroPoint, channel);
        destination += inside * ScratchPixelBytes;
        Unsafe.InitBlockUnaligned(destination, fill, (uint)(right * ScratchPixelBytes));
    }

    private void CopyPixels(byte* destination, byte* source, int pixels, int zeroPoint, int channel)
    {
        if (ZeroPoints is not null)
        {
            for (int i = 0; i < pixels; i++, source += PixelBytes, destination += ScratchPixelBytes)
                SubtractZeroPoints((short*)destination, source, ZeroPoints.AsSpan(channel, Channels));
            return;
        }

        if (ChannelStride == 1 && PixelBytes == Channels * SourceType.SizeInBytes())
        {
            CopyElements(destination, source, pixels * Channels, zeroPoint);
            return;
        }

        for (int i = 0; i < pixels; i++, source += PixelBytes, destination += ScratchPixelBytes)
        {
            if (ChannelStride == 1)
                CopyElements(destination, source, Channels, zeroPoint);
            else
                GatherElements(destination, source, zeroPoint);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void SubtractZeroPoints(short* destination, byte* source, ReadOnlySpan<short> zeroPoints)
    {
        for (int c = 0; c < zeroPoints.Length; c++)
        {
            byte raw = source[c * ChannelStride];
            destination[c] = (short)((SourceType == DataType.Int8 ? (sbyte)raw : raw) - zeroPoints[c]);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void GatherElements(byte* destination, byte* source, int zeroPoint)
    {
        for (int c = 0; c < Channels; c++)
        {
            long from = c * ChannelStride;
            if (Product.IsFloatingPoint())
                FloatConversion.Run(
                    destination + (c * Product.ElementBytes()), Product.FloatType(), source + (from * SourceType.SizeInBytes()),
                    SourceType, 1);
            else if (Product == DotProductKind.Int16)
                ((short*)destination)[c] = (short)((SourceType == DataType.Int8 ? ((sbyte*)source)[from] : source[from]) - zeroPoint);
            else
                destination[c] = source[from];
        }
    }

    /// <summary>The zero points of an attribute that has one for each channel, as <see cref="ZeroPoints"/>.</summary>
    public static short[]? ZeroPointsOf(ZeroPoint? zeroPoint) => zeroPoint is { Granularity: QuantizationGranularity.PerChannel }
        ? [.. zeroPoint.Values.ToArray().Select(value => (short)value)]
        : null;

    private void CopyElements(byte* destination, byte* source, int count, int zeroPoint)
    {
        if (Product.IsFloatingPoint())
            FloatConversion.Run(destination, Product.FloatType(), source, SourceType, count);
        else if (Product != DotProductKind.Int16)
            Unsafe.CopyBlockUnaligned(destination, source, (uint)(count * Product.ElementBytes()));
        else if (SourceType == DataType.Int8)
            Widen<sbyte>((short*)destination, (sbyte*)source, count, (short)zeroPoint);
        else
            Widen<byte>((short*)destination, source, count, (short)zeroPoint);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Widen<T>(short* destination, T* source, int count, short zeroPoint)
        where T : unmanaged, INumberBase<T>
    {
        Vector256<short> offset = Vector256.Create(zeroPoint);
        int i = 0;
        for (; i + 32 <= count; i += 32)
        {
            Vector256<byte> bytes = Vector256.Load((byte*)source + i);
            (Vector256<short> low, Vector256<short> high) = typeof(T) == typeof(sbyte)
                ? Vector256.Widen(bytes.AsSByte())
                : WidenUnsigned(bytes);
            (low - offset).Store(destination + i);
            (high - offset).Store(destination + i + 16);
        }

        for (; i < count; i++)
            destination[i] = (short)(short.CreateTruncating(source[i]) - zeroPoint);
    }

    private static (Vector256<short> Low, Vector256<short> High) WidenUnsigned(Vector256<byte> bytes)
    {
        (Vector256<ushort> low, Vector256<ushort> high) = Vector256.Widen(bytes);
        return (low.AsInt16(), high.AsInt16());
    }
}
