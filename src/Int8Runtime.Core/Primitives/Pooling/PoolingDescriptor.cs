// Max and average pooling.
namespace Int8Runtime;

/// <summary>How a window is reduced.</summary>
public enum PoolingAlgorithm
{
    /// <summary>The largest element of the window; padding does not take part.</summary>
    Max,

    /// <summary>The sum of the window divided by its whole size.</summary>
    AverageIncludePadding,

    /// <summary>The sum of the window divided by the number of elements inside the source.</summary>
    AverageExcludePadding,
}

/// <summary>
/// Pooling over one to three spatial dimensions: source and destination [N, C, …spatial]. Scale and zero point pass
/// through an integer pooling unchanged unless the attributes give the destination others; averages of integers round to
/// nearest even. A padded element counts as the source's zero point, that is as real 0. With <see
/// cref="PoolingAlgorithm.AverageIncludePadding"/> the divisor counts only positions inside the source and its declared padding,
/// so windows that reach beyond them in ceil mode divide by less.
/// </summary>
public sealed record PoolingDescriptor : PrimitiveDescriptor, IUnaryDescriptor
{
    /// <inheritdoc/>
    public override PrimitiveKind Kind => PrimitiveKind.Pooling;

    /// <summary>How a window is reduced.</summary>
    public required PoolingAlgorithm Algorithm { get; init; }

    /// <summary>The source, [N, C, …spatial].</summary>
    public required MemoryDescriptor Source { get; init; }

    /// <summary>The destination, [N, C, …spatial].</summary>
    public required MemoryDescriptor Destination { get; init; }

    /// <summary>Extent of the window for each spatial dimension.</summary>
    public required Shape Kernel { get; init; }

    /// <summary>Step of the window; ones if not set.</summary>
    public Shape Strides { get; init; }

    /// <summary>Distance of neighbouring taps (1 = dense); ones if not set.</summary>
    public Shape Dilations { get; init; }

    /// <summary>Padding before the first element; zeros if not set.</summary>
    public Shape PaddingBefore { get; init; }

    /// <summary>Padding after the last element; zeros if not set. Windows may reach beyond it (ceil mode) but must start inside.</summary>
    public Shape PaddingAfter { get; init; }

    /// <summary>Number of spatial dimensions.</summary>
    public int SpatialRank => Source.Rank - 2;

    /// <summary>Step of the window in spatial dimension <paramref name="axis"/>.</summary>
    public int Stride(int axis) => Strides.Count == 0 ? 1 : Strides[axis];

    /// <summary>Dilation in spatial dimension <paramref name="axis"/>.</summary>
    public int Dilation(int axis) => Dilations.Count == 0 ? 1 : Dilations[axis];

    /// <summary>Padding before spatial dimension <paramref name="axis"/>.</summary>
    public int Before(int axis) => PaddingBefore.Count == 0 ? 0 : PaddingBefore[axis];

    /// <summary>Padding after spatial dimension <paramref name="axis"/>.</summary>
    public int After(int axis) => PaddingAfter.Count == 0 ? 0 : PaddingAfter[axis];

    /// <inheritdoc/>
    public override void Validate(PrimitiveAttributes attributes)
    {
        ArgumentNullException.ThrowIfNull(attributes);
        Require(SpatialRank is >= 1 and <= 3 && Destination.Rank == Source.Rank,
            $"needs one to three spatial dimensions: {Source} → {Destination}.");
        Require(Kernel.Count == SpatialRank, $"the kernel {Kernel} needs {SpatialRank} extents.");
        RequireEntries(
            SpatialRank, (nameof(Strides), Strides), (nameof(Dilations), Dilations), (nameof(PaddingBefore), PaddingBefore),
            (nameof(PaddingAfter), PaddingAfter));
        Require(Source.Dimensions[0] == Destination.Dimensions[0] && Source.Dimensions[1] == Destination.Dimensions[1],
            "batch and channels stay the same.");
        for (int a = 0; a < SpatialRank; a++)
        {
            Require(Kernel[a] >= 1, $"the kernel {Kernel} is empty.");
            RequireWindow(a, Source.Dimensions[a + 2], (Kernel[a], Stride(a), Dilation(a)), (Before(a), After(a)));
            long lastStart = ((long)(Destination.Dimensions[a + 2] - 1) * Stride(a)) - Before(a);
            Require(lastStart < Source.Dimensions[a + 2] + After(a),
                $"the last window of spatial dimension {a} starts outside the padded source.");
        }

        RequireZeroPoint(attributes.SourceZeroPoint, Source.DataType, "source");
        RequireZeroPoint(attributes.DestinationZeroPoint, Destination.DataType, "destination");
        RequirePostOps(attributes.PostOps, Destination);
    }

    /// <inheritdoc/>
    internal override void WriteProblem(ProblemWriter writer)
    {
        writer.Start("pool");
        writer.Types("dt", Source, Destination);
        writer.Layouts("tag", Source, Destination);
        writer.Option("alg", ProblemNames.Pooling[Algorithm]);
        int[] axes = [.. Enumerable.Range(0, SpatialRank)];
        ConvolutionAxis[] windows =
            [.. axes.Select(a =>
                new ConvolutionAxis(Source.Dimensions[a + 2], Destination.Dimensions[a + 2], Kernel[a], Stride(a), Dilation(a),
                    Before(a)))];
        
        // Only this divisor depends on how much padding is declared; no window reaches beyond what is deduced.
        if (Algorithm == PoolingAlgorithm.AverageIncludePadding && axes.Any(a => After(a) < windows[a].PaddingAfter))
            writer.Differ("padding after the source");
        writer.Window("", Source, Destination, withChannels: false, windows);
    }
}
