// Blocks of compact weights as f32 in a worker's scratch memory, for kernels that read each weight many times.
using Int8Runtime.Jit;

namespace Int8Runtime.X64;

/// <summary>
/// Expands the weights of a block of columns behind one another, as <see cref="BrgemmWeights"/> has them. A block that stays in the
/// second-level cache costs a few cycles for each vector of weights, which many rows share.
/// </summary>
internal sealed unsafe class ExpandedBlocks
{
    /// <summary>
    /// By how much less the rows of a unit of work count against the cache: its weights are expanded again for each unit, so units have
    /// more rows.
    /// </summary>
    public const int MoreRows = 8;

    private readonly CompactFormat _format;
    private readonly BrgemmWeightsSpec _spec;
    private readonly CompiledKernel _kernel;
    private readonly int _vectors;

    /// <summary>Makes the kernel, or takes it from the cache.</summary>
    /// <param name="cache">Where kernels are kept.</param>
    /// <param name="isa">Instruction sets.</param>
    /// <param name="format">The compact weights.</param>
    /// <param name="spec">The expanded ones.</param>
    /// <param name="vectors">Vectors of columns of a block.</param>
    public ExpandedBlocks(KernelCache cache, Isa isa, CompactFormat format, BrgemmWeightsSpec spec, int vectors)
    {
        (_format, _spec, _vectors) = (format, spec, vectors);
        _kernel = new CompactExpansion().GetOrCreate(cache, new CompactExpansionSpec(format, spec.VectorStride), isa);
    }

    /// <summary>Scratch bytes of a worker.</summary>
    public long ScratchBytes => ScratchLayout.RoundUp((long)_vectors * _spec.VectorStride);

    /// <summary>Vectors of columns that a block may have, so that it stays in the second-level cache; at least 1.</summary>
    /// <param name="spec">The expanded weights.</param>
    /// <param name="cpu">The CPU.</param>
    public static int MostVectors(BrgemmWeightsSpec spec, CpuFeatures cpu) =>
        Math.Max(1, (cpu.Caches.L2 > 0 ? cpu.Caches.L2 : 1 << 20) / 2 / spec.VectorStride);

    /// <summary>Expands a block.</summary>
    /// <param name="matrix">The compact weights of the block's matrix.</param>
    /// <param name="block">The block.</param>
    /// <param name="room"><see cref="ScratchBytes"/> bytes.</param>
    public void Expand(PreparedWeights matrix, int block, byte* room)
    {
        int first = block * _vectors;
        var arguments = new CompactExpansionArguments
        {
            Weights = (byte*)matrix.Vectors + (first * _format.VectorStride),
            Expanded = room,
            Vectors = Math.Min(_vectors, _spec.Vectors - first),
        };
        _kernel.Entry(&arguments);
    }

    /// <summary>The weights of a matrix as kernels see them, which count vectors from its first one.</summary>
    /// <param name="matrix">The compact weights.</param>
    /// <param name="block">The block that was expanded.</param>
    /// <param name="room">Where it lies.</param>
    public PreparedWeights View(PreparedWeights matrix, int block, byte* room) =>
        matrix with { Vectors = (nint)(room - ((long)block * _vectors * _spec.VectorStride)) };
}
