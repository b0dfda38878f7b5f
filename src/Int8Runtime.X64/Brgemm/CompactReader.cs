// Reads compact weights into registers as f32: w, less the zero point and times the scale of its group and column.
using Int8Runtime.Jit;
using static Int8Runtime.Jit.VectorOp;

namespace Int8Runtime.X64;

/// <summary>
/// Emits <c>(f32(w) − f32(zero point)) · scale</c>, lane by lane for each column. The difference is exact; the product rounds once, as the
/// numerics want it. Scales and zero points of a group stay in registers while its rows are read.
/// </summary>
internal sealed class CompactReader : IDisposable
{
    private const int NibbleBits = 4, NibbleValues = 1 << NibbleBits, LaneBits = 32;

    private readonly KernelAssembler _asm;
    private readonly CompactFormat _format;
    private readonly int _vectors;
    private readonly long _stride;
    private readonly VecArray _scales, _zeros; // of each vector
    private readonly VecArray _decoding; // 15 in each lane, or the f32 of each nibble where a vector holds all 16

    /// <summary>Leases the registers and loads the constant.</summary>
    /// <param name="asm">The kernel.</param>
    /// <param name="format">The format.</param>
    /// <param name="vectors">Vectors of columns that are read side by side.</param>
    public CompactReader(KernelAssembler asm, CompactFormat format, int vectors)
    {
        (_asm, _format, _vectors, _stride) = (asm, format, vectors, format.VectorStride);
        _scales = asm.Registers.Vecs("scales", format.HasScales ? vectors : 0);
        _zeros = asm.Registers.Vecs("zero points", format.HasZeros ? vectors : 0);
        _decoding = asm.Registers.Vecs("decoding", ConstantsOf(format));
        if (LooksUp(format))
            asm.Emit(Vmovups, _decoding[0], asm.Table<float>([.. Enumerable.Range(0, NibbleValues).Select(
                code => format.IsSigned && code >= NibbleValues / 2 ? code - NibbleValues : code)]));
        else if (_decoding.Count > 0)
            asm.Emit(Vpbroadcastd, _decoding[0], asm.Table(NibbleValues - 1u));
    }

    /// <summary>Instructions for a vector of weights, about.</summary>
    public const int Instructions = 5;

    /// <summary>Registers for each vector that is read side by side with others.</summary>
    public static int RegistersOfVector(CompactFormat format) => (format.HasScales ? 1 : 0) + (format.HasZeros ? 1 : 0);

    /// <summary>Registers besides.</summary>
    public static int ConstantsOf(CompactFormat format) => LooksUp(format) || format.Type == DataType.UInt4 ? 1 : 0;

    /// <summary>Emits a loop over the groups of K.</summary>
    /// <param name="weights">The first vector's first group; advances over scales and zero points.</param>
    /// <param name="rows">Emits so many rows of a group, and moves <paramref name="weights"/> behind them.</param>
    public void ForGroups(Gpr weights, Action<int> rows)
    {
        int whole = _format.Rows / _format.GroupRows, rest = _format.Rows % _format.GroupRows;
        if (whole > 1)
        {
            using Gpr groups = _asm.Registers.Gpr("groups");
            _asm.Mov(groups, whole);
            _asm.CountDown(groups, () => Group(_format.GroupRows));
        }
        else if (whole == 1)
        {
            Group(_format.GroupRows);
        }

        if (rest > 0)
            Group(rest);

        void Group(int count)
        {
            for (int n = 0; n < _scales.Count; n++)
                _asm.Emit(Vmovups, _scales[n], weights[Place(n, 0)]);
            for (int n = 0; n < _zeros.Count; n++)
                TypedLoad.ToFloat(_asm, _zeros[n], _format.ZeroType, weights[Place(n, _format.ZerosOffset)], ActiveLanes.All);
            if (_format.WeightsOffset > 0)
                _asm.Add(weights, _format.WeightsOffset);
            rows(count);
        }
    }

    /// <summary>Reads a row of weights, or two that share bytes.</summary>
    /// <param name="weights">The first vector's bytes of the row at <paramref name="first"/> 0.</param>
    /// <param name="vector">Which of the vectors side by side.</param>
    /// <param name="first">Row in relation to <paramref name="weights"/>; of two that share bytes the first one.</param>
    /// <param name="rows">Rows to read, at most as many as share bytes.</param>
    /// <param name="to">Receives a row.</param>
    public void Load(Gpr weights, int vector, int first, int rows, Func<int, Vec> to)
    {
        // The sign of a byte is that of its high half.
        Vec bytes = to(0);
        _asm.Emit(_format.IsSigned ? Vpmovsxbd : Vpmovzxbd, bytes, weights[Place(vector, _format.BytesOf(first))]);
        if (rows == 2)
            _asm.Emit(_format.IsSigned ? Vpsrad : Vpsrld, to(1), bytes, NibbleBits);
        if (_format.RowsTogether == 2 && !LooksUp(_format))
            KeepLowHalf(bytes);
        for (int row = 0; row < rows; row++)
        {
            if (LooksUp(_format))
                _asm.Emit(Vpermps, to(row), to(row), _decoding[0]); // by the low 4 bits of each lane
            else
                _asm.Emit(Vcvtdq2ps, to(row), to(row));
            if (_zeros.Count > 0)
                _asm.Emit(Vsubps, to(row), to(row), _zeros[vector]);
            if (_scales.Count > 0)
                _asm.Emit(Vmulps, to(row), to(row), _scales[vector]);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _decoding.Dispose();
        _zeros.Dispose();
        _scales.Dispose();
    }

    private static bool LooksUp(CompactFormat format) => format.Type.IsInt4() && format.Lanes == NibbleValues;

    private void KeepLowHalf(Vec bytes)
    {
        if (_format.IsSigned)
        {
            _asm.Emit(Vpslld, bytes, bytes, LaneBits - NibbleBits);
            _asm.Emit(Vpsrad, bytes, bytes, LaneBits - NibbleBits);
        }
        else
        {
            _asm.Emit(Vpand, bytes, bytes, _decoding[0]);
        }
    }

    private int Place(int vector, int offset) => checked((int)(vector * _stride) + offset);
}
