// VPMADDUBSW adds two products u8·s8 with saturation to 16 bits. Weights are split so that this never happens:
//   255·(w0 + w1) leaves s16 only if both weights have one sign and |w0| + |w1| > 128 (255·128 = 32640, 255·129 = 32895);
//   such a pair keeps w0 and as much of w1 as fits, and the rest of w1 goes to a residual step of its own.
// So the sum over main and residual steps is the exact one. Trained weights rarely need it: a step of 16 columns has a residual
// in some percent of the cases.
//
// Residuals of a vector of columns:  [count s64, padding to 64 bytes][entry: offset of the run s32, step·4 s32][weights: lanes·4 bytes of each entry]
using System.Runtime.CompilerServices;

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

    /// <summary>Room for a residual of every step.</summary>
    public static BrgemmResiduals For(int steps, int lanes)
    {
        int weights = EntriesOffset + ((steps * EntryBytes) + 63) / 64 * 64;
        return new BrgemmResiduals(weights, checked(weights + (steps * lanes * 4)));
    }
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

    /// <summary>Splits one packed step in place; adds a residual if any pair needs it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Split(sbyte* packed, int run, int step)
    {
        bool any = false;
        for (int i = 0; i < _lanes * 4; i += 2)
        {
            int first = packed[i], second = packed[i + 1];
            if (Math.Abs(first + second) <= LargestSum)
                continue;
            if (!any)
            {
                new Span<sbyte>(_weights, _lanes * 4).Clear();
                any = true;
            }

            // Both have the sign of the sum; what is left of the second weight has it too, or is 0.
            int kept = first < 0 ? -LargestSum - first : LargestSum - first;
            packed[i + 1] = (sbyte)kept;
            _weights[i + 1] = (sbyte)(second - kept);
        }

        if (!any)
            return;
        *_entry++ = run * BrgemmRun.Bytes;
        *_entry++ = step * 4;
        _weights += _lanes * 4;
        ++*_count;
    }
}
