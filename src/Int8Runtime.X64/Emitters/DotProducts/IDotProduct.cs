// The multiply-accumulate at the heart of a matrix kernel: what differs between element types and instruction sets.
using Int8Runtime.Jit;

namespace Int8Runtime.X64;

/// <summary>Operand types of the products that a kernel sums up.</summary>
internal enum DotProductKind
{
    /// <summary>f32 · f32, summed in f32.</summary>
    Float32,

    /// <summary>u8 source · s8 weights, summed in s32. Without VPDPBUSD the weights are split (<see cref="SaturationSplit"/>).</summary>
    UInt8,

    /// <summary>s8 source · s8 weights, summed in s32: the source is shifted by 128, which the compensation takes back.</summary>
    Int8,

    /// <summary><see cref="UInt8"/> without VPDPBUSD, with the products of two steps summed in 16 bits.</summary>
    UInt8Quads,

    /// <summary><see cref="Int8"/> without VPDPBUSD, with the products of two steps summed in 16 bits.</summary>
    Int8Quads,

    /// <summary>s16 · s16, summed in s32: 8-bit operands that were widened and freed of their zero points.</summary>
    Int16,

    /// <summary>bf16 · bf16, summed in f32 (AVX512_BF16 only). Elsewhere bf16 operands are widened for <see cref="Float32"/>.</summary>
    BFloat16,
}

/// <summary>
/// Emits products of one row's operand, repeated over all lanes, with one vector of packed weights. A lane of 32 bits
/// holds <see cref="Interleave"/> consecutive elements of K, so a step reads 4 bytes of the source and a whole vector of weights.
/// </summary>
internal interface IDotProduct
{
    /// <summary>Elements of K in each 32-bit lane.</summary>
    int Interleave { get; }

    /// <summary>Vector registers needed beside accumulators and operands.</summary>
    int Temporaries { get; }

    /// <summary>Instructions of a product.</summary>
    int Instructions { get; }

    /// <summary>
    /// Whether operands may change places and the instruction repeats 4 bytes of memory over all lanes by itself, so that the source
    /// need not be loaded where only one vector of weights meets it.
    /// </summary>
    bool EmbedsBroadcast { get; }

    /// <summary>Leases the temporaries and loads constants; called once, before the loops.</summary>
    void Prepare(KernelAssembler asm);

    /// <summary>Repeats the 4 bytes at <paramref name="address"/> over all lanes of <paramref name="a"/>.</summary>
    void LoadSource(KernelAssembler asm, Vec a, Mem address);

    /// <summary>accumulator += a · b, lane by lane; <paramref name="b"/> is a register or memory.</summary>
    void Accumulate(KernelAssembler asm, Vec accumulator, Vec a, Operand b);

    /// <summary>
    /// accumulator += a · b + nextA · nextB, for two steps that follow each other; the first one at an even place in its run.
    /// </summary>
    void AccumulateTwo(KernelAssembler asm, Vec accumulator, Vec a, Operand b, Vec nextA, Operand nextB)
    {
        Accumulate(asm, accumulator, a, b);
        Accumulate(asm, accumulator, nextA, nextB);
    }

    /// <summary>accumulator += other.</summary>
    void Add(KernelAssembler asm, Vec accumulator, Vec other);
}

/// <summary>Makes the leaf for a kind of product.</summary>
internal static class DotProducts
{
    /// <summary>Elements of K in each 32-bit lane.</summary>
    public static int Interleave(this DotProductKind kind) => kind switch
    {
        DotProductKind.Float32 => 1,
        DotProductKind.Int16 or DotProductKind.BFloat16 => 2,
        _ => 4,
    };

    /// <summary>Steps whose products are summed before they are added to the accumulators.</summary>
    public static int StepsOfSum(this DotProductKind kind) => kind is DotProductKind.UInt8Quads or DotProductKind.Int8Quads ? 2 : 1;

    /// <summary>Whether s8 sources are shifted to u8.</summary>
    public static bool ShiftsSource(this DotProductKind kind) => kind is DotProductKind.Int8 or DotProductKind.Int8Quads;

    /// <summary>Type of the accumulators.</summary>
    public static DataType AccumulatorType(this DotProductKind kind) =>
        kind.IsFloatingPoint() ? DataType.Float32 : DataType.Int32;

    /// <summary>Whether floats are multiplied.</summary>
    public static bool IsFloatingPoint(this DotProductKind kind) => kind is DotProductKind.Float32 or DotProductKind.BFloat16;

    /// <summary>Type in which a product of floats reads its operands.</summary>
    public static DataType FloatType(this DotProductKind kind) =>
        kind == DotProductKind.BFloat16 ? DataType.BFloat16 : DataType.Float32;

    /// <summary>Whether the kernel can read elements of a source as they are.</summary>
    public static bool ReadsDirectly(this DotProductKind kind, DataType source) =>
        kind != DotProductKind.Int16 && (!kind.IsFloatingPoint() || source == kind.FloatType());

    /// <summary>Bytes of a source element as the kernel reads it.</summary>
    public static int ElementBytes(this DotProductKind kind) => 4 / kind.Interleave();

    /// <summary>The leaf that serves <paramref name="kind"/> with the given instructions.</summary>
    public static IDotProduct Create(DotProductKind kind, IsaTraits traits) => kind switch
    {
        DotProductKind.Float32 => new FmaDotProduct(traits.HasOpmask),
        DotProductKind.BFloat16 => new Bf16DotProduct(),
        DotProductKind.Int16 => new Int16DotProduct(traits.HasVnni),
        _ when traits.HasVnni => new VnniDotProduct(kind.ShiftsSource()),
        _ => new MaddubsDotProduct(kind.ShiftsSource(), addsFour: kind.StepsOfSum() == 2),
    };
}
