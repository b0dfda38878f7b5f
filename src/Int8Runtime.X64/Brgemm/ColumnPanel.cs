// Rows of a vector of columns, wherever their elements lie.
using System.Runtime.CompilerServices;

namespace Int8Runtime.X64;

/// <summary>
/// Reads weights by rows of K: each row holds the neighbouring columns of one vector. Where columns lie apart (as in OIHW), some
/// rows at a time are transposed into a panel in the first-level cache, so that memory is read along the columns.
/// </summary>
internal unsafe ref struct ColumnPanel
{
    /// <summary>Rows of the panel.</summary>
    public const int Rows = 64;

    private readonly byte* _source;
    private readonly long[] _offsets;
    private readonly long _columnStride;
    private readonly int _elementSize;
    private readonly int _columns;
    private readonly byte* _panel;
    private int _end;

    /// <summary>Begins a vector of columns.</summary>
    /// <param name="source">Its first element.</param>
    /// <param name="offsets">Element offset of each row.</param>
    /// <param name="columnStride">Elements from a column to the next.</param>
    /// <param name="elementSize">1, 2 or 4 bytes.</param>
    /// <param name="columns">Columns of the vector.</param>
    /// <param name="panel">Room for <see cref="Rows"/> rows; not used where columns are neighbours.</param>
    public ColumnPanel(byte* source, long[] offsets, long columnStride, int elementSize, int columns, byte* panel)
    {
        _source = source;
        _offsets = offsets;
        _columnStride = columnStride;
        _elementSize = elementSize;
        _columns = columns;
        _panel = panel;
    }

    /// <summary>The columns of one index of K. Rows are asked for in ascending order; a row is valid until the next is asked for.</summary>
    public byte* Row(int k)
    {
        if (_columnStride == 1)
            return _source + (_offsets[k] * _elementSize);
        if (k >= _end)
            Load(k);
        return _panel + (k % Rows * _columns * _elementSize);
    }

    private void Load(int k)
    {
        int first = k / Rows * Rows;
        _end = Math.Min(first + Rows, _offsets.Length);
        ReadOnlySpan<long> offsets = _offsets.AsSpan(first, _end - first);
        switch (_elementSize)
        {
            case 1:
                Transpose(_source, _panel, offsets);
                break;
            case 2:
                Transpose((ushort*)_source, (ushort*)_panel, offsets);
                break;
            default:
                Transpose((uint*)_source, (uint*)_panel, offsets);
                break;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void Transpose<T>(T* source, T* panel, ReadOnlySpan<long> offsets)
        where T : unmanaged
    {
        for (int column = 0; column < _columns; column++, source += _columnStride)
        {
            T* target = panel + column;
            foreach (long offset in offsets)
            {
                *target = source[offset];
                target += _columns;
            }
        }
    }
}
