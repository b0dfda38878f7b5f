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
    private const int NibbleBits = 4, LaneBits = 32;

    private readonly KernelAssembler _asm;
    private readonly CompactFormat _format;
    private readonly int _vectors;
    private readonly long _stride;
    private readonly VecArray _scales, _zeros, _constants; // of each vector; 15 in each lane

    /// <summary>Leases the registers and loads the constant.</summary>
    /// <param name="asm">The kernel.</param>
    /// <param name="format">The format.</param>
    /// <param name="vectors">Vectors of columns that are read side by side.</param>
    public CompactReader(KernelAssembler asm, CompactFormat format, int vectors)
    {
        (_asm, _format, _vectors, _stride) = (asm, format, vectors, format.VectorStride);
        _scales = asm.Registers.Vecs("scales", format.HasScales ? vectors : 0);
        _zeros = asm.Registers.Vecs("zero points", format.HasZeros ? vectors : 0);
        _constants = asm.Registers.Vecs("low bits", ConstantsOf(format));
        if (_constants.Count > 0)
            asm.Emit(Vpbroadcastd, _constants[0], asm.Table((1u << NibbleBits) - 1));
    }

    /// <summary>Instructions for a vector of weights, about.</summary>
    public const int Instructions = 5;

    /// <summary>Registers for each vector that is read side by side with others.</summary>
    public static int RegistersOfVector(CompactFormat format) => (format.HasScales ? 1 : 0) + (format.HasZeros ? 1 : 0);

    /// <summary>Registers besides.</summary>
    public static int ConstantsOf(CompactFormat format) => format.Type == DataType.UInt4 ? 1 : 0;

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
        Vec bytes = to(0);
        _asm.Emit(_format.IsSigned ? Vpmovsxbd : Vpmovzxbd, bytes, weights[Place(vector, _format.BytesOf(first))]);
        if (_format.RowsTogether == 2)
        {
            // The sign of a byte is that of its high half.
            if (rows == 2)
                _asm.Emit(_format.IsSigned ? Vpsrad : Vpsrld, to(1), bytes, NibbleBits);
            if (_format.IsSigned)
            {
                _asm.Emit(Vpslld, bytes, bytes, LaneBits - NibbleBits);
                _asm.Emit(Vpsrad, bytes, bytes, LaneBits - NibbleBits);
            }
            else
            {
                _asm.Emit(Vpand, bytes, bytes, _constants[0]);
            }
        }

        for (int row = 0; row < rows; row++)
        {
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
        _constants.Dispose();
        _zeros.Dispose();
        _scales.Dispose();
    }

    private int Place(int vector, int offset) => checked((int)(vector * _stride) + offset);
}
