// VPMADDUBSW adds two products u8·s8 with saturation to 16 bits, and kernels may add two such sums in 16 bits. Weights are split so that
// neither leaves them:
//   255·(w0 + w1) leaves s16 only if both weights have one sign and |w0| + |w1| > 128 (255·128 = 32640, 255·129 = 32895);
//   such a pair keeps w0 and as much of w1 as fits, and the rest of w1 goes to a residual step of its own. Of four weights those of
//   one sign count together: any of their products may be 0.
// So the sum over main and residual steps is the exact one. Trained weights rarely need it: a step of 16 columns has a residual
// in some percent of the cases.
//
// Residuals of a vector of columns:
//   [count s64, padding to 64 bytes][entries: offset of the run s32, step·4 s32][weights: lanes·4 bytes for each entry]
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Int8Runtime.X64;

/// <summary>Where the parts of a vector's residuals lie.</summary>
/// <param name="WeightsOffset">Bytes from the count to the weights of the first entry.</param>
/// <param name="Stride">Bytes from one vector's residuals to the next one's.</param>
internal readonly record struct BrgemmResiduals(int WeightsOffset, int Stride)
{
    /// <summary>Bytes from the count to the first entry.</summary>
    public const int EntriesOffset = 64;

    /// <summary>Bytes of an entry.</summary>
    public const int EntryBytes = 8;

    /// <summary>Room for a number of entries; 32 bits count <see cref="BytesOf"/>.</summary>
    public static BrgemmResiduals For(int entries, int lanes) => new((int)BytesOf(entries, 0), (int)BytesOf(entries, lanes));

    /// <summary>Bytes of a vector's residuals.</summary>
    public static long BytesOf(long entries, int lanes) =>
        EntriesOffset + (((entries * EntryBytes) + 63) / 64 * 64) + (entries * lanes * 4);
}

/// <summary>Splits the packed weights of one vector of columns and collects the residuals.</summary>
internal unsafe ref struct SaturationSplit
{
    private const int LargestSum = 128;

    private readonly long* _count;
    private readonly int _lanes;
    private int* _entry;
    private sbyte* _weights;

    /// <summary>Begins a vector.</summary>
    /// <param name="layout">Where the parts lie.</param>
    /// <param name="residuals">The vector's residuals.</param>
    /// <param name="lanes">32-bit lanes of a vector.</param>
    public SaturationSplit(BrgemmResiduals layout, byte* residuals, int lanes)
    {
        _count = (long*)residuals;
        *_count = 0;
        _entry = (int*)(residuals + BrgemmResiduals.EntriesOffset);
        _weights = (sbyte*)(residuals + layout.WeightsOffset);
        _lanes = lanes;
    }

    /// <summary>Entries of a run at most.</summary>
    /// <param name="steps">Steps of the run.</param>
    /// <param name="together">Steps whose products are summed in 16 bits: 1 or 2.</param>
    public static int MostEntries(int steps, int together) => together == 1 ? steps : (steps + 1) / 2 * 3;

    /// <summary>Splits one or two packed steps in place; adds residuals if any sum needs it.</summary>
    /// <param name="packed">The steps.</param>
    /// <param name="steps">Their number: the products of all are summed in 16 bits.</param>
    /// <param name="run">The run.</param>
    /// <param name="step">The first step's place in the run.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Split(sbyte* packed, int steps, int run, int step)
    {
        if (!MayLeaveWords(packed, steps))
            return;
        // Two entries can be needed for a step: one holds 128 in a word, what is left over up to 254.
        sbyte** entries = stackalloc sbyte*[4];
        for (int i = 0; i < 4; i++)
            entries[i] = null;
        for (int word = 0; word < _lanes * 2; word++)
        {
            for (int sign = -1; sign <= 1; sign += 2)
            {
                int excess = -LargestSum;
                for (int i = 0; i < steps * 2; i++)
                    excess += Math.Max(0, sign * *Weight(packed, word, i));
                for (int i = (steps * 2) - 1; i >= 0 && excess > 0; i--)
                {
                    sbyte* weight = Weight(packed, word, i);
                    int taken = Math.Clamp(sign * *weight, 0, excess);
                    *weight -= (sbyte)(sign * taken);
                    excess -= taken;
                    for (int entry = i / 2 * 2; taken > 0; entry++)
                    {
                        if (entries[entry] is null)
                            entries[entry] = Add(run, step + (i / 2));
                        sbyte* rest = entries[entry] + (word * 2);
                        int room = LargestSum - Math.Max(0, sign * rest[0]) - Math.Max(0, sign * rest[1]);
                        int moved = Math.Min(Math.Min(taken, room), sign > 0 ? sbyte.MaxValue : LargestSum);
                        rest[i % 2] += (sbyte)(sign * moved);
                        taken -= moved;
                    }
                }
            }
        }
    }

    // Weight i of a word: two of the first step, then two of the second.
    private readonly sbyte* Weight(sbyte* packed, int word, int i) => packed + (i / 2 * _lanes * 4) + (word * 2) + (i % 2);

    private sbyte* Add(int run, int step)
    {
        *_entry++ = run * BrgemmRun.Bytes;
        *_entry++ = step * 4;
        sbyte* weights = _weights;
        new Span<sbyte>(weights, _lanes * 4).Clear();
        _weights += _lanes * 4;
        ++*_count;
        return weights;
    }

    // Whether in any word the weights of one sign add up to more than fits.
    private readonly bool MayLeaveWords(sbyte* packed, int steps)
    {
        Vector128<short> most = Vector128<short>.Zero, least = Vector128<short>.Zero;
        Vector128<byte> ones = Vector128.Create((byte)1);
        for (int i = 0; i < _lanes * 4; i += Vector128<sbyte>.Count)
        {
            Vector128<short> above = Vector128<short>.Zero, below = Vector128<short>.Zero;
            for (int s = 0; s < steps; s++)
            {
                Vector128<sbyte> weights = Vector128.Load(packed + (s * _lanes * 4) + i);
                above += Ssse3.MultiplyAddAdjacent(ones, Vector128.Max(weights, Vector128<sbyte>.Zero));
                below += Ssse3.MultiplyAddAdjacent(ones, Vector128.Min(weights, Vector128<sbyte>.Zero));
            }

            most = Vector128.Max(most, above);
            least = Vector128.Min(least, below);
        }

        return Vector128.GreaterThanAny(most, Vector128.Create((short)LargestSum))
            || Vector128.LessThanAny(least, Vector128.Create((short)-LargestSum));
    }
}
