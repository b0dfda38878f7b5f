// How a chain of convolutions is divided into bands of rows that stay in the second-level cache.
namespace Int8Runtime.X64;

/// <summary>What the size of a band depends on.</summary>
/// <param name="Window">Source rows that a row of the result meets.</param>
/// <param name="Stride">Source rows from a row of the result to the next.</param>
/// <param name="SourceRows">Rows of the source.</param>
/// <param name="SourceRowBytes">Bytes of a row of the source.</param>
internal readonly record struct BandLayer(int Window, int Stride, int SourceRows, long SourceRowBytes);

/// <summary>
/// Splits an image into bands of destination rows. For each band every convolution writes the rows that the next one meets into scratch
/// memory of the thread, small enough to stay in the second-level cache; rows that two bands need are computed once and kept. All are
/// the ordinary plans for tensors of a band's height, so nothing is generated here.
/// </summary>
/// <param name="name">The implementation, for refusals and plans.</param>
/// <param name="convolutions">The implementations that plan the stages.</param>
/// <param name="cacheBytes">Second-level cache of a core; 0 if unknown.</param>
internal sealed class BandedConvolutions(string name, IReadOnlyList<IImplementation> convolutions, long cacheBytes)
{
    /// <summary>
    /// Whether floats have to be the same bits as those of the convolutions one after the other: bands that would need other tiles are
    /// refused then.
    /// </summary>
    public bool KeepsTiles { get; init; }

    // Bands for each thread, so that a slow one does not hold up the others much.
    private const int BandsPerThread = 2;

    /// <summary>The rows of all tensors that belong to a band fill at most this part of the cache; weights and stacks need the rest.</summary>
    public static long Budget(long cacheBytes) => (cacheBytes > 0 ? cacheBytes : 1 << 20) / 4 * 3;

    /// <summary>Bytes of the rows of a chain's source, of everything between, and of its destination that belong to a band.</summary>
    /// <param name="layers">The chain.</param>
    /// <param name="rowBytes">Bytes of a row of the destination.</param>
    /// <param name="rows">Rows of the destination.</param>
    public static long BytesOfBand(IReadOnlyList<BandLayer> layers, long rowBytes, int rows)
    {
        long bytes = rows * rowBytes;
        foreach (BandLayer layer in layers.Reverse())
        {
            rows = Math.Min(((rows - 1) * layer.Stride) + layer.Window, layer.SourceRows);
            bytes += rows * layer.SourceRowBytes;
        }

        return bytes;
    }

    /// <summary>Plans the chain, or says why it cannot be computed in bands.</summary>
    /// <param name="stages">The convolutions, at least two.</param>
    /// <param name="isa">Instruction sets that may be used.</param>
    /// <param name="threads">Number of threads.</param>
    /// <param name="refusal">The reason where the result is null.</param>
    public BandedPlan? TryPlan(IReadOnlyList<ConvolutionStage> stages, Isa isa, int threads, out Rejection? refusal)
    {
        foreach (ConvolutionStage stage in stages)
        {
            IEnumerable<MemoryDescriptor> operands = stage.Attributes.PostOps.OfType<OperandPostOp>().Select(postOp => postOp.Operand);
            foreach (MemoryDescriptor tensor in operands.Append(stage.Descriptor.Source).Append(stage.Descriptor.Destination))
            {
                if (tensor.Rank == 4 && tensor.IsStrided && tensor.InnerBlocks.IsEmpty)
                    continue;
                refusal = new Rejection(name, RejectionReason.Layout, $"{tensor} has no rows of its own");
                return null;
            }
        }

        // Where bands would need other kernels than whole images, an image is one band.
        refusal = null;
        foreach (int rows in (int[])[RowsOfBand(stages, threads), stages[^1].Descriptor.Destination.Dimensions[2]])
        {
            var planner = new BandPlanner(name, convolutions, isa, stages) { KeepsTiles = KeepsTiles };
            if (planner.TryPlan(rows, out refusal) is { } bands)
                return new BandedPlan(name, stages, bands, planner.Plans, threads);
        }

        return null;
    }

    private int RowsOfBand(IReadOnlyList<ConvolutionStage> stages, int threads)
    {
        MemoryDescriptor destination = stages[^1].Descriptor.Destination;
        int height = destination.Dimensions[2], images = destination.Dimensions[0], fitting = 1;
        BandLayer[] layers = [.. stages.Select(stage => stage.Layer)];
        while (fitting < height && BytesOfBand(layers, stages[^1].RowBytes, fitting + 1) <= Budget(cacheBytes))
            fitting++;
        int wanted = threads == 1 ? 1 : ((threads * BandsPerThread) + images - 1) / images;
        int bands = Math.Max((height + fitting - 1) / fitting, wanted);
        if (images % threads != 0)
            bands = (bands + threads - 1) / threads * threads; // the same number for each thread
        return (height + bands - 1) / bands;
    }
}
