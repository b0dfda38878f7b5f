// 8-bit weights of matrix products with an f32 source: they stay bytes in memory, and become f32 a block of columns at a time, in the cache, just
// before kernels read them. A product with few rows reads a quarter of what f32 weights take from memory. Packed, for each matrix and vector
// of columns:  [k][lane] s8 (u8 weights and their zero points less 128), then for each group of k [lane] f32 scales and [lane] f32 zero points
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Int8Runtime.X64;

/// <summary>The layout, and what expands it: <c>(w − zero point) · scale of the group</c>, as <see cref="BrgemmPacker"/> would write it.</summary>
/// <param name="spec">The layout that kernels read.</param>
internal sealed unsafe class CompactWeights(BrgemmWeightsSpec spec) : PackedLayout
{
    private readonly int _rows = spec.Runs * spec.RunElements;

    // Rows that share scales and zero points.
    private readonly int _group = GroupOf(spec.GroupScale?.GroupSize ?? 0, spec.ZeroPoint?.GroupSize ?? 0, spec.Runs * spec.RunElements);

    /// <inheritdoc/>
    public override string Name => $"brgemm:{spec.Type.ToShortName()}:n{spec.Lanes}";

    /// <inheritdoc/>
    public override long SizeInBytes => (long)spec.Matrices * spec.Vectors * VectorBytes;

    private long VectorBytes => ((long)_rows * spec.Lanes) + ((long)Groups * spec.Lanes * 2 * sizeof(float));

    private int Groups => (_rows + _group - 1) / _group;

    /// <summary>Whether weights of this kind can stay bytes.</summary>
    public static bool Serve(BrgemmWeightsSpec spec) =>
        spec.Product == DotProductKind.Float32 && spec.Type.IsInt8() && spec.Runs == 1 && spec.ZeroPoint is not { IsRuntime: true };

    /// <inheritdoc/>
    public override bool Equals(PackedLayout? other) => other is CompactWeights weights && spec.Equals(weights.Spec);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(spec, nameof(CompactWeights));

    private BrgemmWeightsSpec Spec => spec;

    /// <summary>Writes a vector of columns as kernels read it.</summary>
    /// <param name="matrix">The matrix.</param>
    /// <param name="vector">The vector.</param>
    /// <param name="compact">All weights in this layout.</param>
    /// <param name="expanded">Receives a row of lanes for each k.</param>
    public void Expand(int matrix, int vector, byte* compact, float* expanded)
    {
        int lanes = spec.Lanes;
        byte* row = compact + ((((long)matrix * spec.Vectors) + vector) * VectorBytes);
        var factors = (float*)(row + ((long)_rows * lanes));
        for (int first = 0; first < _rows; first += _group, factors += 2 * lanes)
        {
            int count = Math.Min(_group, _rows - first);
            Expand((sbyte*)row, count, lanes, factors, factors + lanes, expanded);
            row += (long)count * lanes;
            expanded += (long)count * lanes;
        }
    }

    /// <inheritdoc/>
    internal override void Pack(MemoryDescriptor source, void* sourceData, void* destination)
    {
        var packer = new BrgemmPacker(spec, source);
        for (int i = 0; i < packer.VectorCount; i++)
        {
            byte* target = (byte*)destination + (i * VectorBytes);
            packer.CopyVector(i, (byte*)sourceData, target, spec.Type == DataType.UInt8 ? (byte)0x80 : (byte)0);
            var factors = (float*)(target + ((long)_rows * spec.Lanes));
            for (int first = 0; first < _rows; first += _group, factors += 2 * spec.Lanes)
                FactorsOf(first, i / spec.Vectors, i % spec.Vectors, factors, factors + spec.Lanes);
        }
    }

    private static int GroupOf(int scales, int zeroPoints, int rows) => scales == 0 && zeroPoints == 0 ? rows
        : scales == 0 || zeroPoints == 0 || scales == zeroPoints ? Math.Max(scales, zeroPoints)
        : (int)System.Numerics.BigInteger.GreatestCommonDivisor(scales, zeroPoints);

    // Scales and zero points of one k; absent columns have neither, so that they become zeros.
    private void FactorsOf(int k, int matrix, int vector, float* scales, float* zeros)
    {
        int first = vector * spec.Lanes, count = Math.Min(spec.Lanes, spec.Columns - first);
        int channel = spec.BatchRank == 0 ? (matrix * spec.Columns) + first : first;
        new Span<float>(scales, spec.Lanes).Clear();
        int shift = spec.Type == DataType.UInt8 ? 128 : 0;
        new Span<float>(zeros, spec.Lanes).Fill(-shift);
        if (spec.GroupScale is { } groups)
            groups.Values.Slice((k / groups.GroupSize * spec.Columns) + channel, count).CopyTo(new Span<float>(scales, count));
        else
            new Span<float>(scales, count).Fill(1);
        if (spec.ZeroPoint is not { } point)
            return;
        ReadOnlySpan<int> values = point.Values;
        if (values.Length == 1)
        {
            new Span<float>(zeros, count).Fill(values[0] - shift);
            return;
        }

        values = values.Slice((point.GroupSize == 0 ? 0 : k / point.GroupSize * spec.Columns) + channel, count);
        for (int lane = 0; lane < count; lane++)
            zeros[lane] = values[lane] - shift;
    }

    // The difference of two bytes is exact in f32, so that only the product rounds.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Expand(sbyte* row, int rows, int lanes, float* scales, float* zeros, float* expanded)
    {
        if (Avx512F.IsSupported && lanes == Vector512<float>.Count)
        {
            Vector512<float> scale = Vector512.Load(scales), zero = Vector512.Load(zeros);
            for (sbyte* end = row + ((long)rows * lanes); row < end; row += lanes, expanded += lanes)
                ((Avx512F.ConvertToVector512Single(Avx512F.ConvertToVector512Int32(Vector128.Load(row))) - zero) * scale).Store(expanded);
            return;
        }

        for (sbyte* end = row + ((long)rows * lanes); row < end; row += lanes, expanded += lanes)
        {
            for (int lane = 0; lane < lanes; lane += 4)
            {
                Vector128<int> wide = Sse41.IsSupported ? Sse41.ConvertToVector128Int32(row + lane) : Vector128.Create(row[lane], row[lane + 1], row[lane + 2], (int)row[lane + 3]);
                ((Vector128.ConvertToSingle(wide) - Vector128.Load(zeros + lane)) * Vector128.Load(scales + lane)).Store(expanded + lane);
            }
        }
    }
}
