// The products of a depthwise kernel: load one column of a group of rows, multiply it by the weights of its taps.
// A group holds as many rows as one multiply instruction sums: 1 (FMA), 2 (VPMADDWD), 4 (VPDPBUSD).
//
// Bytes are interleaved by unpacks within 128-bit lanes, so that each dword holds the taps of one channel. Accumulator
// v (0..3) then holds, in lane L of 128 bits, the channels 16·L + 4·v … + 3 of the block: the "unpacked order", which the
// in-lane packs of the epilogue undo (with one such lane it is the order of the channels). Weights, compensation, scales and
// biases are stored in the same order.
using Int8Runtime.Jit;
using static Int8Runtime.Jit.VectorOp;

namespace Int8Runtime.X64;

/// <summary>One way to multiply and sum the taps.</summary>
internal abstract class TapProduct(KernelAssembler asm, DepthwiseKernelSpec spec)
{
    private VecArray? _weights;

    /// <summary>The assembler.</summary>
    protected KernelAssembler Asm { get; } = asm;

    /// <summary>The kernel.</summary>
    protected DepthwiseKernelSpec Spec { get; } = spec;

    /// <summary>Facts that packing and planning need as well.</summary>
    public TapGeometry Geometry { get; } = TapGeometry.Of(spec.Product, asm.Traits, spec.Vectors);

    /// <summary>Vector registers that a column needs beside the accumulators.</summary>
    public abstract int ColumnRegisters { get; }

    /// <summary>Outputs whose windows share a column: those that are under way at once while columns follow one another.</summary>
    public int OpenOutputs => (Spec.KernelWidth + Spec.Stride - 1) / Spec.Stride;

    /// <summary>Whether the window's weights stay in registers.</summary>
    public bool HoldsWeights => _weights is not null;

    /// <summary>Emits what is done once for each channel block.</summary>
    /// <param name="taps">The weights of the block's first tap.</param>
    public void BeginBlock(Mem taps)
    {
        for (int i = 0; i < (_weights?.Count ?? 0); i++)
            Asm.Emit(Vmovups, _weights![i], taps + (i * Geometry.VectorBytes));
    }

    /// <summary>Loads a column.</summary>
    /// <param name="registers">As many registers as <see cref="ColumnRegisters"/> says.</param>
    /// <param name="rows">Number of rows of the group.</param>
    /// <param name="address">Address of the column in a row, valid until the next one is asked for.</param>
    /// <returns>The vectors that hold the column.</returns>
    public abstract Vec[] Load(VecArray registers, int rows, Func<int, Mem> address);

    /// <summary>Loads a column of padding.</summary>
    /// <param name="registers">As for <see cref="Load"/>.</param>
    /// <param name="padding">Holds the padded element in 32 bits.</param>
    /// <returns>The vectors that hold the column.</returns>
    public abstract Vec[] LoadPadding(VecArray registers, Mem padding);

    /// <summary>Adds the product of the loaded column and a tap.</summary>
    /// <param name="registers">As for <see cref="Load"/>.</param>
    /// <param name="column">The column as it was loaded.</param>
    /// <param name="sums">The accumulators of the output that the tap belongs to.</param>
    /// <param name="tap">Index of the tap (column · groups + group).</param>
    /// <param name="weights">The tap's weights: as many vectors as there are accumulators.</param>
    public abstract void Multiply(VecArray registers, Vec[] column, ReadOnlySpan<Vec> sums, int tap, Mem weights);

    /// <summary>Ends the kernel: gives resident registers back.</summary>
    public virtual void End() => _weights?.Dispose();

    /// <summary>Keeps the window's weights in registers if that leaves enough of them.</summary>
    /// <param name="others">Registers for accumulators, columns and epilogue.</param>
    protected void HoldWeights(int others)
    {
        int vectors = Spec.KernelWidth * Geometry.GroupsOf(Spec.KernelHeight) * Geometry.Vectors;
        if (vectors + others <= Asm.Registers.Free(RegisterClass.Vector))
            _weights = Asm.Registers.Vecs("weights", vectors);
    }

    /// <summary>A vector of a tap's weights, in a register or in memory.</summary>
    protected Operand WeightsOf(int tap, int vector, Mem weights) =>
        _weights is null ? weights + (vector * Geometry.VectorBytes) : _weights[(tap * Geometry.Vectors) + vector];

    /// <summary>The product that the spec asks for.</summary>
    public static TapProduct Create(KernelAssembler asm, DepthwiseKernelSpec spec, int epilogueRegisters) => spec.Product switch
    {
        TapProductKind.Fma => new FmaTapProduct(asm, spec, epilogueRegisters),
        _ => new ByteTapProduct(asm, spec, epilogueRegisters),
    };
}

/// <summary>Block sizes of a product on an instruction set.</summary>
/// <param name="RowsPerGroup">Rows of the window that one multiplication covers.</param>
/// <param name="Vectors">Accumulators of one output pixel.</param>
/// <param name="BlockChannels">Channels of one output pixel's accumulators.</param>
/// <param name="VectorBytes">Bytes of a vector.</param>
/// <param name="IsUnpackedOrder">Whether the accumulators hold channels in unpacked order.</param>
internal readonly record struct TapGeometry(
    int RowsPerGroup, int Vectors, int BlockChannels, int VectorBytes, bool IsUnpackedOrder)
{
    // Accumulators, columns and epilogue beside resident weights of two vectors.
    private const int RegistersOfTwoVectors = 31, OthersOfTwoVectors = 9;

    /// <summary>The geometry for a problem.</summary>
    /// <param name="product">Kind of product.</param>
    /// <param name="traits">Instruction set.</param>
    /// <param name="taps">Taps of the window.</param>
    /// <param name="channels">Number of channels.</param>
    /// <remarks>
    /// Two vectors of f32 are neighbouring cache lines, which arrive together; they are taken where the window's weights stay in
    /// registers nevertheless.
    /// </remarks>
    public static TapGeometry For(TapProductKind product, IsaTraits traits, int taps, int channels) =>
        Of(product, traits, product != TapProductKind.Fma ? 4
            : traits.Width == VectorWidth.V512 && channels > traits.Lanes32
                && (2 * taps) + OthersOfTwoVectors <= RegistersOfTwoVectors ? 2 : 1);

    /// <summary>The geometry of a product with a number of accumulators for each output.</summary>
    public static TapGeometry Of(TapProductKind product, IsaTraits traits, int vectors) => product switch
    {
        TapProductKind.Fma => new(1, vectors, vectors * traits.Lanes32, traits.VectorBytes, false),
        TapProductKind.ByteQuads => new(4, vectors, traits.VectorBytes, traits.VectorBytes, traits.Width > VectorWidth.V128),
        _ => new(2, vectors, traits.VectorBytes, traits.VectorBytes, traits.Width > VectorWidth.V128),
    };

    /// <summary>32-bit lanes of a vector.</summary>
    public int Lanes => VectorBytes / 4;

    /// <summary>Groups of rows in a window.</summary>
    public int GroupsOf(int kernelHeight) => (kernelHeight + RowsPerGroup - 1) / RowsPerGroup;

    /// <summary>Channel of the block that a lane of an accumulator holds.</summary>
    public int ChannelOf(int vector, int lane) =>
        IsUnpackedOrder ? (lane / 4 * 16) + (vector * 4) + (lane % 4) : (vector * Lanes) + lane;
}
