// Which 32-bit lanes of a vector take part in a load or store: all, a number known at generation, or a number known at
// run time. The one place where the tail policy of an instruction set shows: opmask, vector mask or partial moves.
using Int8Runtime.Jit;
using static Int8Runtime.Jit.VectorOp;

namespace Int8Runtime.X64;

/// <summary>The lanes that loads and stores touch; memory behind the others is neither read nor written.</summary>
internal sealed class ActiveLanes : IDisposable
{
    private readonly Mask? _opmask;
    private readonly Vec? _vectorMask;

    private ActiveLanes(int? fixedCount, Gpr? count, Mask? opmask, Vec? vectorMask)
        => (FixedCount, RuntimeCount, _opmask, _vectorMask) = (fixedCount, count, opmask, vectorMask);

    /// <summary>Every lane.</summary>
    public static ActiveLanes All { get; } = new(null, null, null, null);

    /// <summary>Whether no lane is left out.</summary>
    public bool IsAll => FixedCount is null && RuntimeCount is null;

    /// <summary>The number of lanes, if known at generation and not all.</summary>
    public int? FixedCount { get; }

    /// <summary>The register with the number of lanes, if known at run time only.</summary>
    public Gpr? RuntimeCount { get; }

    /// <summary>
    /// The first <paramref name="lanes"/> lanes. Holds an opmask register with AVX-512 and nothing below; uses a general
    /// register while it is made.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Not between 1 and the number of lanes of a vector.</exception>
    public static ActiveLanes First(KernelAssembler asm, int lanes)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(lanes, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(lanes, asm.Traits.Lanes32);
        if (lanes == asm.Traits.Lanes32)
            return All;
        if (asm.Traits.Tails != TailPolicy.Opmask)
            return new(lanes, null, null, null);
        Mask mask = asm.Registers.Mask("tail lanes");
        using Gpr bits = asm.Registers.Gpr("tail bits");
        asm.Mov(bits, (1 << lanes) - 1);
        asm.Emit(Kmovw, mask, bits);
        return new(lanes, null, mask, null);
    }

    /// <summary>
    /// The first lanes, as many as <paramref name="count"/> says when the kernel runs: at least 1 and fewer than a
    /// vector holds. The register must keep its value while the lanes are in use. Holds an opmask register with
    /// AVX-512, a vector register below; loads and stores of such lanes change the flags.
    /// </summary>
    public static ActiveLanes Count(KernelAssembler asm, Gpr count)
    {
        Mem laneNumbers = asm.Table<int>([.. Enumerable.Range(0, asm.Traits.Lanes32)]);
        Vec lanes = asm.Registers.Vec("tail lanes");
        asm.Emit(Vmovd, lanes, count);
        asm.Emit(Vpbroadcastd, lanes, lanes);
        if (asm.Traits.Tails != TailPolicy.Opmask)
        {
            asm.Emit(Vpcmpgtd, lanes, lanes, laneNumbers);
            return new(null, count, null, lanes);
        }
        Mask mask = asm.Registers.Mask("tail lanes");
        asm.Emit(Vpcmpgtd, mask, lanes, laneNumbers);
        lanes.Dispose();
        return new(null, count, mask, null);
    }

    /// <summary>The destination register of an EVEX load; lanes that take no part become 0.</summary>
    public Operand Zeroing(Vec destination) => _opmask is { } mask ? destination.Zero(mask) : destination;

    /// <summary>The destination register of an EVEX move; lanes that take no part stay.</summary>
    public Operand Merging(Vec destination) => _opmask is { } mask ? destination.Merge(mask) : destination;

    /// <summary>The destination of an EVEX store.</summary>
    public Operand Writing(Mem destination) => _opmask is { } mask ? destination.Merge(mask) : destination;

    /// <summary>Runs <paramref name="use"/> with a vector mask (all bits set in active 32-bit lanes) for VMASKMOV.</summary>
    public void WithVectorMask(KernelAssembler asm, Action<Vec> use)
    {
        if (_vectorMask is { } held)
        {
            use(held);
            return;
        }
        using Vec mask = asm.Registers.Vec("tail mask");
        asm.Emit(Vmovdqu, mask, asm.Table<int>([.. Enumerable.Range(0, asm.Traits.Lanes32).Select(i => i < FixedCount ? -1 : 0)]));
        use(mask);
    }

    /// <summary>target = x in active lanes; the others stay.</summary>
    public void Merge(KernelAssembler asm, Vec target, Vec x)
    {
        if (asm.Traits.HasOpmask || IsAll)
            asm.Emit(Vmovaps, Merging(target), x);
        else
            WithVectorMask(asm, mask => asm.Emit(Vblendvps, target, target, x, mask));
    }

    /// <summary>Gives the registers back.</summary>
    public void Dispose()
    {
        _opmask?.Dispose();
        _vectorMask?.Dispose();
    }
}
