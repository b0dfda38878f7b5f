// Loads and stores of fewer elements than a vector has 32-bit lanes, without masks: the count is split into 4 + 2 + 1, and each
// part moves as one scalar of 1, 2, 4 or 8 bytes. Elements have 1 or 2 bytes, in kernels with four lanes also 4.
using Int8Runtime.Jit;
using static Int8Runtime.Jit.VectorOp;

namespace Int8Runtime.X64;

/// <summary>Moves between memory and the low lanes of an xmm register.</summary>
internal static class PartialMoves
{
    /// <summary>Loads elements to the low lanes; the rest of the register becomes 0.</summary>
    public static void Load(KernelAssembler asm, Vec destination, Mem source, int elementBytes, ActiveLanes lanes)
    {
        asm.Clear(destination);
        if (lanes.FixedCount is { } count)
        {
            foreach ((int first, int part) in Parts(count))
                Insert(asm, destination, source + first * elementBytes, part * elementBytes, first / part);
            return;
        }

        // From the last element back: each part goes to the bottom and moves up when the next one comes.
        Gpr remaining = lanes.RuntimeCount!.Value;
        using Gpr end = asm.Registers.Gpr("tail end");
        asm.Lea(end, source);
        asm.Lea(end, end[remaining, elementBytes]);
        foreach (int part in PartSizes(asm).Reverse())
        {
            asm.Test(remaining, part);
            asm.SkipIf(Condition.Equal, () =>
            {
                asm.Sub(end, part * elementBytes);
                asm.Emit(Vpslldq, VectorWidth.V128, destination, destination, part * elementBytes);
                Insert(asm, destination, end[0], part * elementBytes, 0);
            });
        }
    }

    /// <summary>Stores elements from the low lanes. With a run-time count the register is destroyed.</summary>
    public static void Store(KernelAssembler asm, Mem destination, Vec source, int elementBytes, ActiveLanes lanes)
    {
        if (lanes.FixedCount is { } count)
        {
            foreach ((int first, int part) in Parts(count))
                Extract(asm, destination + first * elementBytes, source, part * elementBytes, first / part);
            return;
        }
        Gpr remaining = lanes.RuntimeCount!.Value;
        using Gpr pointer = asm.Registers.Gpr("tail pointer");
        asm.Lea(pointer, destination);
        foreach (int part in PartSizes(asm))
        {
            asm.Test(remaining, part);
            asm.SkipIf(Condition.Equal, () =>
            {
                Extract(asm, pointer[0], source, part * elementBytes, 0);
                asm.Emit(Vpsrldq, VectorWidth.V128, source, source, part * elementBytes);
                asm.Add(pointer, part * elementBytes);
            });
        }
    }

    // The powers of 2 that a number of lanes is made of.
    private static IEnumerable<int> PartSizes(KernelAssembler asm) => ((int[])[4, 2, 1]).Where(part => part < asm.Traits.Lanes32);

    // 7 → (0, 4), (4, 2), (6, 1): first element and length of each part.
    private static IEnumerable<(int First, int Part)> Parts(int count)
    {
        int first = 0;
        foreach (int part in (int[])[4, 2, 1])
        {
            if ((count & part) == 0)
                continue;
            yield return (first, part);
            first += part;
        }
    }

    private static void Insert(KernelAssembler asm, Vec destination, Mem source, int bytes, int index)
        => asm.Emit(bytes switch { 1 => Vpinsrb, 2 => Vpinsrw, 4 => Vpinsrd, _ => Vpinsrq }, destination, destination, source, index);

    private static void Extract(KernelAssembler asm, Mem destination, Vec source, int bytes, int index)
        => asm.Emit(bytes switch { 1 => Vpextrb, 2 => Vpextrw, 4 => Vpextrd, _ => Vpextrq }, destination, source, index);
}
