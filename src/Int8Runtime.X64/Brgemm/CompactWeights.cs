// Integer weights of products with a floating-point source stay integers in memory, of 8 bits or of 4, and become f32 where they are
// read: in registers if one tile holds all rows of a matrix product, else a block of columns at a time, in the cache. A product with
// few rows reads a quarter or an eighth of what f32 weights take from memory.
using System.Runtime.CompilerServices;

namespace Int8Runtime.X64;

/// <summary>The packed layout: vectors of columns as <see cref="CompactFormat"/> has them, matrix after matrix.</summary>
internal sealed unsafe class CompactWeights : PackedLayout
{
    // Kernels reach neighbouring vectors by displacements of 32 bits.
    private const long LargestVector = int.MaxValue / 16;

    private readonly BrgemmWeightsSpec _spec;

    private CompactWeights(BrgemmWeightsSpec spec, CompactFormat format) => (_spec, Format) = (spec, format);

    /// <inheritdoc/>
    public override string Name => $"brgemm:{_spec.Type.ToShortName()}:n{_spec.Lanes}";

    /// <inheritdoc/>
    public override long SizeInBytes => _spec.Matrices * MatrixBytes;

    /// <summary>How a vector of columns lies in memory.</summary>
    public CompactFormat Format { get; }

    /// <summary>Bytes of a matrix.</summary>
    public long MatrixBytes => _spec.Vectors * Format.VectorStride;

    /// <summary>The layout of weights that kernels would read in that of <paramref name="spec"/>; null if they cannot stay integers.</summary>
    public static CompactWeights? TryCreate(BrgemmWeightsSpec spec)
    {
        if (spec.Product != DotProductKind.Float32 || !spec.Type.IsIntegerWeight()
            || spec.ZeroPoint is { IsRuntime: true })
            return null;
        int rows = spec.Runs * spec.RunElements; // runs follow one another, since a step is one row
        var format = new CompactFormat
        {
            Type = spec.Type,
            Lanes = spec.Lanes,
            Rows = rows,
            GroupRows = GroupOf(spec.GroupScale?.GroupSize ?? 0, spec.ZeroPoint?.GroupSize ?? 0, rows),
            HasScales = spec.GroupScale is not null,
            ZeroType = ZeroTypeOf(spec.ZeroPoint),
        };
        return format.VectorStride > LargestVector ? null : new CompactWeights(spec, format);
    }

    /// <inheritdoc/>
    public override bool Equals(PackedLayout? other) => other is CompactWeights weights && _spec.Equals(weights._spec);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(_spec, nameof(CompactWeights));

    /// <inheritdoc/>
    internal override void Pack(MemoryDescriptor source, void* sourceData, void* destination)
    {
        var packer = new BrgemmPacker(_spec, source);
        byte[] rows = new byte[Format.Rows * Format.Lanes];
        fixed (byte* row = rows)
        {
            for (int i = 0; i < packer.VectorCount; i++)
            {
                packer.CopyVector(i, (byte*)sourceData, row);
                byte* target = (byte*)destination + (i * Format.VectorStride);
                for (int first = 0; first < Format.Rows; first += Format.GroupRows)
                {
                    int count = Math.Min(Format.GroupRows, Format.Rows - first);
                    WriteFactors(first, i / _spec.Vectors, i % _spec.Vectors, target);
                    WriteRows(row + ((long)first * Format.Lanes), count, target + Format.WeightsOffset);
                    target += Format.WeightsOffset + Format.BytesOf(count);
                }

                new Span<byte>(target, (int)((byte*)destination + ((i + 1) * Format.VectorStride) - target)).Clear();
            }
        }
    }

    // Groups end where those of the scales or those of the zero points do.
    private static int GroupOf(int scales, int zeroPoints, int rows)
    {
        int group = scales == 0 && zeroPoints == 0 ? rows
            : scales == 0 || zeroPoints == 0 || scales == zeroPoints ? Math.Max(scales, zeroPoints)
            : (int)System.Numerics.BigInteger.GreatestCommonDivisor(scales, zeroPoints);
        return Math.Min(group, rows);
    }

    private static DataType ZeroTypeOf(ZeroPoint? zeroPoint)
    {
        if (zeroPoint is null || zeroPoint.IsZero)
            return DataType.Undefined;
        foreach (DataType type in (ReadOnlySpan<DataType>)[DataType.Int8, DataType.UInt8])
        {
            (int min, int max) = type.IntegerRange();
            if (!zeroPoint.Values.ContainsAnyExceptInRange(min, max))
                return type;
        }

        return DataType.Float32;
    }

    // Scales and zero points of a group; absent columns have neither, so that they become zeros.
    private void WriteFactors(int k, int matrix, int vector, byte* target)
    {
        int lanes = Format.Lanes, first = vector * lanes, count = Math.Min(lanes, _spec.Columns - first);
        new Span<byte>(target, Format.WeightsOffset).Clear();
        ReadOnlySpan<float> scales = _spec.ScalesFrom(matrix, k, first);
        ReadOnlySpan<int> zeros = _spec.ZeroPointsFrom(matrix, k, first);
        for (int lane = 0; lane < count; lane++)
        {
            if (Format.HasScales)
                ((float*)target)[lane] = scales[lane];
            if (!Format.HasZeros)
                continue;
            int zero = zeros[lane * _spec.ZeroPointStride];
            if (Format.ZeroType == DataType.Float32)
                ((float*)(target + Format.ZerosOffset))[lane] = zero;
            else
                target[Format.ZerosOffset + lane] = unchecked((byte)zero);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void WriteRows(byte* rows, int count, byte* target)
    {
        int lanes = Format.Lanes;
        if (Format.RowsTogether == 1)
        {
            Unsafe.CopyBlockUnaligned(target, rows, (uint)(count * lanes));
            return;
        }

        for (int k = 0; k < count; k += 2, rows += 2 * lanes, target += lanes)
            for (int lane = 0; lane < lanes; lane++)
                target[lane] = (byte)((rows[lane] & 15) | (k + 1 < count ? rows[lanes + lane] << 4 : 0));
    }
}
