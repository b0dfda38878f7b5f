// Floating-point formats of at most 8 bits: decoding and rounding by their table of values.
using System.Collections.Frozen;

namespace Int8Runtime.Graph;

/// <summary>A floating-point format of at most 8 bits, as ONNX defines it.</summary>
/// <remarks>A format is small enough for a table of all its values; rounding looks a number up in it.</remarks>
internal sealed class MiniFloat
{
    private static readonly FrozenDictionary<DataType, MiniFloat> s_formats = new Dictionary<DataType, MiniFloat>
    {
        [DataType.Float8E4M3FN] = new(exponentBits: 4, mantissaBits: 3, bias: 7, positive: 0x7F, nan: 0x7F),
        [DataType.Float8E4M3FNUZ] = new(exponentBits: 4, mantissaBits: 3, bias: 8, positive: 0x80, nan: 0x80),
        [DataType.Float8E5M2] = new(exponentBits: 5, mantissaBits: 2, bias: 15, positive: 0x7C, nan: 0x7E, infinity: 0x7C),
        [DataType.Float8E5M2FNUZ] = new(exponentBits: 5, mantissaBits: 2, bias: 16, positive: 0x80, nan: 0x80),
        [DataType.Float4E2M1] = new(exponentBits: 2, mantissaBits: 1, bias: 1, positive: 8, nan: null),
    }.ToFrozenDictionary();

    private readonly float[] _positive;   // finite values of the codes from 0 on, and behind them the next value that there would be
    private readonly byte? _nan, _infinity;
    private readonly int _signBit;

    private MiniFloat(int exponentBits, int mantissaBits, int bias, int positive, byte? nan, byte? infinity = null)
    {
        _nan = nan;
        _infinity = infinity;
        _signBit = 1 << (exponentBits + mantissaBits);
        _positive = new float[positive + 1];
        for (int code = 0; code <= positive; code++)
        {
            int exponent = code >> mantissaBits, fraction = code & ((1 << mantissaBits) - 1);
            _positive[code] = exponent == 0
                ? MathF.ScaleB(fraction, 1 - bias - mantissaBits)
                : MathF.ScaleB(fraction + (1 << mantissaBits), exponent - bias - mantissaBits);
        }
    }

    /// <summary>The format of an element type; null for other types.</summary>
    public static MiniFloat? Of(DataType type) => s_formats.GetValueOrDefault(type);

    /// <summary>The number that a code stands for.</summary>
    public float Decode(byte code)
    {
        if (code == _nan || (_infinity is null && _nan == 0x7F && code == 0xFF))
            return float.NaN;
        int magnitude = code & (_signBit - 1);
        float value = magnitude < _positive.Length - 1 ? _positive[magnitude]
            : magnitude == _infinity ? float.PositiveInfinity
            : float.NaN;
        return (code & _signBit) != 0 ? -value : value;
    }

    /// <summary>The code nearest to a number, ties to the even one.</summary>
    /// <param name="value">The number.</param>
    /// <param name="saturate">Whether numbers that are too large become the largest finite one; otherwise they become
    /// infinity or NaN where the format has them.</param>
    public byte Encode(float value, bool saturate)
    {
        bool negative = float.IsNegative(value);
        if (float.IsNaN(value))
            return _nan is { } nan ? (byte)(nan | (negative && nan != 0x80 ? _signBit : 0)) : (byte)_signBit;
        int largest = _positive.Length - 2, code = Nearest(MathF.Abs(value));
        if (code > largest)
        {
            if (saturate || _nan is null)
                code = largest;
            else if (_infinity is { } infinity)
                code = infinity;
            else
                return (byte)(_nan.Value | (negative && _nan != 0x80 ? _signBit : 0));
        }

        bool hasNegativeZero = _nan != 0x80;
        return (byte)(code | (negative && (code > 0 || hasNegativeZero) ? _signBit : 0));
    }

    private int Nearest(float magnitude)
    {
        int index = Array.BinarySearch(_positive, magnitude);
        if (index >= 0)
            return index;
        int above = ~index, below = above - 1;
        if (above == _positive.Length)
            return below;
        float middle = (_positive[below] + _positive[above]) / 2;
        return magnitude < middle || (magnitude == middle && below % 2 == 0) ? below : above;
    }
}
