// Hands out the units of one piece of parallel work.
using System.Runtime.CompilerServices;

namespace Int8Runtime;

/// <summary>
/// Units that workers take one at a time: first those of a worker's own share, in order, so that neighbours in memory stay
/// with one core, then what is left of the shares of others, so that a worker that is slow or was interrupted holds nobody up.
/// Lives in the <see cref="IParallelBody"/>, which all workers see; starts as <c>default</c>.
/// </summary>
internal struct UnitQueue
{
    private const int Capacity = 32;

    private Counters _taken;

    /// <summary>Takes a unit that nobody has taken.</summary>
    /// <param name="units">Number of units.</param>
    /// <param name="worker">The calling worker.</param>
    /// <param name="workers">Number of workers.</param>
    /// <param name="visited">How many shares this worker has seen emptied; 0 at first.</param>
    /// <param name="unit">The unit.</param>
    /// <returns>False if none is left.</returns>
    public bool TryTake(int units, int worker, int workers, ref int visited, out int unit)
    {
        int shares = Math.Min(workers, Capacity);
        for (; visited < shares; visited++)
        {
            int share = (worker + visited) % shares;
            (int start, int end) = Parallel.Share(units, share, shares);
            unit = start + Interlocked.Increment(ref _taken[share]) - 1;
            if (unit < end)
                return true;
        }

        unit = -1;
        return false;
    }

    [InlineArray(Capacity)]
    private struct Counters
    {
        private int _first;
    }
}
