// The limit that speeds are compared with.
using System.Diagnostics;
using Int8Runtime.Jit;
using Int8Runtime.X64;

namespace Int8Runtime;

/// <summary>
/// Measures how many operations per second the CPU can do at most: a generated loop of independent products whose operands
/// stay in registers, on all threads of an engine. Clocks change with load and time, so sample the peak in the run, and next
/// to the work, that is compared with it.
/// </summary>
public sealed class PeakMeasurement
{
    private readonly Engine _engine;
    private readonly PeakLoop _loop;

    /// <summary>Prepares the measurement.</summary>
    /// <param name="engine">Gives the instruction sets and the threads.</param>
    /// <param name="type">Type of the weights: an 8-bit type, bf16 or f32.</param>
    /// <exception cref="NotSupportedException">There are no products of this type, or no code can be generated here.</exception>
    public PeakMeasurement(Engine engine, DataType type)
    {
        ArgumentNullException.ThrowIfNull(engine);
        if (!engine.Isa.HasFlag(Isa.Sse41))
            throw new NotSupportedException("The peak is measured by generated code, which needs at least SSE4.1.");
        DotProductKind product = type switch
        {
            DataType.Float32 => DotProductKind.Float32,
            DataType.BFloat16 => IsaTraits.For(engine.Isa).HasBf16 ? DotProductKind.BFloat16 : DotProductKind.Float32,
            DataType.Int8 or DataType.UInt8 => IsaTraits.For(engine.Isa).HasVnni || engine.NumericMode != NumericMode.Exact
                ? DotProductKind.UInt8 : DotProductKind.Int16,
            _ => throw new NotSupportedException($"There are no products of {type.ToShortName()}."),
        };
        _engine = engine;
        _loop = new PeakLoop(KernelCache.Shared, engine.Isa, product);
    }

    /// <summary>The best sample so far, in operations per second; a multiply-add is two operations. 0 before the first sample.</summary>
    public double Best { get; private set; }

    /// <summary>Runs the loop once, for some tenths of a millisecond, and returns operations per second.</summary>
    public double Sample()
    {
        long start = Stopwatch.GetTimestamp();
        long operations = _loop.Run(_engine.Pool, _engine.Threads);
        double rate = operations / Stopwatch.GetElapsedTime(start).TotalSeconds;
        Best = Math.Max(Best, rate);
        return rate;
    }
}
