// An engine made of chosen implementations, for tests of dispatch and of single implementations.
using Int8Runtime.Jit;

namespace Int8Runtime.TestKit;

/// <summary>An engine with an instruction set, thread count and implementation list that the test chooses.</summary>
internal sealed class TestEngine : Engine
{
    /// <summary>Creates the engine.</summary>
    /// <param name="isa">Instruction sets that plans may use.</param>
    /// <param name="implementations">Implementations in the order in which they are tried.</param>
    /// <param name="threads">Threads of one execution.</param>
    /// <param name="cacheBytes">Bound of the plan cache.</param>
    public TestEngine(Isa isa, IEnumerable<IImplementation> implementations, int threads = 1, long cacheBytes = 16 << 20)
        : base(isa, SharedThreadPool.Default, threads, cacheBytes, ~CpuFeatures.Host.Isa) => Register(implementations);

    /// <summary>The tile that products are asked for, as if it had been measured; null leaves it to their cost model.</summary>
    public KernelTile? Tile { get; init; }

    private protected override KernelTile? MeasuredTile(ProblemLine problem) => Tile;
}
