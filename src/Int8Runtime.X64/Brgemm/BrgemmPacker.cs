// Writes weights from strided memory into the packed layout, one vector of columns at a time.
using System.Runtime.CompilerServices;

namespace Int8Runtime.X64;

/// <summary>Packs weights of one strided layout. Immutable; packing allocates nothing and vectors may be packed in parallel.</summary>
internal sealed unsafe class BrgemmPacker
{
    private readonly BrgemmWeightsSpec _spec;
    private readonly long[] _sumOffsets; // element offset for each index of K
    private readonly long[] _matrixOffsets;
    private readonly long _columnStride;

    /// <summary>Prepares the addresses.</summary>
    /// <param name="spec">The packed layout.</param>
    /// <param name="source">Strided weights without inner blocks.</param>
    /// <exception cref="NotSupportedException">The weights are not plainly strided.</exception>
    public BrgemmPacker(BrgemmWeightsSpec spec, MemoryDescriptor source)
    {
        if (!source.IsStrided || !source.InnerBlocks.IsEmpty || source.DataType != spec.Type)
            throw new NotSupportedException($"Weights are packed from strided {spec.Type.ToShortName()} memory, not from {source}.");
        _spec = spec;
        _columnStride = source.Strides[spec.ColumnDimension];
        _sumOffsets = [0];
        foreach (int dimension in spec.SumDimensions)
            _sumOffsets = Extend(_sumOffsets, source.Dimensions[dimension], source.Strides[dimension]);
        _matrixOffsets = [source.Offset];
        if (spec.BatchRank == 0)
            _matrixOffsets = Extend(_matrixOffsets, spec.Matrices, spec.Columns * _columnStride);
        for (int d = 0; d < spec.BatchRank; d++)
            _matrixOffsets = Extend(_matrixOffsets, source.Dimensions[d], source.Strides[d]);
    }

    /// <summary>Vectors of all matrices.</summary>
    public int VectorCount => _spec.Matrices * _spec.Vectors;

    /// <summary>Packs one vector of columns of one matrix, with its compensation.</summary>
    /// <param name="index">The vector.</param>
    /// <param name="source">The weights.</param>
    /// <param name="destination">The packed weights.</param>
    /// <param name="zeroPoint">Zero point of the weights, where it is not part of the layout.</param>
    public void PackVector(int index, byte* source, byte* destination, int zeroPoint = 0)
    {
        (int matrix, int vector) = Math.DivRem(index, _spec.Vectors);
        int first = vector * _spec.Lanes, count = Math.Min(_spec.Lanes, _spec.Columns - first);
        long origin = (_matrixOffsets[matrix] + (first * _columnStride)) * _spec.Type.SizeInBytes();
        byte* packed = destination + (matrix * _spec.MatrixBytes) + ((long)vector * _spec.VectorStride);
        byte* room = stackalloc byte[ColumnPanel.Rows * _spec.Lanes * sizeof(float)];
        var rows = new ColumnPanel(source + origin, _sumOffsets, _columnStride, _spec.Type.SizeInBytes(), count, room);
        if (_spec.Product == DotProductKind.Float32 && _spec.Type.IsIntegerWeight())
        {
            PackDequantized(rows, (float*)packed, count, matrix, first, zeroPoint);
            return;
        }

        if (_spec.Product == DotProductKind.Float32)
        {
            PackFloats(rows, (float*)packed, count);
            return;
        }

        if (_spec.Product == DotProductKind.BFloat16)
        {
            PackPairs(rows, (ushort*)packed, count);
            return;
        }

        int* sums = stackalloc int[_spec.Lanes];
        new Span<int>(sums, _spec.Lanes).Clear();
        if (_spec.Product == DotProductKind.Int16)
            PackWords(rows, (short*)packed, count, matrix, first, zeroPoint);
        else
            PackBytes(rows, (sbyte*)packed, count, sums,
                destination + _spec.ResidualOffset + ((long)index * (_spec.Residuals?.Stride ?? 0)));
        if (_spec.CompensationFactor == 0)
            return;
        int* compensation = (int*)(destination + _spec.CompensationOffset) + ((long)matrix * _spec.CompensationStride) + first;
        for (int lane = 0; lane < _spec.Lanes; lane++)
            compensation[lane] = unchecked(sums[lane] * _spec.CompensationFactor);
    }

    /// <summary>Copies one vector of columns of one matrix, a byte for each weight: a row of lanes for each index of K.</summary>
    /// <param name="index">The vector.</param>
    /// <param name="source">The weights.</param>
    /// <param name="destination">The rows; absent columns are zeros.</param>
    public void CopyVector(int index, byte* source, byte* destination)
    {
        (int matrix, int vector) = Math.DivRem(index, _spec.Vectors);
        int first = vector * _spec.Lanes, count = Math.Min(_spec.Lanes, _spec.Columns - first);
        byte* room = stackalloc byte[ColumnPanel.Rows * _spec.Lanes];
        var rows = new ColumnPanel(source + _matrixOffsets[matrix] + (first * _columnStride), _sumOffsets, _columnStride, 1, count, room);
        for (int k = 0; k < _sumOffsets.Length; k++, destination += _spec.Lanes)
        {
            Unsafe.CopyBlockUnaligned(destination, rows.Row(k), (uint)count);
            new Span<byte>(destination + count, _spec.Lanes - count).Clear();
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void PackFloats(ColumnPanel rows, float* packed, int count)
    {
        for (int k = 0; k < _sumOffsets.Length; k++, packed += _spec.Lanes)
        {
            FloatConversion.Run(packed, DataType.Float32, rows.Row(k), _spec.Type, count);
            new Span<float>(packed + count, _spec.Lanes - count).Clear();
        }
    }

    // K is even, so that steps follow each other across runs.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void PackPairs(ColumnPanel rows, ushort* packed, int count)
    {
        ushort* even = stackalloc ushort[_spec.Lanes], odd = stackalloc ushort[_spec.Lanes];
        for (int k = 0; k < _sumOffsets.Length; k += 2, packed += _spec.Lanes * 2)
        {
            FloatConversion.Run(even, DataType.BFloat16, rows.Row(k), _spec.Type, count);
            FloatConversion.Run(odd, DataType.BFloat16, rows.Row(k + 1), _spec.Type, count);
            for (int lane = 0; lane < count; lane++)
                ((uint*)packed)[lane] = even[lane] | ((uint)odd[lane] << 16);
            new Span<uint>((uint*)packed + count, _spec.Lanes - count).Clear();
        }
    }

    // Integer weights that meet an f32 source: w − zero point, times the scale of the group that K and column fall into.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void PackDequantized(ColumnPanel rows, float* packed, int count, int matrix, int first, int zeroPoint)
    {
        bool signed = _spec.Type is DataType.Int8 or DataType.Int4;
        int stride = _spec.ZeroPointStride;
        for (int k = 0; k < _sumOffsets.Length; k++, packed += _spec.Lanes)
        {
            byte* row = rows.Row(k);
            ReadOnlySpan<float> scales = _spec.ScalesFrom(matrix, k, first);
            ReadOnlySpan<int> zeros = _spec.ZeroPointsFrom(matrix, k, first);
            for (int lane = 0; lane < count; lane++)
            {
                int weight = (signed ? (sbyte)row[lane] : row[lane]) - (zeros.IsEmpty ? zeroPoint : zeros[lane * stride]);
                packed[lane] = scales.IsEmpty ? weight : weight * scales[lane];
            }

            new Span<float>(packed + count, _spec.Lanes - count).Clear();
        }
    }

    // u8 weights become s8 by subtracting 128, which is flipping the sign bit.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void PackBytes(ColumnPanel rows, sbyte* packed, int count, int* sums, byte* residuals)
    {
        SaturationSplit split = _spec.Residuals is { } layout ? new SaturationSplit(layout, residuals, _spec.Lanes) : default;
        var interleave = new ByteInterleave(_spec.Lanes, _spec.Type == DataType.UInt8 ? (byte)0x80 : (byte)0);
        int runElements = _spec.RunElements, runSteps = _spec.RunSteps;
        int together = _spec.IsSplit ? _spec.Product.StepsOfSum() : 0;
        byte* four = stackalloc byte[4 * ByteInterleave.RowBytes];
        for (int run = 0; run < _spec.Runs; run++)
        {
            for (int step = 0; step < runSteps; step++, packed += _spec.Lanes * 4)
            {
                int present = Math.Min(4, runElements - (step * 4));
                for (int i = 0; i < present; i++)
                    interleave.Place(four, i, rows.Row((run * runElements) + (step * 4) + i), count);
                bool pairMayLeaveWords = interleave.Run(four, present, count, packed, sums);
                if (together == 1 && pairMayLeaveWords)
                    split.Split(packed, 1, run, step);
                else if (together == 2 && (step % 2 == 1 || step == runSteps - 1))
                    split.Split(packed - (step % 2 * _spec.Lanes * 4), 1 + (step % 2), run, step / 2 * 2);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void PackWords(ColumnPanel rows, short* packed, int count, int matrix, int first, int zeroPoint)
    {
        bool signed = _spec.Type is DataType.Int8 or DataType.Int4;
        int channel = (_spec.BatchRank == 0 ? matrix * _spec.Columns : 0) + first;
        int lanes = _spec.Lanes, runElements = _spec.RunElements, runSteps = _spec.RunSteps;
        int* zeroPoints = stackalloc int[lanes];
        for (int lane = 0; lane < count; lane++)
            zeroPoints[lane] = _spec.ZeroPoint?.At(channel + lane) ?? zeroPoint;
        for (int run = 0; run < _spec.Runs; run++)
        {
            for (int step = 0; step < runSteps; step++, packed += lanes * 2)
            {
                new Span<int>(packed, lanes).Clear();
                for (int i = 0; i < Math.Min(2, runElements - (step * 2)); i++)
                {
                    byte* row = rows.Row((run * runElements) + (step * 2) + i);
                    for (int lane = 0; lane < count; lane++)
                        packed[(lane * 2) + i] = (short)((signed ? (sbyte)row[lane] : row[lane]) - zeroPoints[lane]);
                }
            }
        }
    }

    // Offsets of all indices of one more, faster dimension.
    private static long[] Extend(long[] offsets, int extent, long stride)
    {
        var extended = new long[offsets.Length * extent];
        for (int i = 0; i < extended.Length; i++)
            extended[i] = offsets[i / extent] + (i % extent * stride);
        return extended;
    }
}
