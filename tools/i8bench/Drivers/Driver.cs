// The drivers by name. A primitive joins with one line in the table; a driver without a builder is known but not served.
namespace Int8Runtime.Bench;

/// <summary>A case ready to be planned.</summary>
/// <param name="Descriptor">The operation.</param>
/// <param name="Attributes">Quantization and post-ops.</param>
/// <param name="MultiplyAccumulates">Useful multiply-adds; 0 where speed is not counted in them.</param>
/// <param name="InPlace">Whether the destination is the first source.</param>
/// <param name="RuntimeDimensions">
/// Whether dimensions count as known at execution only, so that each execution looks the primitive up.
/// </param>
internal sealed record BenchProblem(
    PrimitiveDescriptor Descriptor, PrimitiveAttributes Attributes, long MultiplyAccumulates = 0, bool InPlace = false,
    bool RuntimeDimensions = false);

/// <summary>One of benchdnn's drivers.</summary>
/// <param name="Name">The word that selects it, without dashes.</param>
/// <param name="Build">Makes a case of options and a problem text; null for primitives that the library does not have.</param>
internal sealed record Driver(string Name, Func<Options, string, BenchProblem>? Build)
{
    /// <summary>All drivers.</summary>
    public static IReadOnlyList<Driver> All { get; } =
    [
        new("conv", ProductDrivers.Convolution),
        new("deconv", ProductDrivers.Deconvolution),
        new("ip", ProductDrivers.InnerProduct),
        new("matmul", ProductDrivers.MatMul),
        new("pool", WindowDrivers.Pooling),
        new("resampling", WindowDrivers.Resampling),
        new("lrn", WindowDrivers.Lrn),
        new("eltwise", ElementDrivers.Eltwise),
        new("binary", ElementDrivers.Binary),
        new("prelu", ElementDrivers.PRelu),
        new("softmax", ElementDrivers.Softmax),
        new("concat", ElementDrivers.Concat),
        new("sum", ElementDrivers.Sum),
        new("shuffle", ElementDrivers.Shuffle),
        new("reorder", ElementDrivers.Reorder),
        new("bnorm", StatisticsDrivers.BatchNormalization),
        new("gnorm", StatisticsDrivers.GroupNormalization),
        new("lnorm", StatisticsDrivers.LayerNormalization),
        new("reduction", StatisticsDrivers.Reduction),
        new("rnn", null),
        new("brgemm", null),
        new("zeropad", null),
        new("graph", null),
        new("gated_mlp", null),
        new("self", null),
    ];

    /// <summary>The driver of a name; null where there is none.</summary>
    public static Driver? Find(string name) => All.FirstOrDefault(driver => driver.Name == name);

    /// <summary>Throws where a case is out of scope for every driver.</summary>
    public static void RequireInScope(Options options)
    {
        if (options["engine"].Split(':')[0] != "cpu")
            throw new SkipException(SkipReason.Gpu, options["engine"]);
        if (options["dir"].StartsWith("BWD", StringComparison.Ordinal))
            throw new SkipException(SkipReason.Backward, options["dir"]);
        if (options["encoding"].Trim(':').Length > 0)
            throw new SkipException(SkipReason.Sparse, options["encoding"]);
    }
}
