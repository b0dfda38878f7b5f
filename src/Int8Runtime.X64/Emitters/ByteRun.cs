// Loads and stores of a fixed number of bytes, a whole vector or less, that touch no byte beyond.
using Int8Runtime.Jit;
using static Int8Runtime.Jit.VectorOp;

namespace Int8Runtime.X64;

/// <summary>
/// A run of bytes in one vector: an opmask on AVX-512 if one move does not do; below, moves of 16, 8, 4, 2 and 1 bytes, as few as
/// the length needs.
/// </summary>
internal sealed class ByteRun : IDisposable
{
    private readonly KernelAssembler _asm;
    private readonly int _bytes;
    private readonly Mask? _mask;

    /// <summary>Prepares the run.</summary>
    /// <param name="asm">The kernel.</param>
    /// <param name="bytes">Length; 0 or the size of a vector stand for a whole vector.</param>
    public ByteRun(KernelAssembler asm, int bytes)
    {
        _asm = asm;
        _bytes = bytes % asm.Traits.VectorBytes;
        if (_bytes is 0 or 4 or 8 or Half || !asm.Traits.HasOpmask)
            return;
        _mask = asm.Registers.Mask("bytes");
        using Gpr bits = asm.Registers.Gpr("mask bits");
        asm.Mov(bits, (long)((1UL << _bytes) - 1));
        asm.Emit(Kmovq, _mask.Value, bits);
    }

    /// <summary>Loads the bytes; the others become 0 or, without opmasks, copies of them.</summary>
    /// <param name="destination">Takes the bytes.</param>
    /// <param name="source">Address of the first byte.</param>
    /// <param name="scratch">A register that may be changed.</param>
    public void Load(Vec destination, Mem source, Vec scratch)
    {
        if (_bytes == 0 || _mask is not null)
        {
            _asm.Emit(Vmovdqu8, _mask is { } mask ? destination.Zero(mask) : destination, source);
        }
        else if (_bytes <= Half)
        {
            LoadHalf(destination, source, _bytes);
        }
        else
        {
            _asm.Emit(Vmovdqu, VectorWidth.V128, destination, source);
            LoadHalf(scratch, source + Half, _bytes - Half);
            _asm.Emit(Vinserti128, destination, destination, scratch, 1);
        }
    }

    /// <summary>Stores the bytes.</summary>
    /// <param name="destination">Address of the first byte.</param>
    /// <param name="source">Holds the bytes; changed without opmasks.</param>
    public void Store(Mem destination, Vec source)
    {
        if (_bytes == 0 || _mask is not null)
        {
            _asm.Emit(Vmovdqu8, _mask is { } mask ? destination.Merge(mask) : destination, source);
        }
        else if (_bytes <= Half)
        {
            StoreHalf(destination, source, _bytes);
        }
        else
        {
            _asm.Emit(Vmovdqu, VectorWidth.V128, destination, source);
            _asm.Emit(Vextracti128, source, source, 1);
            StoreHalf(destination + Half, source, _bytes - Half);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _mask?.Dispose();

    private const int Half = 16;

    private void LoadHalf(Vec destination, Mem source, int bytes)
    {
        int done = 0;
        if (bytes == Half)
        {
            _asm.Emit(Vmovdqu, VectorWidth.V128, destination, source);
            return;
        }

        if (bytes >= 8)
        {
            _asm.Emit(Vmovq, destination, source);
            done = 8;
        }
        else if (bytes >= 4)
        {
            _asm.Emit(Vmovd, destination, source);
            done = 4;
        }
        else
        {
            _asm.Clear(destination);
        }

        if ((bytes - done & 4) != 0)
        {
            _asm.Emit(Vpinsrd, destination, destination, source + done, done / 4);
            done += 4;
        }

        if ((bytes - done & 2) != 0)
        {
            _asm.Emit(Vpinsrw, destination, destination, source + done, done / 2);
            done += 2;
        }

        if (done < bytes)
            _asm.Emit(Vpinsrb, destination, destination, source + done, done);
    }

    private void StoreHalf(Mem destination, Vec source, int bytes)
    {
        int done = 0;
        if (bytes == Half)
        {
            _asm.Emit(Vmovdqu, VectorWidth.V128, destination, source);
            return;
        }

        if (bytes >= 8)
        {
            _asm.Emit(Vmovq, destination, source);
            done = 8;
        }
        else if (bytes >= 4)
        {
            _asm.Emit(Vmovd, destination, source);
            done = 4;
        }

        if ((bytes - done & 4) != 0)
        {
            _asm.Emit(Vpextrd, destination + done, source, done / 4);
            done += 4;
        }

        if ((bytes - done & 2) != 0)
        {
            _asm.Emit(Vpextrw, destination + done, source, done / 2);
            done += 2;
        }

        if (done < bytes)
            _asm.Emit(Vpextrb, destination + done, source, done);
    }
}
