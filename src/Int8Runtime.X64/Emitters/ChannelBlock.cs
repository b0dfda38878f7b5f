// Neighbouring channels of a pixel in vectors, the last of which may be partly filled: what kernels that go from pixel to pixel share.
using Int8Runtime.Jit;
using static Int8Runtime.Jit.VectorOp;

namespace Int8Runtime.X64;

/// <summary>The vectors of a channel block, with 32-bit lanes or with byte lanes.</summary>
internal sealed class ChannelBlock
{
    private readonly KernelAssembler _asm;
    private readonly int _channels;
    private readonly ActiveLanes? _tail;
    private readonly ByteRun? _bytes;

    /// <summary>Prepares the masks of the last vector.</summary>
    /// <param name="asm">The kernel.</param>
    /// <param name="channels">Lanes of the block: a number of whole vectors, or any smaller number.</param>
    /// <param name="isBytes">Whether lanes are bytes, which are moved as they are.</param>
    public ChannelBlock(KernelAssembler asm, int channels, bool isBytes)
    {
        (_asm, _channels) = (asm, channels);
        Lanes = LanesOf(asm.Traits, isBytes);
        Vectors = (channels + Lanes - 1) / Lanes;
        if (isBytes)
            _bytes = new ByteRun(asm, channels % Lanes);
        else if (channels % Lanes != 0)
            _tail = ActiveLanes.First(asm, channels % Lanes);
    }

    /// <summary>Lanes of a vector.</summary>
    public int Lanes { get; }

    /// <summary>Vectors of the block.</summary>
    public int Vectors { get; }

    /// <summary>Lanes of a vector for an instruction set.</summary>
    public static int LanesOf(IsaTraits traits, bool isBytes) => isBytes ? traits.VectorBytes : traits.Lanes32;

    /// <summary>The 32-bit lanes of a vector that exist.</summary>
    public ActiveLanes LanesAt(int vector) => IsTail(vector) ? _tail! : ActiveLanes.All;

    /// <summary>Loads a vector of bytes.</summary>
    public void LoadBytes(Vec destination, Mem source, Vec scratch, int vector)
    {
        if (IsTail(vector))
            _bytes!.Load(destination, source, scratch);
        else
            _asm.Emit(Vmovdqu8, destination, source);
    }

    /// <summary>Stores a vector of bytes.</summary>
    public void StoreBytes(Mem destination, Vec source, int vector)
    {
        if (IsTail(vector))
            _bytes!.Store(destination, source);
        else
            _asm.Emit(Vmovdqu8, destination, source);
    }

    /// <summary>Subtracts a zero point from f32 values and multiplies them by a scale, both f32 in memory.</summary>
    public void Dequantize(VecArray values, Mem zeroPoint, Mem scale)
    {
        using Vec operand = _asm.Registers.Vec("operand");
        _asm.Emit(Vbroadcastss, operand, zeroPoint);
        for (int v = 0; v < values.Count; v++)
            _asm.Emit(Vsubps, values[v], values[v], operand);
        _asm.Emit(Vbroadcastss, operand, scale);
        for (int v = 0; v < values.Count; v++)
            _asm.Emit(Vmulps, values[v], values[v], operand);
    }

    /// <summary>Sends f32 values through an epilogue to a pixel.</summary>
    /// <param name="values">One value for each channel of the block.</param>
    /// <param name="spec">The epilogue.</param>
    /// <param name="arguments">Where the pointer to its arguments lies.</param>
    /// <param name="destination">The first channel of the pixel.</param>
    /// <param name="channel">Number of that channel.</param>
    public void Store(VecArray values, EpilogueSpec spec, Mem arguments, Gpr destination, Gpr channel)
    {
        int size = spec.Destination.SizeInBytes();
        using EpilogueEmitter epilogue = EpilogueEmitter.Begin(_asm, spec, arguments, channel);
        var vectors = new ResultVector[Vectors];
        for (int v = 0; v < Vectors; v++)
            vectors[v] = new(values[v], destination[v * Lanes * size], v * Lanes, LanesAt(v));
        epilogue.Emit(vectors);
    }

    private bool IsTail(int vector) => (vector + 1) * Lanes > _channels;
}
