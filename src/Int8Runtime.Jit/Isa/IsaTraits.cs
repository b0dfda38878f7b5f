// The facts about an instruction-set tier that generators ask for; nothing about blocking or fusion belongs here.
namespace Int8Runtime.Jit;

/// <summary>Size of a vector register, in bytes.</summary>
internal enum VectorWidth
{
    /// <summary>An xmm register.</summary>
    V128 = 16,

    /// <summary>A ymm register.</summary>
    V256 = 32,

    /// <summary>A zmm register.</summary>
    V512 = 64,
}

/// <summary>How vector instructions are encoded.</summary>
internal enum VectorEncoding
{
    /// <summary>SSE: registers 0 to 15, the destination is the first source, memory operands are aligned.</summary>
    Legacy,

    /// <summary>VEX: registers 0 to 15, no opmasks.</summary>
    Vex,

    /// <summary>EVEX: registers 0 to 31, opmasks, embedded broadcast.</summary>
    Evex,
}

/// <summary>How loads and stores of fewer lanes than a vector holds are done.</summary>
internal enum TailPolicy
{
    /// <summary>With partial moves of 8, 4, 2 and 1 bytes.</summary>
    PartialMoves,

    /// <summary>With vector masks for 32-bit lanes and partial moves for narrower ones.</summary>
    VectorMask,

    /// <summary>With opmask registers.</summary>
    Opmask,
}

/// <summary>What a kernel for a given set of instructions can rely on.</summary>
internal sealed record IsaTraits
{
    private IsaTraits(Isa isa)
    {
        if ((isa & IsaTiers.Sse41) != IsaTiers.Sse41)
            throw new ArgumentException($"Kernels need at least SSE4.1; the instruction set is '{isa}'.", nameof(isa));
        Isa = isa;
        if ((isa & IsaTiers.Avx512) == IsaTiers.Avx512)
            (Encoding, Width, VectorRegisters, Tails) = (VectorEncoding.Evex, VectorWidth.V512, 32, TailPolicy.Opmask);
        else if ((isa & IsaTiers.Avx2) == IsaTiers.Avx2)
            (Encoding, Width, VectorRegisters, Tails) = (VectorEncoding.Vex, VectorWidth.V256, 16, TailPolicy.VectorMask);
        else
            (Encoding, Width, VectorRegisters, Tails) = (VectorEncoding.Legacy, VectorWidth.V128, 14, TailPolicy.PartialMoves);
        ReservedVectors = Encoding == VectorEncoding.Legacy ? LegacyLowering.Reserved : 0;
    }

    /// <summary>The instruction set itself.</summary>
    public Isa Isa { get; }

    /// <summary>Encoding of vector instructions.</summary>
    public VectorEncoding Encoding { get; }

    /// <summary>The widest vector.</summary>
    public VectorWidth Width { get; }

    /// <summary>Number of vector registers that kernels can lease.</summary>
    public int VectorRegisters { get; }

    /// <summary>Number of vector registers, from the first one on, that are kept for <see cref="LegacyLowering"/>.</summary>
    public int ReservedVectors { get; }

    /// <summary>How partial vectors are moved.</summary>
    public TailPolicy Tails { get; }

    /// <summary>Bytes of the widest vector: 16, 32 or 64.</summary>
    public int VectorBytes => (int)Width;

    /// <summary>32-bit lanes of the widest vector: 4, 8 or 16.</summary>
    public int Lanes32 => VectorBytes / 4;

    /// <summary>Whether opmask registers exist.</summary>
    public bool HasOpmask => Encoding == VectorEncoding.Evex;

    /// <summary>Whether VPDPBUSD exists in <see cref="Encoding"/>.</summary>
    public bool HasVnni => Isa.HasFlag(HasOpmask ? Isa.Avx512Vnni : Isa.Avx2Vnni);

    /// <summary>Whether VDPBF16PS and the conversions to bf16 exist.</summary>
    public bool HasBf16 => HasOpmask && Isa.HasFlag(Isa.Avx512Bf16);

    /// <summary>The traits of an instruction set.</summary>
    /// <exception cref="ArgumentException">The set is below SSE4.1.</exception>
    public static IsaTraits For(Isa isa) => new(isa);
}
